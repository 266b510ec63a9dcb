import type { CodexErrorInfo, TurnError } from "../protocol/generated/protocol.js";
import type { TurnSnapshot } from "../protocol/shapes.js";
import { CodexError } from "./base.js";
/** The two ways to log in. */
export declare const LOGIN_ADVICE: string;
/**
 * Why a thread takes no turn: one runs; an aborted one has not ended yet; or another client's turn ran, and the runtime
 * added the input to it.
 */
export type BusyReason = "running" | "ending" | "steered";
/** A turn is already in flight on this thread. The runtime would have taken the input as a steer of that turn. */
export declare class TurnInProgressError extends CodexError {
  static readonly typeName: string;
  readonly threadId: string;
  /** The turn in flight, or null when its id is not known. */
  readonly activeTurnId: string | null;
  /** Only `steered` means that the runtime has seen the input. */
  readonly reason: BusyReason;
  constructor(threadId: string, activeTurnId: string | null, reason?: BusyReason);
}
/** A login did not succeed, or was cancelled. */
export declare class LoginError extends CodexError {
  static readonly typeName: string;
  readonly loginId: string | null;
  constructor(message: string, loginId: string | null);
}
/** The runtime kept other settings than the ones asked for, for example because the thread was already loaded. */
export declare class SettingsMismatchError extends CodexError {
  static readonly typeName: string;
  readonly threadId: string;
  readonly requested: Readonly<Record<string, unknown>>;
  readonly effective: Readonly<Record<string, unknown>>;
  constructor(threadId: string, requested: Record<string, unknown>, effective: Record<string, unknown>);
}
/** The turn's final answer does not conform to the schema that was asked for. */
export declare class OutputValidationError extends CodexError {
  static readonly typeName: string;
  /** What is wrong, and where in the answer. */
  readonly issues: readonly {
    readonly message: string;
    readonly path: readonly (string | number)[];
  }[];
  /** The answer as the model gave it. */
  readonly text: string;
  constructor(issues: OutputValidationError["issues"], text: string);
}
/** A reader of a stream fell so far behind that what it had yet to read was dropped. The turn itself goes on. */
export declare class StreamOverflowError extends CodexError {
  static readonly typeName: string;
  readonly limitBytes: number;
  constructor(limitBytes: number);
}
/**
 * The turn failed. The thread stays usable.
 *
 * `info` is the runtime's classification, `result` what the turn had come to until then.
 */
export declare class TurnFailedError extends CodexError {
  static readonly typeName: string;
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
  readonly result: TurnSnapshot;
  constructor(result: TurnSnapshot, error: TurnError | null);
}
/** The runtime retried its request to the model: why the last attempt failed. The `cause` of a `TurnLimitError`. */
export declare class ModelRetryError extends CodexError {
  static readonly typeName: string;
  /** The runtime's own classification; null when it gave none. */
  readonly info: CodexErrorInfo | null;
  /** The HTTP status of the model's answer, when there was one. */
  readonly httpStatus: number | null;
  constructor(error: TurnError | null);
}
/** What is known of a turn that a limit has ended. */
export interface LimitedTurn {
  readonly threadId: string;
  /** Null when the runtime had not answered the request that starts the turn. */
  readonly turnId: string | null;
  readonly result?: TurnSnapshot | null | undefined;
  /** For a turn without an id: whether the request was sent. */
  readonly maybeAccepted?: boolean | undefined;
  /** Why nothing came. */
  readonly cause?: Error | undefined;
}
/** A limit ended the turn. The base of `TurnDeadlineError` and `TurnStalledError`. */
export declare class TurnLimitError extends CodexError {
  static readonly typeName: string;
  readonly threadId: string;
  /** Null when the runtime had not answered `turn/start` yet. */
  readonly turnId: string | null;
  /** What the turn had produced: items, text so far, usage. Null when the runtime had not answered `turn/start` yet. */
  readonly result: TurnSnapshot | null;
  /**
   * Whether the runtime may have taken the input. A turn that it starts later is interrupted, and its commands are
   * stopped, when its answer arrives.
   */
  readonly maybeAccepted: boolean;
  constructor(
    code: string,
    turn: LimitedTurn,
    limit: {
      readonly missed: string;
      readonly advice: string;
    },
  );
}
/** No frame of the turn arrived for `idleTimeoutMs`; the turn was interrupted. */
export declare class TurnStalledError extends TurnLimitError {
  static readonly typeName: string;
  /** The last notification that was seen, or null. */
  readonly lastMethod: string | null;
  readonly idleTimeoutMs: number;
  constructor(turn: LimitedTurn, lastMethod: string | null, idleTimeoutMs: number);
}
/** The turn took longer than `deadlineMs` and was interrupted. */
export declare class TurnDeadlineError extends TurnLimitError {
  static readonly typeName: string;
  readonly deadlineMs: number;
  constructor(turn: LimitedTurn, deadlineMs: number);
}
