/** Owns the parts of a script with which a response fails. Each of them ends its step. */

import { record, recordOf, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";

/** Answers with an HTTP error instead of a stream. */
export interface HttpErrorPart {
  readonly kind: "fail";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Options of `fail`. */
export interface FailOptions {
  /** `error.code` of the answer, for example `model_not_found`. */
  readonly code?: string;
  /** `error.type` of the answer, for example `usage_limit_reached`. */
  readonly type?: string;
  /** `error.message` of the answer. */
  readonly message?: string;
  /** Further members of `error`, for example `resets_at`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Response headers, for example `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body, in place of the JSON error. */
  readonly body?: string;
}

const FAIL: OptionTable<FailOptions> = {
  code: text,
  type: text,
  message: text,
  details: record,
  headers: recordOf(text),
  body: text,
};

/** Answers the request with an HTTP error status and a JSON error. Only pauses may stand before it in a step. */
export function fail(status: number, options: FailOptions = {}): HttpErrorPart {
  checkOptions(options, "fail", FAIL);
  const { code, type, message = `Scripted failure ${status}`, details } = options;
  return {
    kind: "fail",
    status,
    headers: { "content-type": "application/json", ...options.headers },
    body: options.body ?? JSON.stringify({ error: { message, type, code, ...details } }),
  };
}

/** Ends the stream with `response.failed`. */
export interface FailResponsePart {
  readonly kind: "failResponse";
  readonly code: string;
  readonly message: string;
}

/** Ends the stream with `response.failed` and an error code such as `context_length_exceeded` or `server_error`. */
export function failResponse(code: string, message = `Scripted failure: ${code}`): FailResponsePart {
  return { kind: "failResponse", code, message };
}

/** Ends the stream with `response.incomplete`. */
export interface IncompletePart {
  readonly kind: "incomplete";
  readonly reason: string;
}

/** Ends the stream with `response.incomplete`, for example for `max_output_tokens` or `content_filter`. */
export function incomplete(reason = "max_output_tokens"): IncompletePart {
  return { kind: "incomplete", reason };
}

/** Drops the connection. */
export interface DisconnectPart {
  readonly kind: "disconnect";
}

/** Drops the connection in the middle of the stream, after everything before it was sent. */
export function disconnect(): DisconnectPart {
  return { kind: "disconnect" };
}

/** Sends something that the protocol does not allow. */
export interface MalformedPart {
  readonly kind: "malformed";
  readonly what: "json" | "body";
}

/**
 * Sends what cannot be read: an event whose data is not JSON (`"json"`, the default), after which the stream ends; or
 * an HTML page in place of a stream (`"body"`), before which only pauses may stand in a step.
 */
export function malformed(what: "json" | "body" = "json"): MalformedPart {
  return { kind: "malformed", what };
}

/** Sends nothing more. */
export interface SilencePart {
  readonly kind: "silence";
}

/** Keeps the connection open and sends nothing more, until the runtime or the model closes it. */
export function silence(): SilencePart {
  return { kind: "silence" };
}

/** Any part with which a response fails. */
export type FailurePart =
  | HttpErrorPart
  | FailResponsePart
  | IncompletePart
  | DisconnectPart
  | MalformedPart
  | SilencePart;
