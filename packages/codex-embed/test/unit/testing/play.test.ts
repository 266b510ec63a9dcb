/** Owns the checks of what steps become on the wire: events, deltas, pauses, failures. */

import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  applyPatch,
  delay,
  disconnect,
  fail,
  failResponse,
  gate,
  incomplete,
  malformed,
  message,
  rawEvent,
  rawItem,
  rawToolCall,
  reasoning,
  ScriptedModel,
  shell,
  silence,
  step,
  toolCall,
  updatePlan,
  usage,
} from "../../../src/testing/index.js";
import { compile, IdCounter } from "../../../src/testing/script.js";
import { play } from "../../../src/testing/scriptedModel.js";
import { verifies } from "../../support/verifies.js";
import { ask, open, readUntil, types } from "./ask.js";

let model: ScriptedModel;
beforeEach(async () => {
  model = await ScriptedModel.start();
});
afterEach(() => model.close());

test("streams a message as the Responses API does", async () => {
  model.enqueue(message("Hello", { phase: "final_answer", deltas: 2 }));
  const { status, headers, events } = await ask(model.baseUrl);
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/event-stream");
  const item = { type: "message", role: "assistant", id: "msg_1", phase: "final_answer" };
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  expect(events).toEqual([
    { type: "response.created", response: { id: "resp_1" } },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.output_text.delta", ...place, delta: "He" },
    { type: "response.output_text.delta", ...place, delta: "llo" },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { ...item, status: "completed", content: [{ type: "output_text", text: "Hello", annotations: [] }] },
    },
    { type: "response.completed", response: { id: "resp_1" } },
  ]);
});

test("streams reasoning: summary sections, then raw content", async () => {
  model.enqueue(reasoning({ summary: [["a", "b"], "c"], content: ["raw"], id: "own" }));
  const { events } = await ask(model.baseUrl);
  expect(types(events)).toEqual([
    "response.created",
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events.at(-2)).toMatchObject({
    item: {
      id: "own",
      summary: [
        { type: "summary_text", text: "ab" },
        { type: "summary_text", text: "c" },
      ],
      content: [{ type: "reasoning_text", text: "raw" }],
    },
  });
});

test("puts several outputs, the usage and the end of the turn into one response", async () => {
  const counts = usage({ input: 10, cached: 4, output: 5, reasoning: 2 });
  model.enqueue(step({ endTurn: false }, message("first"), toolCall("look", { at: 1 }, { namespace: "eyes" }), counts));
  const { events } = await ask(model.baseUrl);
  const done = events.filter(({ type }) => type === "response.output_item.done");
  expect(done).toMatchObject([
    { output_index: 0, item: { type: "message" } },
    { output_index: 1, item: { name: "look", namespace: "eyes", arguments: '{"at":1}', call_id: "call_1" } },
  ]);
  expect(events.at(-1)).toEqual({
    type: "response.completed",
    response: {
      id: "resp_1",
      end_turn: false,
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 15,
      },
    },
  });
});

test("writes the tool calls that the runtime knows", async () => {
  model.enqueue(
    step(
      shell("ls", { escalate: { justification: "why" }, workdir: "/w", yieldTimeMs: 5, callId: "mine" }),
      applyPatch("*** Begin Patch", { deltas: ["*** ", "Begin Patch"] }),
      updatePlan([{ step: "one", status: "pending" }], { explanation: "so" }),
      rawToolCall("odd", "{not json"),
    ),
  );
  const { events } = await ask(model.baseUrl);
  const done = events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
  const escalated = { sandbox_permissions: "require_escalated", justification: "why" };
  expect(done).toMatchObject([
    {
      name: "exec_command",
      call_id: "mine",
      arguments: JSON.stringify({ cmd: "ls", workdir: "/w", login: false, yield_time_ms: 5, ...escalated }),
    },
    { type: "custom_tool_call", name: "apply_patch", input: "*** Begin Patch", call_id: "call_1" },
    { arguments: '{"explanation":"so","plan":[{"step":"one","status":"pending"}]}', call_id: "call_2" },
    { name: "odd", arguments: "{not json" },
  ]);
  const deltas = events.filter(({ type }) => type === "response.custom_tool_call_input.delta");
  expect(deltas.map(({ delta }) => delta)).toEqual(["*** ", "Begin Patch"]);
});

test("passes raw items and events on", async () => {
  const item = { type: "web_search_call", id: "ws_1" };
  model.enqueue(step(rawItem(item), rawEvent({ type: "error", message: "x" })));
  const { events } = await ask(model.baseUrl);
  expect(events.slice(1, 3)).toEqual([
    { type: "response.output_item.done", output_index: 0, item },
    { type: "error", message: "x" },
  ]);
});

test("waits at a gate between two deltas", async () => {
  verifies("scripted-failures");
  const hold = gate();
  model.enqueue(message({ deltas: ["before", hold, "after"] }));
  const response = await open(model.baseUrl);
  const { text, rest } = await readUntil(response, "before");
  await hold.reached;
  expect(text).not.toContain("after");
  hold.open();
  const more = await rest();
  expect(more).toContain('"delta":"after"');
  expect(more).toContain('"text":"beforeafter"');
});

test("waits at a gate before an HTTP failure", async () => {
  const hold = gate();
  model.enqueue(step(hold, fail(503)));
  const answer = ask(model.baseUrl);
  await hold.reached;
  hold.open();
  expect((await answer).status).toBe(503);
});

test("does not wait at a gate that is open already", async () => {
  const hold = gate();
  hold.open();
  model.enqueue(step(hold, message("x")));
  expect((await ask(model.baseUrl)).events).toHaveLength(5);
});

test("tells who waits for a gate that the client hung up before it", async () => {
  const first = gate();
  const second = gate();
  model.enqueue(step(first, message("x"), second));
  const response = await open(model.baseUrl);
  await first.reached;
  await response.body?.cancel();
  await expect(second.reached).rejects.toThrow("the runtime disconnected, before it");
});

test("waits for a delay", async () => {
  const start = gate();
  model.enqueue(step(start, delay(40), message("x")));
  const answer = ask(model.baseUrl);
  await start.reached;
  const startedAtMs = performance.now();
  start.open();
  await answer;
  // Timers may fire up to a millisecond early.
  expect(performance.now() - startedAtMs).toBeGreaterThan(38);
});

test("gives a delay up when the client hangs up", async () => {
  const start = gate();
  const after = gate();
  model.enqueue(step(start, delay(3_600_000), after));
  const response = await open(model.baseUrl);
  start.open();
  await response.body?.cancel();
  await expect(after.reached).rejects.toThrow("The gate was not reached");
});

test("sends the headers of a step", async () => {
  model.enqueue(step({ headers: { "x-codex-primary-used-percent": "43" } }, message("x")));
  expect((await ask(model.baseUrl)).headers.get("x-codex-primary-used-percent")).toBe("43");
});

test("fails over HTTP", async () => {
  verifies("scripted-failures");
  model.enqueue(
    fail(429, { code: "c", type: "t", message: "m", details: { resets_at: 1 }, headers: { "retry-after": "1" } }),
    fail(500, { body: "plain" }),
  );
  const first = await ask(model.baseUrl);
  expect(first.status).toBe(429);
  expect(first.headers.get("retry-after")).toBe("1");
  expect(JSON.parse(first.text)).toEqual({ error: { message: "m", type: "t", code: "c", resets_at: 1 } });
  expect(await ask(model.baseUrl)).toMatchObject({ status: 500, text: "plain" });
});

test("fails or stops short in the stream", async () => {
  model.enqueue(failResponse("server_error", "boom"), step(message("x"), incomplete("content_filter")));
  expect((await ask(model.baseUrl)).events.slice(1)).toEqual([
    {
      type: "response.failed",
      response: { id: "resp_1", status: "failed", error: { code: "server_error", message: "boom" } },
    },
  ]);
  expect((await ask(model.baseUrl)).events.at(-1)).toMatchObject({
    type: "response.incomplete",
    response: { incomplete_details: { reason: "content_filter" } },
  });
});

test("drops the connection after everything before was sent", async () => {
  verifies("scripted-failures");
  const long = "x".repeat(300_000);
  model.enqueue(step(message(long), disconnect()));
  const { text, rest } = await readUntil(await open(model.baseUrl), "output_item.done");
  expect(text).toContain(long);
  await expect(rest()).rejects.toThrow();
});

test("sends what cannot be read", async () => {
  model.enqueue(step(message("x"), malformed()), malformed("body"));
  const garbled = await (await open(model.baseUrl)).text();
  expect(garbled).toContain("data: {not json");
  expect(garbled).not.toContain("response.completed");
  const body = await ask(model.baseUrl);
  expect(body.headers.get("content-type")).toBe("text/html");
  expect(body.text).toBe("<html>Not SSE</html>");
});

test("falls silent behind what it sent, until the client goes", async () => {
  model.enqueue(step(message("x"), silence()));
  const response = await open(model.baseUrl);
  await readUntil(response, "output_item.done");
  const request = await model.request(0);
  await model.close();
  await expect(request.ended).resolves.toBe("cut off");
});

test("does not wait for a client that went away before the answer began", async () => {
  const server = createServer((_request, response) => {
    response.destroy();
    response.once(
      "close",
      () => void play(compile(step(silence()), new IdCounter()), response).then(() => server.close()),
    );
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server got no port.");
  const closed = once(server, "close");
  await expect(fetch(`http://127.0.0.1:${address.port}`)).rejects.toThrow("fetch failed");
  await closed;
});

test("carries texts of many megabytes and of every alphabet", async () => {
  const long = "zażółć gęślą 🦊\n".repeat(200_000);
  model.enqueue(message(long, { deltas: 100 }));
  const { events } = await ask(model.baseUrl);
  const deltas = events.filter(({ type }) => type === "response.output_text.delta");
  expect(deltas).toHaveLength(100);
  expect(deltas.map(({ delta }) => delta).join("")).toBe(long);
});
