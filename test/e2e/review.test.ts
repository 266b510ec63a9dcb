/** Owns the end-to-end tests of reviews. */

import { TurnFailedError, TurnInProgressError } from "codex-embed";
import { fail, gate, message, type Part, type Step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification, rejection } from "../support/turns.js";

const bench = new SharedBench();

/** The reviewer asks on a thread of its own, so a script goes to the next one by its instructions. */
function scriptReview(instructions: string, ...steps: readonly (Step | Part)[]): void {
  bench.model
    .when((request) => request.subagent === "review" && request.lastUserText() === instructions)
    .enqueue(...steps);
}

const custom = (instructions: string) => ({ type: "custom", instructions }) as const;

const found = (title: string, start: number, end: number, priority?: number) => ({
  title,
  body: `About ${title}.\n\nMore.`,
  confidence_score: 0.9,
  ...(priority !== undefined && { priority }),
  code_location: { absolute_file_path: "/w/a b.ts", line_range: { start, end } },
});

const answer = (...findings: readonly unknown[]) =>
  JSON.stringify({
    findings,
    overall_correctness: "patch is incorrect",
    overall_explanation: "It breaks.",
    overall_confidence_score: 0.8,
  });

test("a review gives its findings, read from what the runtime renders, and leaves the thread free", async () => {
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Two.", message(answer(found("[P1] Off by one", 3, 5, 1), found("Odd — name", 7, 7, 2))));
  const review = await thread.review(custom("Two."));
  expect(review.turn).toMatchObject({ threadId: thread.id, status: "completed" });
  expect(review.findings).toEqual([
    {
      title: "[P1] Off by one",
      body: "About [P1] Off by one.\n\nMore.",
      priority: 1,
      confidence: null,
      file: "/w/a b.ts",
      startLine: 3,
      endLine: 5,
    },
    expect.objectContaining({ title: "Odd — name", priority: null, startLine: 7, endLine: 7 }),
  ]);
  expect(review.verdict).toEqual({ correctness: null, explanation: "It breaks.", confidence: null });
  expect(review.text).toBe(review.turn.finalResponse);
  expect(review.turn.items.map(({ type }) => type)).toEqual([
    "enteredReviewMode",
    "userMessage",
    "exitedReviewMode",
    "agentMessage",
  ]);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("a single finding, none, and plain words", async () => {
  const thread = await bench.thread();
  scriptReview("One.", message(answer(found("[P0] Bad", 1, 2, 0))));
  expect((await thread.review(custom("One."))).findings).toMatchObject([{ title: "[P0] Bad", priority: 0 }]);
  scriptReview("None.", message(answer()));
  expect(await thread.review(custom("None."))).toMatchObject({ findings: [], verdict: { explanation: "It breaks." } });
  scriptReview("Words.", message("Looks fine."));
  expect(await thread.review(custom("Words."))).toMatchObject({
    text: "Looks fine.",
    findings: [],
    verdict: { correctness: null, explanation: "Looks fine." },
  });
});

test("JSON that the runtime cannot read is read here", async () => {
  const thread = await bench.thread();
  scriptReview("Odd.", message(answer(found("No priority", 1, 2))));
  const review = await thread.review(custom("Odd."));
  expect(review.findings).toMatchObject([{ title: "No priority", priority: null, confidence: 0.9 }]);
  expect(review.verdict).toEqual({ correctness: "patch is incorrect", explanation: "It breaks.", confidence: 0.8 });
});

test("with raw events the whole of the reviewer's answer is known", async () => {
  const thread = await bench.threadWith({ ephemeral: true, experimentalRawEvents: true });
  scriptReview("Raw.", message(answer(found("Odd — name", 7, 7, 2))));
  const review = await thread.review(custom("Raw."));
  expect(review.findings).toMatchObject([{ title: "Odd — name", priority: 2, confidence: 0.9 }]);
  expect(review.verdict).toMatchObject({ correctness: "patch is incorrect", confidence: 0.8 });
});

test("a review keeps the thread busy, and its signal interrupts it", async () => {
  const hold = gate();
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Slow.", message({ deltas: ["a", hold] }));
  const controller = new AbortController();
  const reason = new Error("Enough.");
  const review = thread.review(custom("Slow."), { signal: controller.signal });
  const outcome = rejection(review, Error);
  await hold.reached;
  await rejection(thread.startTurn("Me"), TurnInProgressError);
  await rejection(thread.review(custom("Another.")), TurnInProgressError);
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  controller.abort(reason);
  expect((await completed).turn.status).toBe("interrupted");
  expect(await outcome).toBe(reason);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
  expect(await rejection(thread.review(custom("Late."), { signal: controller.signal }), Error)).toBe(reason);
});

test("a review that codex.request starts blocks the thread until its end, and no longer", async () => {
  const hold = gate();
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Raw request.", message({ deltas: ["a", hold] }));
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  await bench.codex.request("review/start", { threadId: thread.id, target: custom("Raw request.") });
  await hold.reached;
  await rejection(thread.run("Me"), TurnInProgressError);
  hold.open();
  await completed;
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("a commit needs no title", async () => {
  const thread = await bench.thread();
  const asked = nextNotification(
    bench.codex,
    "item/completed",
    ({ threadId, item }) => threadId === thread.id && item.type === "enteredReviewMode",
  );
  bench.model
    .when((request) => request.subagent === "review" && (request.lastUserText() ?? "").includes("abcdef1234"))
    .enqueue(message(answer()));
  await thread.review({ type: "commit", sha: "abcdef1234" });
  expect((await asked).item).toMatchObject({ review: "commit abcdef1" });
});

test("a reviewer whose model fails rejects, and the thread stays usable", async () => {
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Fails.", fail(400, { message: "bad" }));
  const error = await rejection(thread.review(custom("Fails.")), TurnFailedError);
  expect(error.threadId).toBe(thread.id);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});
