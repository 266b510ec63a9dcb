/** Owns the shapes on the wire: what a line holds, and how one is written. */

import { CodexError, UsageError } from "../errors/index.js";
import { describeFault, findJsonFault, type JsonFault, replaceUnpairedSurrogates } from "../json.js";

/** Identifies a request. The runtime numbers its own requests from 0; ours are numbers too. */
export type RequestId = number | string;

/** A notification as it came, under the runtime's own names. */
export interface WireNotification {
  readonly method: string;
  readonly params: unknown;
  /** When the runtime sent it, in Unix milliseconds. */
  readonly emittedAtMs?: number;
}

/** A request of the runtime to the client. */
export interface WireRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: unknown;
}

/** Narrows to an object with string keys; arrays are not. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a parsed line is a notification. */
export function isNotification(
  message: Readonly<Record<string, unknown>>,
): message is Readonly<Record<string, unknown>> & WireNotification {
  return typeof message["method"] === "string" && message["id"] === undefined;
}

/** Whether a parsed line is a request of the runtime. */
export function isRequest(
  message: Readonly<Record<string, unknown>>,
): message is Readonly<Record<string, unknown>> & WireRequest {
  return typeof message["method"] === "string" && isRequestId(message["id"]);
}

/** Whether a value can identify a request. */
export function isRequestId(value: unknown): value is RequestId {
  return typeof value === "number" || typeof value === "string";
}

/** The id that the beginning of a cut answer names, when it can still be read. The runtime writes the id first. */
export function answeredId(head: string): number | undefined {
  const id = /^\s*\{\s*"id"\s*:\s*(\d+)\s*,\s*"(?:result|error)"/.exec(head)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** The runtime refuses a message that is nested deeper on stderr alone, and never answers it (measured). */
export const MAX_MESSAGE_LEVELS = 127;

const MAX_PAYLOAD_LEVELS = MAX_MESSAGE_LEVELS - 1;

/**
 * Writes a request or a notification. Throws `UsageError` with the place in the parameters that the runtime could not
 * read, or that JSON would lose or change.
 */
export function writeCall(method: string, params: unknown, id?: number): string {
  const fault = findJsonFault(params, { maxLevels: MAX_PAYLOAD_LEVELS, instances: true });
  if (fault !== undefined) throw new UsageError(`${method} was not sent: ${describePayloadFault(fault, "params")}.`);
  try {
    return JSON.stringify({ method, id, params });
  } catch (cause) {
    throw new UsageError(`The parameters of ${method} cannot be written as JSON: they are too large.`, { cause });
  }
}

/**
 * Writes an answer, with U+FFFD in place of unpaired surrogates. Throws `CodexError` (`UNSENDABLE`) with the place in
 * the result that the runtime could not read, or that JSON would lose or change.
 */
export function writeAnswer(id: RequestId, result: unknown): string {
  const rules = { maxLevels: MAX_PAYLOAD_LEVELS, unpairedSurrogates: true, instances: true };
  const fault = findJsonFault(result, rules);
  if (fault !== undefined) {
    throw new CodexError("UNSENDABLE", `The answer was not sent: ${describePayloadFault(fault, "the answer")}.`);
  }
  return replaceUnpairedSurrogates(JSON.stringify({ id, result }));
}

/** Writes an answer that is an error of this client. */
export function writeError(id: RequestId, message: string): string {
  return JSON.stringify({ id, error: { code: -32603, message } });
}

function describePayloadFault(fault: JsonFault, root: string): string {
  return `${describeFault(fault, root)}. Pass plain, well-formed JSON data, at most ${MAX_PAYLOAD_LEVELS} levels deep`;
}
