import { expect, test } from "vitest";
import { RecordedRequest } from "../../../src/testing/recordedRequest.js";

function record(body: Record<string, unknown>, headers: Record<string, string> = {}): RecordedRequest {
  return new RecordedRequest(0, body, headers, Promise.resolve("answered"));
}

test("finds the thread by the header, then by the body", () => {
  expect(record({ prompt_cache_key: "b" }, { "thread-id": "h" }).threadId).toBe("h");
  expect(record({ prompt_cache_key: "b" }).threadId).toBe("b");
  expect(record({}).threadId).toBeUndefined();
});

test("finds the turn and the helper that asks", () => {
  const request = record({}, { "x-codex-turn-metadata": '{"turn_id":"t"}', "x-openai-subagent": "guardian" });
  expect([request.turnId, request.subagent]).toEqual(["t", "guardian"]);
  expect(record({}, { "x-codex-turn-metadata": "{" }).turnId).toBeUndefined();
});

test("reads texts by role, whatever form the content has", () => {
  const request = record({
    input: [
      { role: "developer", content: "plain" },
      { role: "user", content: [{ text: "a" }, { type: "input_image" }, { text: "b" }] },
      { role: "user", content: 7 },
      "not an item",
    ],
  });
  expect(request.developerTexts()).toEqual(["plain"]);
  expect(request.userTexts()).toEqual(["a", "b"]);
  expect(request.lastUserText()).toBe("b");
  expect(request.input).toHaveLength(3);
  expect(record({}).userTexts()).toEqual([]);
});

test("names tools of every kind, and finds them by that name", () => {
  const inner = { type: "function", name: "find" };
  const request = record({
    tools: [
      { type: "function", name: "run" },
      { type: "web_search" },
      { type: "namespace", name: "crm", tools: [inner] },
    ],
    input: [{ type: "additional_tools", tools: [{ type: "custom", name: "exec" }] }],
  });
  expect(request.toolNames()).toEqual(["run", "web_search", "crm.find", "exec"]);
  expect(request.tool("crm.find")).toBe(inner);
  expect(request.tool("exec")).toEqual({ type: "custom", name: "exec" });
  expect(request.tool("crm.lost")).toBeUndefined();
});

test("reads the output of a call, and not the call itself", () => {
  const request = record({
    input: [
      { type: "function_call", call_id: "1", name: "x" },
      { type: "function_call_output", call_id: "1", output: "text" },
      { type: "custom_tool_call_output", call_id: "2", output: [{ text: "a" }, { text: "b" }] },
      { type: "function_call", call_id: "3", name: "x" },
    ],
  });
  expect(["1", "2", "3", "4"].map((id) => request.toolOutput(id))).toEqual(["text", "a\nb", undefined, undefined]);
});

test("reads the output schema", () => {
  const schema = { type: "object" };
  expect(record({ text: { format: { type: "json_schema", schema } } }).outputSchema()).toBe(schema);
  expect(record({ text: {} }).outputSchema()).toBeUndefined();
});
