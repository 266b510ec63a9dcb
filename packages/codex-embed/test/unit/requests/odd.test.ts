/** Tests that nothing a handler, a logger or a listener throws or returns costs more than a refusal with one report. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf } from "../../../src/errors/base.js";
import type { Handlers } from "../../../src/requests/handlers.js";
import type { Logger } from "../../../src/runtime/activityLog.js";
import { completed, itemStarted, threadId, turnId } from "../../support/events.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const escaped: unknown[] = [];
const note = (reason: unknown) => void escaped.push(reason);
beforeEach(() => void process.on("unhandledRejection", note));
afterEach(async () => {
  await turnOfTheLoop();
  process.off("unhandledRejection", note);
  expect(escaped.splice(0)).toEqual([]);
});

function fail(): never {
  throw new Error("Broken.");
}
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
const circle: { self?: unknown } = {};
circle.self = circle;
const deep: unknown = Array.from({ length: 20_000 }).reduce((inner) => [inner], "x");

/** What can be thrown, and what is no answer to anything. Each is made anew, since some can be used once. */
const odd: Readonly<Record<string, () => unknown>> = {
  "an object without a prototype": () => Object.create(null),
  "a symbol": () => Symbol("odd"),
  "a revoked proxy": revoked,
  "a proxy that throws": () => new Proxy({}, { get: fail, ownKeys: fail, has: fail, getPrototypeOf: fail }),
  "an error whose message throws": () => Object.defineProperty(new Error("x"), "message", { get: fail }),
  "an error whose message is no text": () => Object.defineProperty(new Error("x"), "message", { value: Symbol("x") }),
  "an object whose toString throws": () => ({ toString: fail }),
  "a circle": () => circle,
  "a circle in an answer": () => ({ action: "accept", content: circle, permissions: circle, q: circle }),
  "a BigInt": () => 1n,
  "a BigInt in an answer": () => ({ action: "accept", content: { n: 1n }, permissions: { network: 1n }, q: 1n }),
  "a getter that throws": () => ({
    get action() {
      return fail();
    },
    get permissions() {
      return fail();
    },
    get q() {
      return fail();
    },
    get success() {
      return fail();
    },
  }),
  "a toJSON that throws": () => ({
    action: "accept",
    content: { toJSON: fail },
    permissions: { toJSON: fail },
    q: { toJSON: fail },
  }),
  "a toJSON that gives nothing": () => ({ action: "accept", toJSON: () => undefined }),
  "nesting without end": () => ({ action: "accept", content: deep, permissions: deep, q: deep }),
  "a function in an answer": () => ({ action: "accept", content: { f: fail }, permissions: { f: fail }, q: fail }),
  undefined: () => undefined,
};

const requests: readonly (readonly [keyof Handlers, string, object, unknown])[] = [
  ["approveCommand", "item/commandExecution/requestApproval", {}, { decision: "decline" }],
  ["approveFileChange", "item/fileChange/requestApproval", {}, { decision: "decline" }],
  ["approvePermissions", "item/permissions/requestApproval", { permissions: {} }, { permissions: {}, scope: "turn" }],
  [
    "approveMcpTool",
    "mcpServer/elicitation/request",
    { _meta: { codex_approval_kind: "mcp_tool_call" } },
    { action: "decline", content: null, _meta: null },
  ],
  ["answerQuestions", "item/tool/requestUserInput", { questions: [] }, { answers: {} }],
  [
    "answerElicitation",
    "mcpServer/elicitation/request",
    { mode: "form" },
    { action: "decline", content: null, _meta: null },
  ],
  [
    "callTool",
    "item/tool/call",
    { callId: "i", tool: "x", namespace: null, arguments: {} },
    { success: false, contentItems: [{ type: "inputText", text: "This tool is not available." }] },
  ],
  [
    "approveLegacyPatch",
    "applyPatchApproval",
    {},
    { decision: { denied: { rejection: "Nobody is there to decide." } } },
  ],
];

/** Asks a client whose handlers do this; what it answers, and how often it reports. */
async function ask(handler: keyof Handlers, method: string, params: object, act: () => unknown) {
  const client = await FakeClient.connect({ handlers: { [handler]: untyped(act) } });
  let reports = 0;
  client.runtime.listeners.on("handlerError", ({ params: { error } }) => {
    reports += 1;
    // A listener may throw it on.
    throw error;
  });
  const changes = [{ path: "/a", kind: { type: "add" as const }, diff: "" }];
  client.transport.receive(itemStarted({ type: "fileChange", id: "i", changes, status: "inProgress" }));
  client.transport.receive({ id: "asked", method, params: { threadId, turnId, itemId: "i", ...params } });
  let answer;
  while (answer === undefined) {
    await turnOfTheLoop();
    answer = client.transport.sent.find(({ id }) => id === "asked");
  }
  await turnOfTheLoop();
  return { answer, reports };
}

describe.each(requests)("%s", (handler, method, params, decline) => {
  test.each(Object.entries(odd))("%s", async (_, make) => {
    verifies("throwing-callbacks");
    const expected = { answer: { id: "asked", result: decline }, reports: 1 };
    const throwing = () => {
      throw make();
    };
    expect(await ask(handler, method, params, throwing)).toEqual(expected);
    // oxlint-disable-next-line prefer-promise-reject-errors -- that is what is tested
    expect(await ask(handler, method, params, () => Promise.reject(make()))).toEqual(expected);
    // What has no members of its own is a valid answer to questions: none of them is answered.
    const returned = { ...expected, reports: handler === "answerQuestions" ? expect.any(Number) : 1 };
    expect(await ask(handler, method, params, make)).toEqual(returned);
    expect(await ask(handler, method, params, async () => make())).toEqual(returned);
  });
});

test("what is checked is what is sent: a getter that changes its mind is asked once", async () => {
  verifies("throwing-callbacks");
  let reads = 0;
  const answer = {
    get permissions() {
      reads += 1;
      return reads === 1 ? {} : { network: { enabled: true } };
    },
  };
  const asked = await ask("approvePermissions", "item/permissions/requestApproval", {}, () => answer);
  expect(asked).toEqual({ answer: { id: "asked", result: { permissions: {}, scope: "turn" } }, reports: 0 });
});

test.each(Object.entries(odd))("the message of what was thrown: %s", (_, make) => {
  expect(typeof messageOf(make())).toBe("string");
});

describe.each(Object.entries(odd))("a logger that throws or rejects with %s", (_, make) => {
  const throwing = () => {
    throw make();
  };
  // oxlint-disable-next-line prefer-promise-reject-errors -- that is what is tested
  const rejecting = () => Promise.reject(make());
  const getters = {
    get debug() {
      return throwing();
    },
    get info() {
      return throwing();
    },
    get warn() {
      return throwing();
    },
    get error() {
      return throwing();
    },
  };
  const all = (log: () => unknown) => ({ debug: log, info: log, warn: log, error: log });
  test.each<[string, object]>([
    ["at once", all(throwing)],
    ["later", all(rejecting)],
    ["when it is looked up", getters],
    // oxlint-disable-next-line no-thenable -- that is what is tested
    ["as something that can be awaited", all(() => Object.defineProperty({}, "then", { get: throwing }))],
    ["in no way: it has no methods", {}],
  ])("%s", async (__, logger) => {
    verifies("throwing-callbacks");
    const client = await FakeClient.connect({ logger: untyped<Logger>(logger) });
    client.transport.receive({ id: 0, method: "item/commandExecution/requestApproval", params: { threadId, turnId } });
    client.transport.receiveText("no message");
    client.transport.receive(completed());
    await turnOfTheLoop();
    client.runtime.warn("Something.", {});
    client.transport.receive({ id: 1, method: "item/commandExecution/requestApproval", params: { threadId } });
    await turnOfTheLoop();
    expect(client.transport.sent.at(-1)).toEqual({ id: 1, result: { decision: "decline" } });
  });
});
