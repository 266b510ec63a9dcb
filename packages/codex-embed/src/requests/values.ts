/** Owns telling what a handler may answer from what it may not: the shapes of the protocol, checked to the bottom. */

import type {
  AdditionalFileSystemPermissions,
  AdditionalNetworkPermissions,
  CommandExecutionApprovalDecision,
  DynamicToolCallOutputContentItem,
  DynamicToolCallResponse,
  FileChangeApprovalDecision,
  GrantedPermissionProfile,
  JsonValue,
  ReviewDecision,
} from "../generated/protocol.js";
import { isRecord } from "../rpc/messages.js";

const PLAIN_DECISIONS: ReadonlySet<unknown> = new Set(["accept", "acceptForSession", "decline", "cancel"]);

/** Whether it decides on a file change. */
export function isFileChangeDecision(value: unknown): value is FileChangeApprovalDecision {
  return PLAIN_DECISIONS.has(value);
}

/** Whether it decides on a command. */
export function isCommandDecision(value: unknown): value is CommandExecutionApprovalDecision {
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

/** Whether it decides in the words of the first protocol. */
export function isReviewDecision(value: unknown): value is ReviewDecision {
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

/** Whether it is a result of a tool. */
export function isToolResponse(value: unknown): value is DynamicToolCallResponse {
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

/** Whether it is a part of the permissions that can be asked for. A misspelt member would grant something else. */
export function isGrantedPermissions(value: unknown): value is GrantedPermissionProfile {
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

/** Whether it is an object with none but these members, each missing, null or as its test wants it. */
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
 * A copy of a handler's answer: what is checked is what is sent, whatever getters, proxies and `toJSON` make of the original.
 * Throws for what is no JSON.
 */
export function plainAnswer(value: unknown): unknown {
  // A date is an answer by itself, to the one request for the time.
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "function" && typeof member !== "symbol") return member;
    throw new TypeError(`The handler's answer holds a ${typeof member}, which is not JSON.`);
  });
  return JSON.parse(text);
}

/** Whether it can be sent as JSON as it is. */
export function isJson(value: unknown): value is JsonValue {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isJson);
  return isRecord(value) && Object.values(value).every(isJson);
}

/** Whether it is a list of strings. */
export function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function onlyEntry(value: unknown): [name: string, detail: unknown] | [] {
  const [entry, ...more] = isRecord(value) ? Object.entries(value) : [];
  return entry === undefined || more.length > 0 ? [] : entry;
}
