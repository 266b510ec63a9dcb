/** Owns, for each request of the runtime, which handler it goes to, which answers are valid, and its refusal. */

import type { JsonValue, McpServerElicitationRequestParams } from "../generated/protocol.js";
import type { ServerRequests } from "../generated/tables.js";
import { isRecord } from "../rpc/messages.js";
import type { KnownChanges } from "./fileChanges.js";
import type { HandlerContext, Handlers, McpToolApprovalRequest } from "./handlers.js";
import {
  isCommandDecision,
  isFileChangeDecision,
  isGrantedPermissions,
  isJson,
  isReviewDecision,
  isStringList,
  isToolResponse,
} from "./values.js";

/** The name of a request of the runtime. */
export type ServerMethod = keyof ServerRequests;

/** How one request is answered. */
export interface AnswerRule<M extends ServerMethod> {
  /** The handler that it goes to. */
  readonly handler: keyof Handlers | ((params: ServerRequests[M]["params"]) => keyof Handlers);
  /** Asks that handler, if there is one. `changesOf` tells what a file change would change, and rejects when that is unknown. */
  ask(
    handlers: Handlers,
    params: ServerRequests[M]["params"],
    context: HandlerContext,
    changesOf: () => Promise<KnownChanges>,
  ): unknown;
  /** The wire's answer for what a handler returned; undefined when it is not a valid answer. */
  answer(value: unknown, params: ServerRequests[M]["params"]): ServerRequests[M]["response"] | undefined;
  /**
   * The refusal, in the shape that the schema demands, with the reason where there is a place for one; null where the
   * protocol has none but an error.
   */
  readonly decline: ((reason?: string) => ServerRequests[M]["response"]) | null;
}

type Rules = { readonly [M in ServerMethod]: AnswerRule<M> };

/** A new request of a newer runtime breaks the build here. */
const RULES: Rules = {
  "item/commandExecution/requestApproval": {
    handler: "approveCommand",
    ask: (handlers, params, context) => handlers.approveCommand?.(params, context),
    answer: (value) => (isCommandDecision(value) ? { decision: value } : undefined),
    decline: () => ({ decision: "decline" }),
  },
  "item/fileChange/requestApproval": {
    handler: "approveFileChange",
    ask: async (handlers, params, context, changesOf) =>
      handlers.approveFileChange?.({ ...params, changes: await changesOf() }, context),
    answer: (value) => (isFileChangeDecision(value) ? { decision: value } : undefined),
    decline: () => ({ decision: "decline" }),
  },
  "item/permissions/requestApproval": {
    handler: "approvePermissions",
    ask: (handlers, params, context) => handlers.approvePermissions?.(params, context),
    answer: (value) => {
      if (value === "decline") return { permissions: {}, scope: "turn" };
      if (!isRecord(value)) return undefined;
      const { permissions, scope = "turn" } = value;
      if (!isGrantedPermissions(permissions)) return undefined;
      return scope === "turn" || scope === "session" ? { permissions, scope } : undefined;
    },
    decline: () => ({ permissions: {}, scope: "turn" }),
  },
  "item/tool/requestUserInput": {
    handler: "answerQuestions",
    ask: (handlers, params, context) => handlers.answerQuestions?.(params, context),
    answer: (value) => {
      if (!isRecord(value)) return undefined;
      const answers: [id: string, answer: { answers: string[] }][] = [];
      for (const [id, answer] of Object.entries(value)) {
        const list: unknown[] = Array.isArray(answer) ? answer : [answer];
        if (!list.every((each) => typeof each === "string")) return undefined;
        answers.push([id, { answers: list }]);
      }
      // The ids are the model's: one may be `__proto__`.
      return { answers: Object.fromEntries(answers) };
    },
    decline: () => ({ answers: {} }),
  },
  "mcpServer/elicitation/request": {
    handler: (params) => (mcpToolApproval(params) === null ? "answerElicitation" : "approveMcpTool"),
    ask: (handlers, params, context) => {
      const tool = mcpToolApproval(params);
      if (tool === null) return handlers.answerElicitation?.(params, context);
      return handlers.approveMcpTool?.(tool, context);
    },
    answer: (value, params) => (mcpToolApproval(params) === null ? formAnswer(value) : mcpToolAnswer(value)),
    decline: () => ({ action: "decline", content: null, _meta: null }),
  },
  "item/tool/call": {
    handler: "callTool",
    ask: (handlers, params, context) => handlers.callTool?.(params, context),
    answer: (value) => (isToolResponse(value) ? value : undefined),
    decline: (reason = "This tool is not available.") => ({
      contentItems: [{ type: "inputText", text: reason }],
      success: false,
    }),
  },
  "account/chatgptAuthTokens/refresh": {
    handler: "refreshChatgptTokens",
    ask: (handlers, params, context) => handlers.refreshChatgptTokens?.(params, context),
    answer: (value) => {
      if (!isRecord(value)) return undefined;
      const { accessToken, chatgptAccountId, chatgptPlanType = null } = value;
      if (typeof accessToken !== "string" || typeof chatgptAccountId !== "string") return undefined;
      if (chatgptPlanType !== null && typeof chatgptPlanType !== "string") return undefined;
      return { accessToken, chatgptAccountId, chatgptPlanType };
    },
    decline: null,
  },
  "attestation/generate": {
    handler: "generateAttestation",
    ask: (handlers, params, context) => handlers.generateAttestation?.(params, context),
    answer: (value) => (typeof value === "string" ? { token: value } : undefined),
    decline: null,
  },
  "currentTime/read": {
    handler: "readCurrentTime",
    ask: (handlers, params, context) => handlers.readCurrentTime?.(params, context) ?? new Date(),
    answer: (value) =>
      value instanceof Date && !Number.isNaN(value.getTime())
        ? { currentTimeAt: Math.floor(value.getTime() / 1000) }
        : undefined,
    decline: () => ({ currentTimeAt: Math.floor(Date.now() / 1000) }),
  },
  applyPatchApproval: {
    handler: "approveLegacyPatch",
    ask: (handlers, params, context) => handlers.approveLegacyPatch?.(params, context),
    answer: (value) => (isReviewDecision(value) ? { decision: value } : undefined),
    decline: () => ({ decision: { denied: { rejection: "Nobody is there to decide." } } }),
  },
  execCommandApproval: {
    handler: "approveLegacyCommand",
    ask: (handlers, params, context) => handlers.approveLegacyCommand?.(params, context),
    answer: (value) => (isReviewDecision(value) ? { decision: value } : undefined),
    decline: () => ({ decision: { denied: { rejection: "Nobody is there to decide." } } }),
  },
};

/** Whether this version of the protocol knows the request. */
export function isServerMethod(method: string): method is ServerMethod {
  return Object.hasOwn(RULES, method);
}

/** How a request is answered. */
export function answerRule<M extends ServerMethod>(method: M): AnswerRule<M> {
  return RULES[method];
}

/** The runtime asks for approval of an MCP tool in the form of an elicitation, marked in its `_meta`. */
function mcpToolApproval(params: McpServerElicitationRequestParams): McpToolApprovalRequest | null {
  const meta = params._meta;
  if (!isRecord(meta) || meta["codex_approval_kind"] !== "mcp_tool_call") return null;
  const text = (key: string) => (typeof meta[key] === "string" ? meta[key] : null);
  const persist = meta["persist"];
  return {
    threadId: params.threadId,
    turnId: params.turnId,
    serverName: params.serverName,
    toolName: text("tool_name"),
    toolDescription: text("tool_description"),
    toolArguments: jsonAt(meta, "tool_params"),
    message: "message" in params ? params.message : "",
    persist: isStringList(persist) ? persist : [],
  };
}

type ElicitationResponse = ServerRequests["mcpServer/elicitation/request"]["response"];

function elicitation(action: ElicitationResponse["action"], persist?: string): ElicitationResponse {
  return { action, content: null, _meta: persist === undefined ? null : { persist } };
}

function mcpToolAnswer(value: unknown): ElicitationResponse | undefined {
  switch (value) {
    case "accept":
    case "decline":
    case "cancel":
      return elicitation(value);
    case "acceptForSession":
      return elicitation("accept", "session");
    case "acceptAlways":
      return elicitation("accept", "always");
    default:
      return undefined;
  }
}

function formAnswer(value: unknown): ElicitationResponse | undefined {
  if (value === "decline" || value === "cancel") return elicitation(value);
  if (!isRecord(value) || value["action"] !== "accept" || !isJson(value["content"] ?? null)) return undefined;
  return { ...elicitation("accept"), content: jsonAt(value, "content") };
}

function jsonAt(value: object, key: string): JsonValue {
  const member: unknown = Reflect.get(value, key) ?? null;
  return isJson(member) ? member : null;
}
