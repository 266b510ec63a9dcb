/** The end-to-end tests of turns that fail: each way of the model to fail, what the error carries, and retries. */

import { createServer } from "node:http";
import { TransportClosedError, TurnFailedError } from "codex-embed";
import {
  disconnect,
  fail,
  failResponse,
  gate,
  incomplete,
  malformed,
  message,
  type Part,
  rawEvent,
  type Step,
  shell,
  silence,
  startTestCodex,
  step,
} from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { beginningOf, eventsOf, itemsOf, nextNotification, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

interface Expected {
  readonly info: unknown;
  readonly httpStatus?: number;
  readonly retryable?: boolean;
}

const http = (status: number, retryable: boolean): Expected => ({
  info: { httpConnectionFailed: { httpStatusCode: status } },
  httpStatus: status,
  retryable,
});

const failures: readonly (readonly [what: string, step: Step | Part, expected: Expected, message: RegExp])[] = [
  ["server_error", failResponse("server_error", "boom"), { info: "other" }, /boom/],
  ["unknown code", failResponse("who_knows", "boom"), { info: "other" }, /boom/],
  ["context length", failResponse("context_length_exceeded"), { info: "contextWindowExceeded" }, /context window/],
  ["rate limit", failResponse("rate_limit_exceeded"), { info: "rateLimitExceeded", retryable: true }, /rate limit/],
  ["slow down", failResponse("slow_down"), { info: "rateLimitExceeded", retryable: true }, /rate limit/],
  ["quota", failResponse("insufficient_quota"), { info: "usageLimitExceeded" }, /Quota/],
  ["usage not included", failResponse("usage_not_included"), { info: "usageLimitExceeded" }, /./],
  ["overloaded", failResponse("server_is_overloaded"), { info: "serverOverloaded", retryable: true }, /capacity/],
  ["cyber policy", failResponse("cyber_policy", "boom"), { info: "cyberPolicy" }, /boom/],
  ["bio policy", failResponse("bio_policy", "boom"), { info: "bioPolicy" }, /boom/],
  ["invalid prompt", failResponse("invalid_prompt", "bad prompt"), { info: "other" }, /bad prompt/],
  ["incomplete by length", incomplete(), { info: "other" }, /max_output_tokens/],
  ["incomplete by filter", incomplete("content_filter"), { info: "other" }, /content_filter/],
  ["HTTP 400", fail(400, { message: "odd" }), { info: "other" }, /odd/],
  ["HTTP 400 context", fail(400, { code: "context_length_exceeded" }), { info: "contextWindowExceeded" }, /context/],
  ["HTTP 401", fail(401), http(401, false), /401/],
  ["HTTP 403", fail(403), http(403, false), /403/],
  ["HTTP 404", fail(404), http(404, false), /404/],
  ["HTTP 404 model", fail(404, { code: "model_not_found", message: "none" }), { info: "modelNotFound" }, /none/],
  ["HTTP 408", fail(408), http(408, true), /408/],
  ["HTTP 413", fail(413), http(413, false), /413/],
  [
    "HTTP 429",
    fail(429),
    { info: { responseTooManyFailedAttempts: { httpStatusCode: 429 } }, httpStatus: 429, retryable: true },
    /429/,
  ],
  ["HTTP 429 usage limit", fail(429, { type: "usage_limit_reached" }), { info: "usageLimitExceeded" }, /usage limit/],
  ["HTTP 500", fail(500), { info: "internalServerError", retryable: true }, /high demand/],
  ["HTTP 502", fail(502), http(502, true), /502/],
  ["HTTP 503", fail(503), http(503, true), /503/],
  ["dropped connection", disconnect(), { info: "other" }, /stream disconnected/],
  ["malformed JSON", malformed(), { info: "other" }, /stream disconnected/],
  ["a page instead of a stream", malformed("body"), { info: "other" }, /stream disconnected/],
  [
    "SSE error event",
    step(rawEvent({ type: "error", error: { message: "boom" } }), disconnect()),
    { info: "other" },
    /./,
  ],
];

test.each(failures)("%s", async (_what, failing, expected, text) => {
  verifies("thread-after-failure");
  const thread = await bench.thread(failing);
  // After contextWindowExceeded the runtime asks for a compaction first.
  bench.respond(thread, () => message("Better."));
  const error = await rejection(thread.run("Hi"), TurnFailedError);
  expect(error).toMatchObject({ code: "TURN_FAILED", threadId: thread.id, message: expect.stringMatching(text) });
  expect(error.info).toEqual(expected.info);
  expect(error.httpStatus).toBe(expected.httpStatus ?? null);
  expect(error.retryable).toBe(expected.retryable ?? false);
  expect(error.result).toMatchObject({ id: error.turnId, status: "failed", finalResponse: null });
  expect(error.result.items.map(({ type }) => type)).toEqual(["userMessage"]);
  expect((await thread.run("Again")).finalResponse).toBe("Better.");
});

describe("failures that a provider's settings bring about", () => {
  const provider = (settings: Readonly<Record<string, string | number>>) => ({
    ephemeral: true,
    modelProvider: "own",
    config: { model_providers: { own: { name: "Own", wire_api: "responses", stream_max_retries: 0, ...settings } } },
  });

  test("no bytes for the idle timeout", async () => {
    const thread = await bench.threadWith(
      provider({ base_url: bench.model.baseUrl, request_max_retries: 0, stream_idle_timeout_ms: 100 }),
      step(message({ deltas: ["part"] }), silence()),
    );
    const error = await rejection(thread.run("Hi"), TurnFailedError);
    expect(error).toMatchObject({ info: "other", httpStatus: null, message: expect.stringContaining("idle timeout") });
  });

  test("a missing key of the provider", async () => {
    const settings = { base_url: bench.model.baseUrl, request_max_retries: 0, env_key: "NO_SUCH_VARIABLE" };
    const thread = await bench.threadWith(provider(settings));
    const error = await rejection(thread.run("Hi"), TurnFailedError);
    expect(error).toMatchObject({ info: "other", retryable: false });
    expect(error.message).toContain("Missing environment variable: `NO_SUCH_VARIABLE`");
  });

  test("connection refused", async () => {
    const port = await freePort();
    const settings = { base_url: `http://127.0.0.1:${port}/v1`, request_max_retries: 0 };
    const thread = await bench.threadWith(provider(settings));
    const error = await rejection(thread.run("Hi"), TurnFailedError);
    expect(error.info).toEqual({ httpConnectionFailed: { httpStatusCode: null } });
    expect(error).toMatchObject({ httpStatus: null, retryable: true });
  });
});

test("the error carries what was completed before: items, final response, usage", async () => {
  verifies("turn-failure");
  const thread = await bench.thread(
    step({ usage: { input: 10, output: 1 } }, message("On it."), shell("echo done")),
    step(...beginningOf("never compl"), disconnect()),
  );
  const { result } = await rejection(thread.run("Hi"), TurnFailedError);
  expect(result.items.map(({ type }) => type)).toEqual(["userMessage", "agentMessage", "commandExecution"]);
  expect(result.finalResponse).toBe("On it.");
  expect(itemsOf(result, "commandExecution")).toMatchObject([{ aggregatedOutput: "done\n", exitCode: 0 }]);
  expect(result.usage?.turn).toMatchObject({ inputTokens: 10, outputTokens: 1 });
  expect(result.durationMs).toBeGreaterThan(0);
});

test("every call of result() rejects with the same error", async () => {
  const thread = await bench.thread(fail(500));
  const turn = await thread.startTurn("Hi");
  const error = await rejection(turn.result(), TurnFailedError);
  expect(await rejection(turn.result(), TurnFailedError)).toBe(error);
});

test("a turn that nobody awaits may fail: that is no unhandled rejection", async () => {
  verifies("unawaited-failure");
  const thread = await bench.thread(fail(500));
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const failed = nextNotification(bench.codex, "turn/completed", (params) => params.threadId === thread.id);
  await thread.startTurn("Hi");
  expect((await failed).turn.status).toBe("failed");
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

describe("retries of the runtime", () => {
  const retrying = new SharedBench({ streamMaxRetries: 2 });

  test("a retry that succeeds: the error events end nothing", async () => {
    const thread = await retrying.thread(
      step(...beginningOf("lost"), disconnect()),
      step(shell("echo once"), disconnect()),
      message("Done.", { usage: { input: 10, output: 1 } }),
    );
    const turn = await thread.startTurn("Hi");
    const { events, error } = await readAll(turn);
    expect(error).toBeUndefined();
    const errors = eventsOf(events, "error").map(({ params }) => params);
    expect(errors.map(({ willRetry }) => willRetry)).toEqual([true, true]);
    expect(errors[0]?.error.codexErrorInfo).toEqual({ responseStreamDisconnected: { httpStatusCode: null } });
    const result = await turn.result();
    expect(result).toMatchObject({ status: "completed", finalResponse: "Done.", usage: { turn: { inputTokens: 10 } } });
    expect(itemsOf(result, "commandExecution")).toHaveLength(1);
    expect(itemsOf(result, "agentMessage").map(({ text }) => text)).toEqual(["Done."]);
    expect(eventsOf(events, "item/agentMessage/delta").map(({ params }) => params.delta)).toEqual(["lost", "Done."]);
    expect(retrying.requestsOf(thread)).toHaveLength(3);
  });

  test("retries that are used up: one error at the end", async () => {
    const thread = await retrying.thread(disconnect(), disconnect(), disconnect(), message("Better."));
    const turn = await thread.startTurn("Hi");
    const { events, error } = await readAll(turn);
    expect(error).toBeInstanceOf(TurnFailedError);
    expect(eventsOf(events, "error").map(({ params }) => params.willRetry)).toEqual([true, true, false]);
    expect((await thread.run("Again")).finalResponse).toBe("Better.");
  });
});

test("a turn whose runtime dies rejects, and says that it may have been carried out", async () => {
  await using own = await startTestCodex();
  const hold = gate();
  own.model.enqueue(message({ deltas: ["Hel", hold, "lo."] }));
  const thread = await own.codex.startThread({ ephemeral: true });
  const turn = await thread.startTurn("Hi");
  const reading = readAll(turn);
  await hold.reached;
  process.kill(own.codex.pid ?? Number.NaN, "SIGKILL");
  const error = await rejection(turn.result(), TransportClosedError);
  expect(error).toMatchObject({ signal: "SIGKILL", exitCode: null, maybeAccepted: true });
  expect((await reading).error).toBe(error);
  expect(await own.codex.closed).toMatchObject({ initiator: "runtime", signal: "SIGKILL" });
  await rejection(thread.run("Hi"), TransportClosedError);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No port.");
  return address.port;
}
