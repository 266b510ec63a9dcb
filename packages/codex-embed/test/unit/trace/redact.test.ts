import { expect, test } from "vitest";
import { traceProblem } from "../../../src/trace/context.js";
import { redactMessage } from "../../../src/trace/redact.js";
import { verifies } from "../../support/verifies.js";

const SECRET = "hunter2-is-plain";

test.each<[string, unknown]>([
  ["an API key", { method: "account/login/start", params: { type: "apiKey", apiKey: SECRET } }],
  ["tokens of a login", { result: { accessToken: SECRET, chatgptAccountId: "a" } }],
  ["the code of a device", { result: { userCode: SECRET } }],
  ["an attestation", { id: 1, result: { token: SECRET } }],
  ["variables", { params: { config: { mcp_servers: { a: { env: { ANY: SECRET, DEEP: { X: [SECRET] } } } } } } }],
  ["headers", { params: { http_headers: { "X-Any": SECRET } } }],
  ["the argument after a flag", { params: { args: ["serve", "--api-key", SECRET] } }],
  ["a password in text", { params: { delta: `password: ${SECRET}` } }],
  ["a list of tokens", { params: { refresh_token: [SECRET] } }],
])("redacts %s", (_, message) => {
  verifies("trace-file");
  expect(JSON.stringify(redactMessage(message, true))).not.toContain(SECRET);
  expect(JSON.stringify(redactMessage(message, false))).not.toContain(SECRET);
});

test("leaves everything else as it is", () => {
  const message = {
    method: "thread/tokenUsage/updated",
    params: { tokenUsage: { total: { totalTokens: 5 } }, list: [1, null, true, "text", "--model", "gpt-5"], empty: "" },
    emittedAtMs: 1,
  };
  expect(redactMessage(message, true)).toEqual(message);
});

test("without content keeps ids, methods, kinds and numbers, and no other text or key", () => {
  verifies("trace-file");
  const message = {
    method: "item/completed",
    id: "a-b",
    params: {
      threadId: "t-1",
      item: { type: "commandExecution", id: "call_1", command: "rm -rf", status: "completed", exitCode: 0 },
      files: { "/home/me/secret.txt": { kind: "a secret kind" } },
    },
  };
  expect(redactMessage(message, false)).toEqual({
    method: "item/completed",
    id: "a-b",
    params: {
      threadId: "t-1",
      item: { type: "commandExecution", id: "call_1", command: "[6 characters]", status: "completed", exitCode: 0 },
      files: { "[key]": { kind: "[13 characters]" } },
    },
  });
});

test("does not run out of stack, and keeps a key called __proto__ harmless", () => {
  const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`);
  expect(JSON.stringify(redactMessage(deep, true))).toContain("[too deep]");
  const odd: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
  expect(Object.keys(Object(redactMessage(odd, true)))).toEqual(["__proto__"]);
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test.each([
  [`00-${TRACE}-${SPAN}-01`, undefined, true],
  [`cc-${TRACE}-${SPAN}-00`, "a=1,b=2", true],
  [`ff-${TRACE}-${SPAN}-01`, undefined, false],
  [`00-${"0".repeat(32)}-${SPAN}-01`, undefined, false],
  [`00-${TRACE}-${"0".repeat(16)}-01`, undefined, false],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined, false],
  [`00-${TRACE}-${SPAN}-01\n`, undefined, false],
  [`00-${TRACE}-${SPAN}-01`, "a=1\nb", false],
  [`00-${TRACE}-${SPAN}-01`, "x".repeat(513), false],
])("the trace context %j with %j: %j", (traceparent, tracestate, isValid) => {
  verifies("trace-context");
  expect(traceProblem({ traceparent, tracestate }) === null).toBe(isValid);
});
