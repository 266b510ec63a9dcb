/** The lines that are damaged: recorded ones, and requests of the runtime that no recording comes upon. */

import { readFileSync } from "node:fs";

/** A message as it was parsed. */
export type Json = { [key: string]: unknown };

/** The file that `npm run fuzz -- --record` writes. */
export const corpusUrl = new URL("corpus.jsonl", import.meta.url);

/** Narrows to an object with string keys; arrays are not. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The lines of the corpus, as text, each a JSON object. */
export function readCorpus(): string[] {
  const recorded = readFileSync(corpusUrl, "utf8").trimEnd().split("\n");
  return [...recorded, ...UNRECORDED.map((message) => JSON.stringify(message))];
}

const where = { threadId: "t", turnId: "u", itemId: "i" };
const schema = { type: "object", properties: { name: { type: "string" } }, required: [] };
const question = { id: "q", header: "H", question: "Q?", isOther: false, isSecret: false, options: null };
const fileSystem = {
  read: ["/a"],
  write: null,
  globScanMaxDepth: 3,
  entries: [{ path: { type: "special", value: { kind: "root" } }, access: "read" }],
};

const UNRECORDED: readonly Json[] = [
  {
    id: 0,
    method: "item/permissions/requestApproval",
    params: { ...where, permissions: { network: null, fileSystem } },
  },
  { id: 0, method: "item/tool/requestUserInput", params: { ...where, questions: [question], autoResolutionMs: null } },
  { id: 0, method: "item/tool/call", params: { threadId: "t", turnId: "u", callId: "i", tool: "ring", arguments: {} } },
  {
    id: 0,
    method: "mcpServer/elicitation/request",
    params: {
      threadId: "t",
      turnId: "u",
      serverName: "probe",
      mode: "form",
      message: "Look?",
      requestedSchema: schema,
      _meta: { codex_approval_kind: "mcp_tool_call", tool_name: "look", tool_params: { a: [1] }, persist: ["session"] },
    },
  },
  { id: 0, method: "account/chatgptAuthTokens/refresh", params: { reason: "unauthorized", previousAccountId: null } },
  { id: 0, method: "attestation/generate", params: {} },
  { id: 0, method: "currentTime/read", params: { threadId: "t" } },
  { id: 0, method: "applyPatchApproval", params: { conversationId: "t", callId: "i", fileChanges: {}, reason: null } },
  { id: 0, method: "execCommandApproval", params: { conversationId: "t", callId: "i", command: ["true"], cwd: "/" } },
  { id: 0, method: "no/such/request", params: where },
  { method: "no/such/notification", params: where },
  { method: "thread/closed", params: { threadId: "t" } },
  { method: "thread/goal/cleared", params: { threadId: "t" } },
  { method: "account/login/completed", params: { loginId: "l", success: true, error: null } },
  {
    method: "item/fileChange/patchUpdated",
    params: { ...where, changes: [{ path: "/a", kind: { type: "add" }, diff: "" }] },
  },
  {
    method: "item/started",
    params: {
      threadId: "t",
      turnId: "u",
      item: { type: "subAgentActivity", id: "i", kind: "started", agentThreadId: "t", agentPath: "/root", model: "m" },
      startedAtMs: 1,
    },
  },
  { id: 0, error: { code: -32600, message: 'Invalid request: invalid type: string "secret", expected a map' } },
  { id: 0, error: { code: -32001, message: "Server overloaded; retry later." } },
];
