/** What callers are told of an outcome, and what they are not told. */

import { LaunchError, TransportClosedError, TurnDeadlineError, TurnInProgressError, UsageError } from "codex-embed";
import { describe, expect, test } from "vitest";
import { tokens } from "../../../codex-embed/test/support/events.js";
import { describeFailure, errorResult, ToolError, turnResult } from "../../src/results.js";

const turn = {
  id: "u",
  threadId: "t",
  startedAt: null,
  completedAt: null,
  durationMs: null,
  text: "",
  items: [],
  usage: null,
  diff: null,
  plan: null,
  changes: null,
  undo: async () => [],
};

describe("a turn that has ended", () => {
  test("gives its message, its thread and its tokens", () => {
    const usage = { turn: tokens(9), thread: tokens(20), contextWindow: null };
    const result = turnResult({ ...turn, status: "completed", finalResponse: "Done.", usage });
    expect(result.isError).toBeUndefined();
    expect(result.structuredContent).toEqual({
      threadId: "t",
      content: "Done.",
      status: "completed",
      usage: { inputTokens: 8, cachedInputTokens: 0, outputTokens: 1, reasoningOutputTokens: 0, totalTokens: 9 },
    });
  });

  test("without a message says so to those who read the text alone", () => {
    const result = turnResult({ ...turn, status: "completed", finalResponse: null });
    expect(result.content[0]).toEqual({ type: "text", text: "(The agent ended without a message.)" });
    expect(result.structuredContent).toEqual({ threadId: "t", content: "", status: "completed" });
  });

  test("by an interruption is no success", () => {
    const result = turnResult({ ...turn, status: "interrupted", finalResponse: "Half." });
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toMatchObject({
      status: "interrupted",
      content: expect.stringContaining("Half."),
    });
  });
});

describe("a failure", () => {
  const reason = { initiator: "runtime" as const, exitCode: 3, signal: null, stderrTail: "SECRET" };
  test.each<[unknown, string]>([
    [new ToolError("No."), "No."],
    [new TurnInProgressError("t", null), "Thread t already has a turn in flight."],
    [new TurnDeadlineError({ threadId: "t", turnId: "u" }, 5), "(5 ms)"],
    [new TransportClosedError(reason), "exit code 3"],
    [new LaunchError("BINARY_NOT_FOUND", "Looked at /home/SECRET", { stderrTail: "SECRET" }), "(BINARY_NOT_FOUND)"],
    [new UsageError("Wrong."), "Wrong."],
    [new Error("SECRET"), "Internal error"],
    ["SECRET", "Internal error"],
  ])("is told without what is the operator's: %s", (error, told) => {
    expect(describeFailure(error)).toContain(told);
    expect(describeFailure(error)).not.toContain("SECRET");
  });

  test("names its thread when there is one", () => {
    expect(errorResult(new ToolError("No."), null)).toEqual({
      content: [{ type: "text", text: "No." }],
      isError: true,
    });
    expect(errorResult(new ToolError("No."), "t")).toMatchObject({
      isError: true,
      structuredContent: { threadId: "t", status: "failed", content: "No." },
    });
  });
});
