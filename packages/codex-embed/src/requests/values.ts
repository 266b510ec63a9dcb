import type {
  AdditionalFileSystemPermissions,
  AdditionalNetworkPermissions,
  AnyServerRequests,
  CommandExecutionApprovalDecision,
  DynamicToolCallOutputContentItem,
  DynamicToolCallResponse,
  FileChangeApprovalDecision,
  GrantedPermissionProfile,
  JsonValue,
  McpServerElicitationRequestParams,
  ReviewDecision,
} from "../protocol/index.js";
import { isRecord } from "../util/json.js";
import type { KnownChanges } from "./fileChanges.js";
import type { HandlerContext, Handlers, McpToolApprovalRequest } from "./handlers.js";

/** The method of a request that a supported runtime sends. */
export type ServerMethod = keyof AnyServerRequests;

/** How one request is answered. */
export interface AnswerRule<M extends ServerMethod> {
  /** The handler that decides. */
  readonly handler: keyof Handlers | ((params: AnyServerRequests[M]["params"]) => keyof Handlers);
  /** Calls the handler, if there is one. `changesOf` gives the changes of a file change; it rejects if they are unknown. */
  ask(
    handlers: Handlers,
    params: AnyServerRequests[M]["params"],
    context: HandlerContext,
    changesOf: () => Promise<KnownChanges>,
  ): unknown;
  /** The response for what a handler returned. Undefined when that is invalid. */
  answer(value: unknown, params: AnyServerRequests[M]["params"]): AnyServerRequests[M]["response"] | undefined;
  /**
   * The refusal, with the reason where the response has a field for it. Null where the protocol has no refusal but an error.
   */
  readonly decline: ((reason?: string) => AnyServerRequests[M]["response"]) | null;
}

type Rules = { readonly [M in ServerMethod]: AnswerRule<M> };

/** A request that a newer protocol adds fails to compile here. A dropped one is kept in `protocol/generated/legacy`. */
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
      // The model chooses the ids: one may be `__proto__`.
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
    decline: () => ({ decision: { denied: { rejection: "No handler can decide." } } }),
  },
  execCommandApproval: {
    handler: "approveLegacyCommand",
    ask: (handlers, params, context) => handlers.approveLegacyCommand?.(params, context),
    answer: (value) => (isReviewDecision(value) ? { decision: value } : undefined),
    decline: () => ({ decision: { denied: { rejection: "No handler can decide." } } }),
  },
};

/** Whether the protocol of a supported runtime has the request. */
export function isServerMethod(method: string): method is ServerMethod {
  return Object.hasOwn(RULES, method);
}

/** How a request is answered. */
export function answerRule<M extends ServerMethod>(method: M): AnswerRule<M> {
  return RULES[method];
}

/** The runtime asks for the approval of an MCP tool by an elicitation that `_meta` marks as one. Null for other ones. */
function mcpToolApproval(params: McpServerElicitationRequestParams): McpToolApprovalRequest | null {
  const meta = params._meta;
  if (!isRecord(meta) || meta["codex_approval_kind"] !== "mcp_tool_call") return null;
  const text = (key: string) => (typeof meta[key] === "string" ? meta[key] : null);
  const persist = meta["persist"];
  return {
    threadId: params.threadId,
    turnId: params.turnId,
    serverName: params.serverName,
    environmentId: environmentOf(params),
    toolName: text("tool_name"),
    toolDescription: text("tool_description"),
    toolArguments: jsonAt(meta, "tool_params"),
    message: "message" in params ? params.message : "",
    persist: isStringList(persist) ? persist : [],
  };
}

/** A value of another kind still names an environment: rules for servers of the whole thread must not match it. */
function environmentOf({ environmentId }: { readonly environmentId?: unknown }): string | null | undefined {
  if (environmentId === undefined || environmentId === null || typeof environmentId === "string") return environmentId;
  return JSON.stringify(environmentId);
}

type ElicitationResponse = AnyServerRequests["mcpServer/elicitation/request"]["response"];

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

const PLAIN_DECISIONS: ReadonlySet<unknown> = new Set(["accept", "acceptForSession", "decline", "cancel"]);

/** Whether a value is a decision on a file change. */
function isFileChangeDecision(value: unknown): value is FileChangeApprovalDecision {
  return PLAIN_DECISIONS.has(value);
}

/** Whether a value is a decision on a command. */
function isCommandDecision(value: unknown): value is CommandExecutionApprovalDecision {
  if (PLAIN_DECISIONS.has(value)) return true;
  const [name, detail] = onlyEntry(value);
  if (!isRecord(detail)) return false;
  const rule = detail["execpolicy_amendment"];
  if (name === "acceptWithExecpolicyAmendment") return isStringList(rule) && rule.length > 0;
  return name === "applyNetworkPolicyAmendment" && isNetworkAmendment(detail["network_policy_amendment"]);
}

const REVIEW_DECISIONS: ReadonlySet<unknown> = new Set([
  "approved",
  "approved_for_session",
  "approved_mcp_policy_amendment",
  "timed_out",
  "abort",
]);

/** Whether a value is a decision of the first protocol. */
function isReviewDecision(value: unknown): value is ReviewDecision {
  if (REVIEW_DECISIONS.has(value)) return true;
  const [name, detail] = onlyEntry(value);
  if (!isRecord(detail)) return false;
  if (name === "denied") return typeof detail["rejection"] === "string";
  if (name === "approved_execpolicy_amendment") return isStringList(detail["proposed_execpolicy_amendment"]);
  return name === "network_policy_amendment" && isNetworkAmendment(detail["network_policy_amendment"]);
}

function isNetworkAmendment(value: unknown): boolean {
  return (
    isRecord(value) && typeof value["host"] === "string" && (value["action"] === "allow" || value["action"] === "deny")
  );
}

/** Whether a value is the result of a tool. */
function isToolResponse(value: unknown): value is DynamicToolCallResponse {
  if (!isRecord(value) || typeof value["success"] !== "boolean") return false;
  const items = value["contentItems"];
  return Array.isArray(items) && items.every(isContentItem);
}

const CONTENT_MEMBERS: Readonly<Record<DynamicToolCallOutputContentItem["type"], string>> = {
  inputText: "text",
  inputImage: "imageUrl",
  inputAudio: "audioUrl",
};

function isContentItem(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const member = Object.entries(CONTENT_MEMBERS).find(([type]) => type === value["type"])?.[1];
  return member !== undefined && typeof value[member] === "string";
}

/** Whether a value grants permissions. Unknown members are refused: a misspelt one would grant something else. */
function isGrantedPermissions(value: unknown): value is GrantedPermissionProfile {
  return hasOnly<GrantedPermissionProfile>(value, { network: isNetworkPermission, fileSystem: isFileSystemPermission });
}

function isNetworkPermission(value: unknown): boolean {
  return hasOnly<AdditionalNetworkPermissions>(value, { enabled: (enabled) => typeof enabled === "boolean" });
}

function isFileSystemPermission(value: unknown): boolean {
  return hasOnly<AdditionalFileSystemPermissions>(value, {
    read: isStringList,
    write: isStringList,
    globScanMaxDepth: (depth) => Number.isInteger(depth),
    entries: (entries) => Array.isArray(entries) && entries.every(isFileSystemEntry),
  });
}

function isFileSystemEntry(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value["path"])) return false;
  const { path, access } = value;
  if (access !== "read" && access !== "write" && access !== "deny") return false;
  if (path["type"] === "path") return typeof path["path"] === "string";
  if (path["type"] === "glob_pattern") return typeof path["pattern"] === "string";
  return path["type"] === "special" && isRecord(path["value"]) && typeof path["value"]["kind"] === "string";
}

/** Whether a value is an object with no other members than these, each missing, null or accepted by its test. */
function hasOnly<T extends object>(
  value: unknown,
  members: { readonly [K in keyof Required<T>]: (member: unknown) => boolean },
): boolean {
  const tests = new Map<string, (member: unknown) => boolean>(Object.entries(members));
  if (!isRecord(value) || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, member]) => {
    return tests.has(name) && ((member ?? null) === null || tests.get(name)?.(member) === true);
  });
}

/**
 * A copy of a handler's answer, so that what is sent is what was checked, whatever getters, proxies and `toJSON` do.
 *
 * @throws for an answer that is not JSON.
 */
export function copyAnswer(value: unknown): unknown {
  // A Date answers `currentTime/read`, and nothing else.
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "function" && typeof member !== "symbol") return member;
    throw new TypeError(`The handler's answer contains a ${typeof member}, which is not JSON.`);
  });
  return JSON.parse(text);
}

/** Whether a value can be sent as JSON unchanged. */
function isJson(value: unknown): value is JsonValue {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isJson);
  return isRecord(value) && Object.values(value).every(isJson);
}

/** Whether a value is an array of strings. */
function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function onlyEntry(value: unknown): [name: string, detail: unknown] | [] {
  const [entry, ...more] = isRecord(value) ? Object.entries(value) : [];
  return entry === undefined || more.length > 0 ? [] : entry;
}
