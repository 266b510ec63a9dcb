/** Repeats that a decision binds what was shown, when the model of two threads uses one call id in both at the same time. */

import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type FileChangeApprovalRequest, type Handlers, type Thread, type ToolContext, tool } from "codex-embed";
import { approvalRules } from "codex-embed/approvals";
import { applyPatch, gate, message, type Part, shell, step, toolCall } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../../support/bench.js";
import { itemsOf } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const ROUNDS = 10;
const bench = new SharedBench({ sandbox: "workspace-write" });
const add = (path: string) => `*** Begin Patch\n*** Add File: ${path}\n+x\n*** End Patch`;

/** Lets the models of both threads answer at the same moment, and waits for both turns. */
async function together(threads: readonly Thread[], partsOf: (index: number) => Part[]) {
  const holds = threads.map((thread, index) => {
    const hold = gate();
    bench.script(thread, step(hold, ...partsOf(index)), message("Done."));
    return hold;
  });
  const turns = threads.map((thread) => thread.run("Go."));
  await Promise.all(holds.map(({ reached }) => reached));
  for (const hold of holds) hold.open();
  return Promise.all(turns);
}

test("file changes: the handlers see those of their own thread, and the rules write nothing that they do not allow", async () => {
  verifies("decision-binds");
  const outside = join(bench.codexHome, "outside");
  await mkdir(join(outside, "docs"), { recursive: true });
  const [evil, good] = [join(outside, "evil.sh"), join(outside, "docs", "good.md")];
  const rules = approvalRules({ paths: { allow: [join(outside, "docs/**")] } });
  const seen: (readonly [FileChangeApprovalRequest, string | null])[] = [];
  const handlers: Handlers = {
    ...rules,
    approveFileChange: async (request, context) => {
      seen.push([request, context.threadId]);
      return (await rules.approveFileChange?.(request, context)) ?? "decline";
    },
  };
  for (let round = 0; round < ROUNDS; round++) {
    const threads = [
      await bench.threadWith({ ephemeral: true, handlers }),
      await bench.threadWith({ ephemeral: true, handlers }),
    ];
    const results = await together(threads, (index) => [
      applyPatch(add(index === 0 ? evil : good), { callId: "call_1" }),
    ]);
    expect(seen.every(([{ threadId }, asked]) => asked === threadId)).toBe(true);
    const shown = new Map(seen.splice(0).map(([{ threadId, changes }]) => [threadId, changes.map(({ path }) => path)]));
    expect(threads.map(({ id }) => shown.get(id))).toEqual([[evil], [good]]);
    const statuses = results.map((result) => itemsOf(result, "fileChange").map(({ status }) => status));
    expect(statuses).toEqual([["declined"], ["completed"]]);
    expect([existsSync(evil), existsSync(good)]).toEqual([false, true]);
    await rm(good);
  }
});

test("file changes of one answer: each is shown by itself", async () => {
  verifies("decision-binds");
  const paths = ["one", "two", "three"].map((name) => join(bench.codexHome, `same-${name}`));
  const approveFileChange: Handlers["approveFileChange"] = ({ changes }) =>
    changes.every(({ path }) => path === paths[1]) ? "accept" : "decline";
  const thread = await bench.threadWith({ ephemeral: true, handlers: { approveFileChange } });
  const parts = paths.map((path) => applyPatch(add(path), { callId: "same" }));
  bench.script(thread, step(...parts), message("Done."));
  await thread.run("Go.");
  expect(paths.map((path) => existsSync(path))).toEqual([false, true, false]);
});

test("commands and tools: the decision and the result go to the thread that asked", async () => {
  verifies("decision-binds");
  const calls: string[] = [];
  const whoami = tool({
    name: "whoami",
    description: "Who asks?",
    parameters: { type: "object", properties: {} },
    execute: (_: unknown, { threadId }: ToolContext) => {
      calls.push(threadId);
      return threadId;
    },
  });
  for (let round = 0; round < ROUNDS; round++) {
    const paths = [0, 1].map((index) => join(bench.codexHome, `touched-${round}-${index}`));
    const handlers: Handlers = {
      approveCommand: ({ command }) => (command?.includes(paths[1] ?? "?") === true ? "accept" : "decline"),
    };
    const threads = [
      await bench.threadWith({ ephemeral: true, handlers, tools: [whoami] }),
      await bench.threadWith({ ephemeral: true, handlers, tools: [whoami] }),
    ];
    await together(threads, (index) => [
      shell(`touch ${paths[index]}`, { escalate: { justification: "Needed." }, callId: "call_1" }),
      toolCall("whoami", {}, { callId: "call_2" }),
    ]);
    expect(paths.map((path) => existsSync(path))).toEqual([false, true]);
    const told = threads.map((thread) => bench.requestsOf(thread)[1]?.toolOutput("call_2"));
    expect(told).toEqual(threads.map(({ id }) => id));
    expect(calls.splice(0).toSorted()).toEqual(threads.map(({ id }) => id).toSorted());
  }
});
