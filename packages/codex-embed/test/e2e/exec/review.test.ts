/** Tests reviews by the exec client on the pinned runtime. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AbortError, type ReviewTarget } from "codex-embed/exec";
import { gate, message } from "codex-embed/testing";
import { expect, test } from "vitest";
import { ExecBench, gitOf, rejection } from "../../support/execBench.js";
import { verifies } from "../../support/verifies.js";

const verdict = (file: string) =>
  message(
    JSON.stringify({
      findings: [
        {
          title: "[P1] It is off by one",
          body: "The last line is lost.",
          confidence_score: 0.9,
          priority: 1,
          code_location: { absolute_file_path: file, line_range: { start: 2, end: 3 } },
        },
      ],
      overall_correctness: "patch is incorrect",
      overall_explanation: "One thing is wrong.",
      overall_confidence_score: 0.8,
    }),
  );

test("a review gives its findings, and a thread that goes on", async () => {
  verifies("exec-review");
  const bench = await ExecBench.start();
  gitOf(bench);
  const file = join(bench.home.workspace, "a.txt");
  await writeFile(file, "one\ntwo\nthree\n");
  bench.model.enqueue(verdict(file), message("Mended."));
  const outputLastMessage = join(bench.home.workspace, "last.txt");
  const review = await bench
    .codex()
    .review({ type: "uncommittedChanges" }, { ...bench.threadOptions, outputLastMessage });
  expect(review).toMatchObject({
    threadId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    text: expect.stringContaining("It is off by one"),
    findings: [
      { title: "[P1] It is off by one", body: "The last line is lost.", priority: 1, file, startLine: 2, endLine: 3 },
    ],
    verdict: { explanation: "One thing is wrong." },
    turn: { items: [{ type: "agent_message" }] },
  });
  expect(await readFile(outputLastMessage, "utf8")).toBe(review.text);
  const thread = bench.codex().resumeThread(review.threadId ?? "", bench.threadOptions);
  expect(await thread.run("Mend it.")).toMatchObject({ finalResponse: "Mended." });
  expect(JSON.stringify(bench.model.requests.at(-1)?.input)).toContain("It is off by one");
});

test.each<{ target: ReviewTarget; asks: string }>([
  { target: { type: "baseBranch", branch: "HEAD" }, asks: "against the base branch 'HEAD'" },
  { target: { type: "commit", sha: "HEAD", title: "Begin" }, asks: 'commit HEAD ("Begin")' },
  { target: { type: "custom", instructions: "Look for races." }, asks: "Look for races." },
])("the reviewer of $target.type is told what to look at", async ({ target, asks }) => {
  const bench = await ExecBench.start();
  gitOf(bench);
  bench.model.enqueue(message("All is well."));
  const { findings, verdict: said } = await bench.codex().review(target, bench.threadOptions);
  expect({ findings, explanation: said?.explanation }).toEqual({ findings: [], explanation: "All is well." });
  expect(bench.lastTexts().at(-1)).toContain(asks);
});

test("a review is aborted as a turn is, and an option is no branch", async () => {
  const bench = await ExecBench.start();
  gitOf(bench);
  const open = gate();
  bench.model.enqueue(message({ deltas: ["never", open] }));
  const controller = new AbortController();
  const options = { ...bench.threadOptions, signal: controller.signal };
  const running = rejection(bench.codex().review({ type: "uncommittedChanges" }, options));
  await open.reached;
  controller.abort();
  const error = await running;
  expect(error).toBeInstanceOf(AbortError);
  expect(error).toHaveProperty("stack", expect.stringContaining("review.test.ts"));
  const branch = "--dangerously-bypass-approvals-and-sandbox";
  expect(await rejection(bench.codex().review({ type: "baseBranch", branch }, bench.threadOptions))).toMatchObject({
    code: "EXEC_EXITED",
    exitCode: 2,
  });
});
