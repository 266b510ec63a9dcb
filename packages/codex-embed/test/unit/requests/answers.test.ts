/** Tests the table of answers: for each request of the runtime, what a handler may say and what becomes of it. */

import { describe, expect, test, vi } from "vitest";
import type { FileUpdateChange } from "../../../src/protocol/generated/protocol.js";
import { serverRequestMethods } from "../../../src/protocol/generated/tables.js";
import { legacyServerRequestMethods } from "../../../src/protocol/generated/legacy.js";
import { RequestBroker } from "../../../src/requests/broker.js";
import { approveAll, type Handlers } from "../../../src/requests/handlers.js";
import { isServerMethod, type ServerMethod } from "../../../src/requests/values.js";
import type { HandlerErrorEvent } from "../../../src/stream/events.js";
import { itemStarted, threadId, turnId } from "../../support/events.js";
import { verifies } from "../../support/verifies.js";

/** What one request is asked by, with valid answers and what they are on the wire, and invalid ones. */
interface Row {
  readonly handler: keyof Handlers;
  readonly params?: object;
  readonly valid: readonly (readonly [answer: unknown, wire: unknown])[];
  readonly invalid: readonly unknown[];
  /** Null when only an error can refuse. */
  readonly decline: unknown;
}

const decision = (value: unknown) => [value, { decision: value }] as const;
const network = { host: "example.com", action: "allow" };
const denied = { decision: { denied: { rejection: expect.any(String) } } };
const junk = [
  null,
  "",
  "yes",
  1,
  true,
  [],
  {},
  "ACCEPT",
  "accept ",
  ["accept"],
  { decision: "accept" },
  () => "accept",
];
const fileSystemGrant = {
  network: { enabled: null },
  fileSystem: {
    read: null,
    write: ["/w"],
    globScanMaxDepth: 2,
    entries: [
      { path: { type: "path", path: "/w" }, access: "write" },
      { path: { type: "glob_pattern", pattern: "**/*.key" }, access: "deny" },
      { path: { type: "special", value: { kind: "tmpdir" } }, access: "read" },
    ],
  },
};
const mcpTool = { _meta: { codex_approval_kind: "mcp_tool_call" }, mode: "form", message: "May I?" };

const review: Pick<Row, "valid" | "invalid" | "decline"> = {
  valid: [
    decision("approved"),
    decision("approved_for_session"),
    decision("abort"),
    decision({ denied: { rejection: "No." } }),
    decision({ approved_execpolicy_amendment: { proposed_execpolicy_amendment: ["ls"] } }),
    decision({ network_policy_amendment: { network_policy_amendment: network } }),
  ],
  invalid: [
    ...junk,
    "accept",
    "denied",
    { denied: {} },
    { approved: {} },
    { denied: { rejection: "No." }, approved: {} },
  ],
  decline: denied,
};

const rows: Readonly<Record<ServerMethod, readonly Row[]>> = {
  "item/commandExecution/requestApproval": [
    {
      handler: "approveCommand",
      valid: [
        decision("accept"),
        decision("acceptForSession"),
        decision("decline"),
        decision("cancel"),
        decision({ acceptWithExecpolicyAmendment: { execpolicy_amendment: ["git", "status"] } }),
        decision({ applyNetworkPolicyAmendment: { network_policy_amendment: network } }),
      ],
      invalid: [
        ...junk,
        "approved",
        "acceptWithExecpolicyAmendment",
        { acceptWithExecpolicyAmendment: {} },
        { acceptWithExecpolicyAmendment: { execpolicy_amendment: [] } },
        { acceptWithExecpolicyAmendment: { execpolicy_amendment: "ls" } },
        { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls", 1] } },
        { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] }, accept: {} },
        { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "x", action: "maybe" } } },
      ],
      decline: { decision: "decline" },
    },
  ],
  "item/fileChange/requestApproval": [
    {
      handler: "approveFileChange",
      valid: [decision("accept"), decision("acceptForSession"), decision("decline"), decision("cancel")],
      invalid: [...junk, { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] } }],
      decline: { decision: "decline" },
    },
  ],
  "item/permissions/requestApproval": [
    {
      handler: "approvePermissions",
      valid: [
        ["decline", { permissions: {}, scope: "turn" }],
        [{ permissions: {} }, { permissions: {}, scope: "turn" }],
        [
          { permissions: { network: { enabled: true } }, scope: "session" },
          { permissions: { network: { enabled: true } }, scope: "session" },
        ],
        [{ permissions: fileSystemGrant }, { permissions: fileSystemGrant, scope: "turn" }],
      ],
      invalid: [
        ...junk,
        "accept",
        { permissions: "all" },
        { permissions: [] },
        { permissions: {}, scope: "always" },
        { permissions: { filesystem: {} } },
        { permissions: { network: true } },
        { permissions: { network: { enabled: "yes" } } },
        { permissions: { fileSystem: { write: "/w" } } },
        { permissions: { fileSystem: { write: ["/w", 1] } } },
        { permissions: { fileSystem: { entries: [{ path: "/w", access: "write" }] } } },
        { permissions: { fileSystem: { entries: [{ path: { type: "path", path: "/w" }, access: "own" }] } } },
        { permissions: { fileSystem: { entries: [{ path: { type: "special", value: "root" }, access: "read" }] } } },
      ],
      decline: { permissions: {}, scope: "turn" },
    },
  ],
  "item/tool/requestUserInput": [
    {
      handler: "answerQuestions",
      valid: [
        [{}, { answers: {} }],
        [{ q1: "A", q2: ["B", "C"] }, { answers: { q1: { answers: ["A"] }, q2: { answers: ["B", "C"] } } }],
      ],
      invalid: [null, "A", 1, ["A"], { q1: 1 }, { q1: ["A", null] }, { answers: { q1: "A" } }],
      decline: { answers: {} },
    },
  ],
  "mcpServer/elicitation/request": [
    {
      handler: "answerElicitation",
      params: { _meta: null, mode: "form", message: "Your name?" },
      valid: [
        ["decline", { action: "decline", content: null, _meta: null }],
        ["cancel", { action: "cancel", content: null, _meta: null }],
        [{ action: "accept" }, { action: "accept", content: null, _meta: null }],
        [
          { action: "accept", content: { name: "Ada" } },
          { action: "accept", content: { name: "Ada" }, _meta: null },
        ],
      ],
      invalid: [...junk, "accept", "acceptForSession", "acceptAlways", { action: "accept", content: { a: 1n } }],
      decline: { action: "decline", content: null, _meta: null },
    },
    {
      handler: "approveMcpTool",
      params: mcpTool,
      valid: [
        ["accept", { action: "accept", content: null, _meta: null }],
        ["acceptForSession", { action: "accept", content: null, _meta: { persist: "session" } }],
        ["acceptAlways", { action: "accept", content: null, _meta: { persist: "always" } }],
        ["decline", { action: "decline", content: null, _meta: null }],
        ["cancel", { action: "cancel", content: null, _meta: null }],
      ],
      invalid: [...junk, { action: "accept" }, { action: "accept", content: {} }],
      decline: { action: "decline", content: null, _meta: null },
    },
  ],
  "item/tool/call": [
    {
      handler: "callTool",
      params: { callId: "call", namespace: null, tool: "weather", arguments: {} },
      valid: [
        [
          { success: true, contentItems: [{ type: "inputText", text: "sunny" }] },
          { success: true, contentItems: [{ type: "inputText", text: "sunny" }] },
        ],
      ],
      invalid: [
        ...junk,
        "sunny",
        { success: true },
        { success: "yes", contentItems: [] },
        { success: true, contentItems: ["x"] },
        { success: true, contentItems: [{ type: "text", text: "x" }] },
        { success: true, contentItems: [{ type: "inputText" }] },
        { success: true, contentItems: [{ type: "inputImage", text: "x" }] },
      ],
      decline: { success: false, contentItems: [{ type: "inputText", text: "This tool is not available." }] },
    },
  ],
  "account/chatgptAuthTokens/refresh": [
    {
      handler: "refreshChatgptTokens",
      valid: [
        [
          { accessToken: "t", chatgptAccountId: "a" },
          { accessToken: "t", chatgptAccountId: "a", chatgptPlanType: null },
        ],
      ],
      invalid: [...junk, { accessToken: "t" }, { accessToken: 1, chatgptAccountId: "a" }],
      decline: null,
    },
  ],
  "attestation/generate": [
    { handler: "generateAttestation", valid: [["token", { token: "token" }]], invalid: [null, 1, {}], decline: null },
  ],
  "currentTime/read": [
    {
      handler: "readCurrentTime",
      valid: [[new Date(1_999), { currentTimeAt: 1 }]],
      invalid: ["now", 5, {}, new Date(Number.NaN)],
      decline: { currentTimeAt: expect.any(Number) },
    },
  ],
  applyPatchApproval: [{ handler: "approveLegacyPatch", ...review }],
  execCommandApproval: [{ handler: "approveLegacyCommand", ...review }],
};

const table = Object.entries(rows).flatMap(([method, list]) =>
  list.map((row): [keyof Handlers, string, Row] => [row.handler, method, row]),
);

/** Answers one request by a handler; a rejection of the broker is the runtime's error answer. */
async function answerOf(method: string, row: Row, handlers: Handlers) {
  const errors: HandlerErrorEvent["params"][] = [];
  const broker = new RequestBroker(handlers, {
    handlerError: ({ params }) => errors.push(params),
    knows: () => true,
    contextOf: () => null,
    parentOf: async () => null,
    settled: () => {},
  });
  const ids = { threadId, turnId, itemId: "item-1" };
  const changes: FileUpdateChange[] = [{ path: "/a", kind: { type: "add" }, diff: "a\n" }];
  broker.observe(itemStarted({ type: "fileChange", id: ids.itemId, changes, status: "inProgress" }));
  const answering = broker.answer({ id: 0, method, params: { ...ids, ...row.params } });
  const wire: unknown = await answering.catch(() => null);
  return { wire, errors };
}

test("every request of the protocol and of older runtimes is in the table, and nothing else", () => {
  verifies("every-request-handled");
  const methods = [...serverRequestMethods, ...legacyServerRequestMethods];
  expect(Object.keys(rows).toSorted()).toEqual(methods.toSorted());
  expect(methods.every(isServerMethod)).toBe(true);
  expect(["toString", "item/started", ""].some(isServerMethod)).toBe(false);
});

describe.each(table)("%s (%s)", (handler, method, row) => {
  test("valid answers are sent, without a report", async () => {
    for (const [value, wire] of row.valid) {
      expect(await answerOf(method, row, { [handler]: () => value })).toEqual({ wire, errors: [] });
      expect(await answerOf(method, row, { [handler]: async () => value })).toEqual({ wire, errors: [] });
    }
  });

  test("invalid answers, throws and rejections refuse, each with one report", async () => {
    verifies("every-request-handled");
    const fail = () => {
      throw new Error("Broken.");
    };
    const bad = [...row.invalid.map((value) => () => value), fail, async () => fail()];
    const results = await Promise.all(bad.map((each) => answerOf(method, row, { [handler]: each })));
    const reports = results.map(({ wire, errors }, index) => [String(row.invalid[index]), wire, errors.length]);
    expect(reports).toEqual(results.map((_, index) => [String(row.invalid[index]), row.decline, 1]));
  });

  test("no handler refuses, with one report; but the time is this machine's", async () => {
    const others = Object.fromEntries(table.map(([name]) => [name, name === handler ? undefined : vi.fn()]));
    const { wire, errors } = await answerOf(method, row, others);
    if (handler === "readCurrentTime") {
      expect(wire).toEqual({ currentTimeAt: expect.closeTo(Date.now() / 1000, -1) });
      expect(errors).toEqual([]);
    } else {
      expect(wire).toEqual(row.decline);
      expect(errors).toMatchObject([{ request: method, threadId, turnId }]);
    }
    for (const other of Object.values(others)) if (other !== undefined) expect(other).not.toHaveBeenCalled();
  });
});

test.each([
  [undefined, undefined],
  [null, null],
  ["staging", "staging"],
  // Of a newer protocol: it must not look like a server of the whole thread.
  [{ id: "staging" }, '{"id":"staging"}'],
])("the environment of an MCP tool's server: %o is told as %o", async (environmentId, told) => {
  const approveMcpTool = vi.fn(() => "decline" as const);
  const row: Row = {
    handler: "approveMcpTool",
    params: { ...mcpTool, environmentId },
    valid: [],
    invalid: [],
    decline: null,
  };
  await answerOf("mcpServer/elicitation/request", row, { approveMcpTool });
  expect(approveMcpTool).toHaveBeenCalledWith(expect.objectContaining({ environmentId: told }), expect.anything());
});

test("approveAll grants the permissions that are asked for, and no others", async () => {
  const row: Row = { handler: "approvePermissions", valid: [], invalid: [], decline: null };
  const asked = { permissions: { network: { enabled: true }, fileSystem: null } };
  const { wire } = await answerOf("item/permissions/requestApproval", { ...row, params: asked }, approveAll);
  expect(wire).toEqual({ permissions: { network: { enabled: true } }, scope: "turn" });
});
