/** Owns the end-to-end tests of what a turn comes to: final response, items, usage, times, one turn at a time. */

import { TurnFailedError, TurnInProgressError } from "codex-embed";
import { applyPatch, fail, gate, message, type Part, reasoning, type Step, shell, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { itemsOf, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

test("run resolves with the result of the turn", async () => {
  verifies("run-result");
  const thread = await bench.thread(message("Hello."));
  const result = await thread.run("Hi");
  expect(result).toMatchObject({ threadId: thread.id, status: "completed", finalResponse: "Hello." });
  expect(result.items.map(({ type }) => type)).toEqual(["userMessage", "agentMessage"]);
  expect(itemsOf(result, "userMessage")[0]?.content).toMatchObject([{ type: "text", text: "Hi" }]);
  expect(bench.requestsOf(thread)[0]?.lastUserText()).toBe("Hi");
  expect(bench.requestsOf(thread)[0]?.turnId).toBe(result.id);
});

test("times: seconds of the Unix clock, and milliseconds for the duration", async () => {
  const thread = await bench.thread(message("Hello."));
  const before = Math.floor(Date.now() / 1000);
  const result = await thread.run("Hi");
  const after = Math.ceil(Date.now() / 1000);
  expect(result.startedAt).toBeGreaterThanOrEqual(before);
  expect(result.completedAt).toBeGreaterThanOrEqual(result.startedAt ?? Infinity);
  expect(result.completedAt).toBeLessThanOrEqual(after);
  expect(result.durationMs).toBeGreaterThan(0);
  expect(result.durationMs).toBeLessThan(30_000);
});

test("startTurn resolves while the turn runs; the result can be had any number of times", async () => {
  verifies("start-turn");
  const hold = gate();
  const thread = await bench.thread(step(hold, message("Hello.")));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  const early = turn.result();
  hold.open();
  const result = await early;
  expect(result.id).toBe(turn.id);
  expect(turn.threadId).toBe(thread.id);
  expect(await turn.result()).toBe(result);
});

const finals: readonly (readonly [what: string, steps: readonly (Step | Part)[], finalResponse: string | null])[] = [
  ["two messages without a phase: the second", [step(message("first"), message("second"))], "second"],
  [
    "an answer, then commentary: the answer",
    [step(message("A", { phase: "final_answer" }), message("B", { phase: "commentary" }))],
    "A",
  ],
  ["commentary alone: none", [message("C", { phase: "commentary" })], null],
  ["no phase, then commentary: the first", [step(message("N"), message("C", { phase: "commentary" }))], "N"],
  [
    "an answer, a tool, then no phase: the last wins",
    [step(message("FA", { phase: "final_answer" }), shell("true")), message("X")],
    "X",
  ],
  [
    "two answers: the second",
    [step(message("FA1", { phase: "final_answer" }), message("FA2", { phase: "final_answer" }))],
    "FA2",
  ],
  ["a message and a tool, then an empty response: the message", [step(message("kept"), shell("true")), step()], "kept"],
  ["an empty message: none", [message("")], null],
  ["an empty message after a text: the text", [step(message("text"), message(""))], "text"],
  ["no output at all: none", [step()], null],
  ["a response that goes on: the last", [step({ endTurn: false }, message("one")), message("two")], "two"],
  ["without deltas", [message("whole", { deltas: 0 })], "whole"],
  ["deltas that say something else than the message", [message("right", { deltas: ["wr", "ong"] })], "right"],
];

test.each(finals)("final response: %s", async (_what, steps, finalResponse) => {
  const thread = await bench.thread(...steps);
  expect(await thread.run("Hi")).toMatchObject({ status: "completed", finalResponse });
});

test("items: reasoning, commands and patches, each as it ended", async () => {
  verifies("items-in-order");
  const thread = await bench.thread(
    step(reasoning({ summary: ["Think."] }), shell("echo out; exit 3")),
    applyPatch("*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch"),
    message("Done."),
  );
  const result = await thread.run("Go");
  expect(result.items.map(({ type }) => type)).toEqual([
    "userMessage",
    "reasoning",
    "commandExecution",
    "fileChange",
    "agentMessage",
  ]);
  expect(itemsOf(result, "reasoning")[0]?.summary).toEqual(["Think."]);
  expect(itemsOf(result, "commandExecution")).toMatchObject([
    { status: "failed", exitCode: 3, aggregatedOutput: "out\n" },
  ]);
  expect(itemsOf(result, "fileChange")).toMatchObject([{ status: "completed", changes: [{ kind: { type: "add" } }] }]);
});

describe("usage", () => {
  test("none when the model reports none", async () => {
    verifies("turn-usage");
    const thread = await bench.thread(message("Hello."));
    expect((await thread.run("Hi")).usage).toBeNull();
  });

  test("adds up several model responses, and counts turns apart from the thread", async () => {
    verifies("turn-usage");
    const thread = await bench.thread(
      step(shell("true"), { kind: "usage", usage: { input: 100, cached: 40, output: 10, reasoning: 3 } }),
      message("Hello.", { usage: { input: 120, cached: 100, output: 5 } }),
      message("Bye.", { usage: { input: 130, output: 7, reasoning: 2 } }),
    );
    expect((await thread.run("Hi")).usage).toEqual({
      turn: breakdown({ input: 220, cached: 140, output: 15, reasoning: 3 }),
      thread: breakdown({ input: 220, cached: 140, output: 15, reasoning: 3 }),
      contextWindow: 258_400,
    });
    expect((await thread.run("Bye")).usage).toEqual({
      turn: breakdown({ input: 130, cached: 0, output: 7, reasoning: 2 }),
      thread: breakdown({ input: 350, cached: 140, output: 22, reasoning: 5 }),
      contextWindow: 258_400,
    });
  });

  test("a turn whose model reports nothing does not count the turn before again", async () => {
    const thread = await bench.thread(
      message("1", { usage: { input: 10, output: 1 } }),
      message("2"),
      message("3", { usage: { input: 30, output: 3 } }),
    );
    await thread.run("a");
    const silent = await thread.run("b");
    expect(silent.usage?.turn.totalTokens ?? 0).toBe(0);
    expect((await thread.run("c")).usage).toMatchObject({
      turn: { inputTokens: 30, outputTokens: 3 },
      thread: { inputTokens: 40, outputTokens: 4 },
    });
  });

  test("a fork begins with what its thread had used, and does not count it as its own", async () => {
    const thread = await bench.threadWith({}, message("1", { usage: { input: 10, output: 1 } }));
    await thread.run("a");
    const fork = await thread.fork();
    bench.script(fork, message("2", { usage: { input: 20, output: 2 } }));
    expect((await fork.run("b")).usage).toMatchObject({ turn: { inputTokens: 20 }, thread: { inputTokens: 30 } });
    const silent = await thread.fork();
    bench.script(silent, message("3"));
    expect((await silent.run("c")).usage?.turn.totalTokens ?? 0).toBe(0);
  });

  test("a turn that fails counts what it used, and not the turn before", async () => {
    const thread = await bench.thread(
      message("1", { usage: { input: 10, output: 1 } }),
      fail(500),
      step({ usage: { input: 20, output: 2 } }, shell("true")),
      fail(500),
    );
    await thread.run("a");
    const empty = await rejection(thread.run("b"), TurnFailedError);
    expect(empty.result.usage?.turn.totalTokens ?? 0).toBe(0);
    const partial = await rejection(thread.run("c"), TurnFailedError);
    expect(partial.result.usage).toMatchObject({ turn: { inputTokens: 20 }, thread: { inputTokens: 30 } });
  });

  test("a compaction counts only its own tokens", async () => {
    const thread = await bench.threadWith(
      {},
      message("1", { usage: { input: 10, output: 1 } }),
      message("Summary.", { usage: { input: 50, output: 5 } }),
      message("3", { usage: { input: 30, output: 3 } }),
    );
    await thread.run("a");
    expect((await thread.compact()).usage?.turn).toMatchObject({ inputTokens: 50, outputTokens: 5 });
    expect((await thread.run("c")).usage).toMatchObject({
      turn: { inputTokens: 30, outputTokens: 3 },
      thread: { inputTokens: 90, outputTokens: 9 },
    });
  });
});

test("a turn that compacts the history on its way counts the compaction and itself", async () => {
  const thread = await bench.threadWith(
    { ephemeral: true, config: { model_auto_compact_token_limit: 100 } },
    message("1", { usage: { input: 200, output: 10 } }),
    message("Summary.", { usage: { input: 50, output: 5 } }),
    message("2", { usage: { input: 20, output: 2 } }),
  );
  await thread.run("a");
  const result = await thread.run("b");
  expect(result.items.map(({ type }) => type)).toEqual(["contextCompaction", "userMessage", "agentMessage"]);
  expect(result.usage).toMatchObject({ turn: { totalTokens: 77 }, thread: { totalTokens: 287 } });
});

describe("one turn at a time", () => {
  test("a second turn is refused while the first runs, and does not disturb it", async () => {
    verifies("one-turn-at-a-time");
    const hold = gate();
    const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }), message("Second."));
    const turn = await thread.startTurn("Hi");
    await hold.reached;
    const error = await rejection(thread.startTurn("Again"), TurnInProgressError);
    expect(error).toMatchObject({ code: "TURN_IN_PROGRESS", threadId: thread.id, activeTurnId: turn.id });
    await rejection(thread.run("Again"), TurnInProgressError);
    expect((await readAll(thread.stream("Again"))).error).toBeInstanceOf(TurnInProgressError);
    hold.open();
    const result = await turn.result();
    expect(result.finalResponse).toBe("Hello.");
    expect(itemsOf(result, "userMessage")).toHaveLength(1);
    expect((await thread.run("Now")).finalResponse).toBe("Second.");
  });

  test("of two concurrent calls one wins", async () => {
    verifies("one-turn-at-a-time");
    const thread = await bench.thread(message("Hello."));
    const [first, second] = await Promise.allSettled([thread.run("one"), thread.run("two")]);
    expect(first).toMatchObject({ status: "fulfilled", value: { finalResponse: "Hello." } });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "TURN_IN_PROGRESS", activeTurnId: null } });
    expect(bench.requestsOf(thread)).toHaveLength(1);
  });

  test("a refused turn leaves the thread free", async () => {
    const thread = await bench.thread(message("Hello."));
    await expect(thread.startTurn({ type: "image", url: "https://example.com/a.png" })).rejects.toThrow("data: URL");
    await expect(thread.startTurn("x".repeat(1_048_577))).rejects.toThrow("maximum length");
    expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  });

  test("another handle of the same thread counts too", async () => {
    const hold = gate();
    const thread = await bench.threadWith({}, message("One."), step(hold, message("Two.")));
    await thread.run("Hi");
    const other = await bench.codex.resumeThread(thread.id);
    const turn = await thread.startTurn("Go on");
    await hold.reached;
    await rejection(other.startTurn("Me too"), TurnInProgressError);
    hold.open();
    expect((await turn.result()).finalResponse).toBe("Two.");
  });

  test("turns of one thread one after the other, each with its own result", async () => {
    const thread = await bench.thread(message("1"), message("2"), message("3"));
    const results = [await thread.run("a"), await thread.run("b"), await thread.run("c")];
    expect(results.map(({ finalResponse }) => finalResponse)).toEqual(["1", "2", "3"]);
    expect(new Set(results.map(({ id }) => id)).size).toBe(3);
  });
});

function breakdown(counts: { input: number; cached: number; output: number; reasoning: number }): object {
  return {
    totalTokens: counts.input + counts.output,
    inputTokens: counts.input,
    cachedInputTokens: counts.cached,
    cacheWriteInputTokens: 0,
    outputTokens: counts.output,
    reasoningOutputTokens: counts.reasoning,
  };
}
