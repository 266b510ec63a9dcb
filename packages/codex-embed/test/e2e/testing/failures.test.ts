/** Scripted failures on the pinned runtime: how each of them ends a turn. */

import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createTestHome,
  disconnect,
  fail,
  failResponse,
  gate,
  incomplete,
  malformed,
  message,
  type Part,
  rawEvent,
  ScriptedModel,
  type Step,
  shell,
  silence,
  step,
  type TestHome,
} from "../../../src/testing/index.js";
import { asObject, type FinishedTurn, itemsOf, RawRuntime } from "./rawRuntime.js";

let model: ScriptedModel;
let home: TestHome;
let runtime: RawRuntime;
beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
  runtime = await RawRuntime.start(home);
});
afterAll(async () => {
  await runtime.close();
  await model.close();
  await home.dispose();
});

const httpFailed = (status: number): unknown => ({ httpConnectionFailed: { httpStatusCode: status } });

const cases: readonly (readonly [name: string, step: Step | Part, info: unknown, message: RegExp])[] = [
  ["failed: server_error", failResponse("server_error", "boom"), "other", /stream disconnected .*boom/],
  ["failed: context", failResponse("context_length_exceeded"), "contextWindowExceeded", /context window/],
  ["failed: rate limit", failResponse("rate_limit_exceeded"), "rateLimitExceeded", /rate limit/],
  ["failed: slow down", failResponse("slow_down"), "rateLimitExceeded", /rate limit/],
  ["failed: quota", failResponse("insufficient_quota"), "usageLimitExceeded", /Quota exceeded/],
  ["failed: usage not included", failResponse("usage_not_included"), "usageLimitExceeded", /./],
  ["failed: overloaded", failResponse("server_is_overloaded"), "serverOverloaded", /capacity/],
  ["failed: cyber policy", failResponse("cyber_policy", "boom"), "cyberPolicy", /boom/],
  ["failed: bio policy", failResponse("bio_policy", "boom"), "bioPolicy", /boom/],
  ["failed: invalid prompt", failResponse("invalid_prompt", "bad prompt"), "other", /bad prompt/],
  ["incomplete: length", step(message("part"), incomplete()), "other", /max_output_tokens/],
  ["incomplete: filter", incomplete("content_filter"), "other", /content_filter/],
  ["HTTP 400", fail(400, { message: "odd" }), "other", /odd/],
  ["HTTP 400 context", fail(400, { code: "context_length_exceeded" }), "contextWindowExceeded", /context window/],
  ["HTTP 401", fail(401), httpFailed(401), /401/],
  ["HTTP 403", fail(403), httpFailed(403), /403/],
  ["HTTP 404", fail(404), httpFailed(404), /404/],
  ["HTTP 404 model", fail(404, { code: "model_not_found", message: "no model" }), "modelNotFound", /no model/],
  ["HTTP 408", fail(408), httpFailed(408), /408/],
  ["HTTP 413", fail(413), httpFailed(413), /413/],
  ["HTTP 429", fail(429), { responseTooManyFailedAttempts: { httpStatusCode: 429 } }, /429/],
  ["HTTP 429 usage limit", fail(429, { type: "usage_limit_reached" }), "usageLimitExceeded", /usage limit/],
  ["HTTP 500", fail(500), "internalServerError", /high demand/],
  ["HTTP 502", fail(502), httpFailed(502), /502/],
  ["HTTP 503", fail(503), httpFailed(503), /503/],
  ["HTTP 503 behind a pause", step(opened(), fail(503)), httpFailed(503), /503/],
  ["disconnect", disconnect(), "other", /stream disconnected/],
  ["malformed event", step(message("x"), malformed()), "other", /stream disconnected/],
  ["malformed body", malformed("body"), "other", /stream disconnected/],
];

test.each(cases)("%s", async (_name, source, info, wanted) => {
  const before = model.requests.length;
  model.enqueue(source);
  const turn = await runtime.run("hi");
  expect(turn.status).toBe("failed");
  expect(turn.error?.["codexErrorInfo"]).toEqual(info);
  expect(turn.error?.["message"]).toMatch(wanted);
  const errors = turn.events.filter(({ method }) => method === "error");
  expect(errors.map(({ params }) => params)).toMatchObject([{ willRetry: false, error: turn.error }]);
  expect(model.requests.length - before).toBe(1);
  model.assertComplete();
});

test("a request that no step is left for fails the turn, and says so", async () => {
  await using other = await startRuntime({});
  const turn = await other.runtime.run("hi");
  expect(turn.error?.["message"]).toContain("ScriptedModel has no step left for request 0");
  expect(() => other.model.assertComplete()).toThrow("no step left for request 0");
});

test("a disconnect in the middle of a message: the deltas came, the message was never completed", async () => {
  const hold = gate();
  model.enqueue(step(message({ deltas: ["partial", hold] }), disconnect()));
  const threadId = await runtime.startThread();
  const turnId = await runtime.startTurn(threadId, "hi");
  await runtime.until(({ params }) => params["turnId"] === turnId && params["delta"] === "partial");
  hold.open();
  const turn = await runtime.finish(turnId);
  expect(turn.status).toBe("failed");
});

test("silence ends by the idle timeout", async () => {
  await using other = await startRuntime({ model_providers: { mock: { stream_idle_timeout_ms: 100 } } });
  other.model.enqueue(step(message("x"), silence()));
  const turn = await other.runtime.run("hi");
  expect(turn.error).toMatchObject({ codexErrorInfo: "other", message: expect.stringContaining("idle timeout") });
  expect(await other.model.requests[0]?.ended).toBe("cut off");
});

test("a retried stream: the second step answers, and completed commands are kept", async () => {
  await using other = await startRuntime({}, 1);
  other.model.enqueue(step(shell("echo once"), disconnect()), message("done"));
  const turn = await other.runtime.run("hi");
  expect(turn.status).toBe("completed");
  expect(retries(turn)).toEqual(["Reconnecting... 1/1"]);
  expect(itemsOf(turn, "commandExecution")).toHaveLength(1);
  expect(other.model.requests).toHaveLength(2);
  other.model.assertComplete();
});

test("an SSE error event", async () => {
  model.enqueue(step(rawEvent({ type: "error", error: { message: "boom" } }), disconnect()));
  const turn = await runtime.run("hi");
  expect(turn.error?.["codexErrorInfo"]).toBe("other");
});

function opened(): ReturnType<typeof gate> {
  const open = gate();
  open.open();
  return open;
}

function retries(turn: FinishedTurn): unknown[] {
  return turn.events
    .filter(({ method, params }) => method === "error" && params["willRetry"] === true)
    .map(({ params }) => asObject(params["error"])["message"]);
}

async function startRuntime(
  extraConfig: NonNullable<Parameters<typeof createTestHome>[0]["extraConfig"]>,
  streamMaxRetries = 0,
): Promise<{ model: ScriptedModel; runtime: RawRuntime } & AsyncDisposable> {
  const ownModel = await ScriptedModel.start();
  const ownHome = await createTestHome({ model: ownModel, extraConfig, streamMaxRetries });
  const own = await RawRuntime.start(ownHome);
  return {
    model: ownModel,
    runtime: own,
    async [Symbol.asyncDispose]() {
      await own.close();
      await ownModel.close();
      await ownHome.dispose();
    },
  };
}
