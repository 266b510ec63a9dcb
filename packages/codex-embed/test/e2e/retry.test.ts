/** The end-to-end tests of repeating what failed for a reason that passes. */

import {
  type CodexError,
  InternalRpcError,
  InvalidParamsError,
  isRetryableError,
  RetryLimitExceededError,
  retryOnOverload,
  ServerBusyError,
  TurnFailedError,
  UsageError,
} from "codex-embed";
import { fail, message } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
const busy = new ServerBusyError("SERVER_BUSY", "thread/list", { code: -32001, message: "Server overloaded." });
const bad = new InvalidParamsError("INVALID_PARAMS", "thread/list", { code: -32602, message: "Bad." });
const quick = { initialDelayMs: 1, maxDelayMs: 2 };

/** Fails with these errors in turn, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const calls: number[] = [];
  const call = async () => {
    const error = errors[calls.length];
    calls.push(performance.now());
    if (error !== undefined) throw error;
    return "done";
  };
  return { call, calls };
}

test("a turn that failed for a reason that passes is repeated", async () => {
  const thread = await bench.thread(fail(503), fail(429), message("Better."));
  const result = await retryOnOverload(() => thread.run("Hi"), quick);
  expect(result.finalResponse).toBe("Better.");
});

test("a turn that failed for another reason is not", async () => {
  const thread = await bench.thread(fail(401));
  const error = await rejection(
    retryOnOverload(() => thread.run("Hi"), quick),
    TurnFailedError,
  );
  expect(error.httpStatus).toBe(401);
  expect(bench.requestsOf(thread)).toHaveLength(1);
});

test("a turn that fails at every attempt rejects with its last error", async () => {
  const thread = await bench.thread(fail(500), fail(502), fail(503));
  const error = await rejection(
    retryOnOverload(() => thread.run("Hi"), quick),
    TurnFailedError,
  );
  expect(error.httpStatus).toBe(503);
});

describe("retryOnOverload", () => {
  test("succeeds at last", async () => {
    verifies("retry-on-overload");
    const { call, calls } = failing(busy, busy);
    expect(await retryOnOverload(call, quick)).toBe("done");
    expect(calls).toHaveLength(3);
  });

  test("gives up after maxAttempts, with the last answer as the cause", async () => {
    const { call, calls } = failing(busy, busy, busy, busy);
    const error = await rejection(retryOnOverload(call, { ...quick, maxAttempts: 2 }), RetryLimitExceededError);
    expect(error).toMatchObject({ code: "RETRY_LIMIT_EXCEEDED", attempts: 2, cause: busy, method: "thread/list" });
    expect(error).toBeInstanceOf(ServerBusyError);
    expect(calls).toHaveLength(2);
    expect(await rejection(retryOnOverload(failing(busy).call, { maxAttempts: 1 }), ServerBusyError)).toBe(busy);
  });

  test("does not repeat what a repetition does not mend", async () => {
    verifies("retry-on-overload");
    for (const error of [bad, new Error("mine"), new RetryLimitExceededError(3, busy)]) {
      const { call, calls } = failing(error);
      expect(await rejection(retryOnOverload(call, quick), Error)).toBe(error);
      expect(calls).toHaveLength(1);
    }
  });

  test("waits longer each time, up to a limit", async () => {
    const { call, calls } = failing(busy, busy, busy);
    await retryOnOverload(call, { maxAttempts: 4, initialDelayMs: 20, maxDelayMs: 40, jitter: 0 });
    const waits = calls.slice(1).map((time, index) => time - (calls[index] ?? 0));
    for (const [index, atLeast] of [20, 40, 40].entries()) expect(waits[index]).toBeGreaterThanOrEqual(atLeast - 1);
  });

  test("a signal ends the waiting with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("Enough.");
    const { call, calls } = failing(busy, busy);
    const waiting = retryOnOverload(call, { initialDelayMs: 60_000, maxDelayMs: 60_000, signal: controller.signal });
    await Promise.resolve();
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(calls).toHaveLength(1);
    await expect(retryOnOverload(call, { signal: controller.signal })).rejects.toBe(reason);
    expect(calls).toHaveLength(1);
  });

  test("options that make no sense are refused", async () => {
    const { call, calls } = failing();
    for (const options of [
      { maxAttempts: 0 },
      { maxAttempts: 1.5 },
      { initialDelayMs: -1 },
      { jitter: 2 },
      { maxDelayMs: Number.NaN },
    ]) {
      await rejection(retryOnOverload(call, options), UsageError);
    }
    expect(calls).toEqual([]);
  });
});

test("isRetryableError", async () => {
  const overloaded = await turnError(fail(503));
  const forbidden = await turnError(fail(403));
  const verdicts = [busy, bad, new RetryLimitExceededError(3, busy), overloaded, forbidden, new Error("x"), null].map(
    isRetryableError,
  );
  expect(verdicts).toEqual([true, false, false, true, false, false, false]);
});

test.each([
  ["a text", "server_overloaded", true],
  ["a field", { codexErrorInfo: "serverOverloaded" }, true],
  ["a field of a field", { error: { codex_error_info: "SERVER_OVERLOADED" } }, true],
  ["an element", [{ info: ["server_overloaded"] }], true],
  ["another text", { codexErrorInfo: "contextWindowExceeded" }, false],
  ["a longer text", "not server_overloaded", false],
  ["nothing", undefined, false],
])("an answer whose data is %s is judged by what it says", async (_, data, isRetryable) => {
  const error = new InternalRpcError("INTERNAL", "turn/start", { code: -32603, message: "Failed.", data });
  expect(isRetryableError(error)).toBe(isRetryable);
  const { call, calls } = failing(error);
  const run = retryOnOverload(call, quick);
  if (isRetryable) expect(await run).toBe("done");
  else expect(await rejection(run, InternalRpcError)).toBe(error);
  expect(calls).toHaveLength(isRetryable ? 2 : 1);
});

test("data of any size and depth is read in bounded time", () => {
  let deep: unknown = "server_overloaded";
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const wide = Array.from({ length: 200_000 }, () => ({}));
  for (const data of [deep, wide]) {
    expect(isRetryableError(new InternalRpcError("INTERNAL", "a", { code: -32603, message: "Failed.", data }))).toBe(
      false,
    );
  }
});

async function turnError(failure: ReturnType<typeof fail>): Promise<CodexError> {
  const thread = await bench.thread(failure);
  return rejection(thread.run("Hi"), TurnFailedError);
}
