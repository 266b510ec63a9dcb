/** Owns the errors of threads, turns, their streams and logins. */

import type { CodexErrorInfo, TurnError } from "../generated/protocol.js";
import type { TurnOutcome } from "../turnResult.js";
import { CodexError } from "./base.js";
import { LOGIN_ADVICE } from "./loginAdvice.js";

/** A turn is already in flight on this thread. The runtime would have taken the input as a steer of that turn. */
export class TurnInProgressError extends CodexError {
  static override readonly typeName: string = "TurnInProgressError";
  readonly threadId: string;
  readonly activeTurnId: string | null;

  constructor(threadId: string, activeTurnId: string | null) {
    super(
      "TURN_IN_PROGRESS",
      `Thread ${threadId} already has a turn in flight${activeTurnId === null ? "" : ` (${activeTurnId})`}. ` +
        "Await its result, steer it with turn.steer(input), or interrupt it first.",
    );
    this.threadId = threadId;
    this.activeTurnId = activeTurnId;
  }
}

/** A login did not succeed, or was cancelled. */
export class LoginError extends CodexError {
  static override readonly typeName: string = "LoginError";
  readonly loginId: string | null;

  constructor(message: string, loginId: string | null) {
    super("LOGIN_FAILED", message);
    this.loginId = loginId;
  }
}

/** The runtime kept other settings than the ones asked for, for example because the thread was already loaded. */
export class SettingsMismatchError extends CodexError {
  static override readonly typeName: string = "SettingsMismatchError";
  readonly threadId: string;
  readonly requested: Readonly<Record<string, unknown>>;
  readonly effective: Readonly<Record<string, unknown>>;

  constructor(threadId: string, requested: Record<string, unknown>, effective: Record<string, unknown>) {
    const names = Object.keys(requested).join(", ");
    super(
      "SETTINGS_MISMATCH",
      `Thread ${threadId} did not take the requested ${names}: asked for ${JSON.stringify(requested)}, in force is ` +
        `${JSON.stringify(effective)}. A thread that is already loaded keeps its settings: pass them to a turn instead.`,
    );
    this.threadId = threadId;
    this.requested = requested;
    this.effective = effective;
  }
}

/** The turn's final answer does not conform to the schema that was asked for. */
export class OutputValidationError extends CodexError {
  static override readonly typeName: string = "OutputValidationError";
  /** What is wrong, and where in the answer. */
  readonly issues: readonly { readonly message: string; readonly path: readonly (string | number)[] }[];
  /** The answer as the model gave it. */
  readonly text: string;

  constructor(issues: OutputValidationError["issues"], text: string) {
    const list = issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`).join("; ");
    super("OUTPUT_INVALID", `The final answer does not conform to outputSchema: ${list}.`);
    this.issues = issues;
    this.text = text;
  }
}

/** A reader of a stream fell so far behind that what it had yet to read was dropped. The turn itself goes on. */
export class StreamOverflowError extends CodexError {
  static override readonly typeName: string = "StreamOverflowError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(
      "STREAM_OVERFLOW",
      `This reader fell more than ${limitBytes} bytes behind its turn and can no longer see all of it. ` +
        "The turn goes on: await turn.result(), read faster, or raise streamBufferBytes.",
    );
    this.limitBytes = limitBytes;
  }
}

/**
 * The turn failed. The thread stays usable.
 *
 * `info` is the runtime's classification, `result` what the turn had come to until then.
 */
export class TurnFailedError extends CodexError {
  static override readonly typeName: string = "TurnFailedError";
  readonly threadId: string;
  readonly turnId: string;
  /** The runtime's own classification, such as `"contextWindowExceeded"`; null when it gave none. */
  readonly info: CodexErrorInfo | null;
  /** The HTTP status of the model's answer, when the failure came from one. */
  readonly httpStatus: number | null;
  /**
   * Whether the same turn may succeed later without a change: overload, rate limits, failed connections. A stream that
   * broke off is classified as `"other"` by the runtime, and so is not among them.
   */
  readonly retryable: boolean;
  readonly result: TurnOutcome;

  constructor(result: TurnOutcome, error: TurnError | null) {
    const details = textOf(error?.additionalDetails);
    const info = error?.codexErrorInfo ?? null;
    const reason = textOf(error?.message) ?? "the runtime gave no reason";
    const message = `Turn ${result.id} failed: ${reason}${details ? ` (${details})` : ""}`;
    super("TURN_FAILED", isUnauthorized(info) ? `${message.replace(/\.$/, "")}. ${UNAUTHORIZED_ADVICE}` : message);
    this.threadId = result.threadId;
    this.turnId = result.id;
    this.info = info;
    this.httpStatus = httpStatusOf(this.info);
    this.retryable = isRetryable(this.info, this.httpStatus);
    this.result = result;
  }
}

/** No frame of the turn arrived for `idleTimeoutMs`; the turn was interrupted. */
export class TurnStalledError extends CodexError {
  static override readonly typeName: string = "TurnStalledError";
  readonly threadId: string;
  readonly turnId: string;
  /** The last notification that was seen, or null. */
  readonly lastMethod: string | null;
  readonly idleTimeoutMs: number;

  constructor(turn: { threadId: string; turnId: string }, lastMethod: string | null, idleTimeoutMs: number) {
    super(
      "TURN_STALLED",
      `Turn ${turn.turnId} was silent for ${idleTimeoutMs} ms (last seen: ${lastMethod ?? "nothing"}) and was interrupted. ` +
        "Raise idleTimeoutMs if the model or a command needs longer.",
    );
    this.threadId = turn.threadId;
    this.turnId = turn.turnId;
    this.lastMethod = lastMethod;
    this.idleTimeoutMs = idleTimeoutMs;
  }
}

/** The turn took longer than `deadlineMs` and was interrupted. */
export class TurnDeadlineError extends CodexError {
  static override readonly typeName: string = "TurnDeadlineError";
  readonly threadId: string;
  readonly turnId: string;
  readonly deadlineMs: number;

  constructor(turn: { threadId: string; turnId: string }, deadlineMs: number) {
    super(
      "TURN_DEADLINE",
      `Turn ${turn.turnId} took longer than its deadlineMs (${deadlineMs} ms) and was interrupted. Raise deadlineMs if it needs longer.`,
    );
    this.threadId = turn.threadId;
    this.turnId = turn.turnId;
    this.deadlineMs = deadlineMs;
  }
}

const UNAUTHORIZED = 401;
const UNAUTHORIZED_ADVICE = `The model provider refused the credentials, or got none (401). ${LOGIN_ADVICE} A provider of your own takes its key from its env_key.`;

function isUnauthorized(info: CodexErrorInfo | null): boolean {
  return info === "unauthorized" || httpStatusOf(info) === UNAUTHORIZED;
}

/** What is no text must not keep the turn from failing: an object may not even be turned into one. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

const RETRYABLE_INFO: ReadonlySet<string> = new Set([
  "serverOverloaded",
  "rateLimitExceeded",
  "internalServerError",
  "flexUnavailable",
  "responseStreamDisconnected",
]);
const TRANSPORT_INFO: ReadonlySet<string> = new Set([
  "httpConnectionFailed",
  "responseStreamConnectionFailed",
  "responseTooManyFailedAttempts",
]);
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** The name of a classification: some are plain strings, some an object with one key. */
function infoName(info: CodexErrorInfo | null): string {
  if (info === null) return "";
  return typeof info === "string" ? info : (Object.keys(info)[0] ?? "");
}

function httpStatusOf(info: CodexErrorInfo | null): number | null {
  if (info === null || typeof info === "string") return null;
  const detail: unknown = Object.values(info)[0];
  if (typeof detail !== "object" || detail === null || !("httpStatusCode" in detail)) return null;
  return typeof detail.httpStatusCode === "number" ? detail.httpStatusCode : null;
}

function isRetryable(info: CodexErrorInfo | null, httpStatus: number | null): boolean {
  const name = infoName(info);
  if (RETRYABLE_INFO.has(name)) return true;
  return TRANSPORT_INFO.has(name) && (httpStatus === null || RETRYABLE_STATUS.has(httpStatus));
}
