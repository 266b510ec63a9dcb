import { CodexError } from "./base.js";
/** How the connection to a runtime ended. The first reason wins; it is the `cause` of everything it ended. */
export interface CloseReason {
  /** `client`: `close()` was called. `runtime`: the process or the connection ended by itself or broke. */
  readonly initiator: "client" | "runtime";
  /** The process's exit code, or null when it died by a signal or there is no process. */
  readonly exitCode: number | null;
  /** The signal that ended the process, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The last lines that the process wrote to stderr (bounded, secrets redacted). */
  readonly stderrTail: string;
  /** What broke the connection, when it did not simply end. */
  readonly error?: Error;
}
/** Why a runtime could not be started, or one elsewhere not be reached. */
export type LaunchErrorCode =
  | "BINARY_NOT_FOUND"
  | "VERSION_MISMATCH"
  | "SPAWN_FAILED"
  | "HANDSHAKE_FAILED"
  | "CONNECT_FAILED"
  | "UNAUTHORIZED";
/** A place where the runtime was looked for, and what was found there. */
export interface TriedLocation {
  readonly source: "codexBin" | "CODEX_BIN" | "package";
  readonly path: string;
  readonly reason: string;
}
/** The runtime could not be found, started, reached, or greeted. No process is left behind when this rejects. */
export declare class LaunchError extends CodexError {
  static readonly typeName: string;
  readonly code: LaunchErrorCode;
  /** Every place that was tried, in order (for `BINARY_NOT_FOUND`; otherwise empty). */
  readonly tried: readonly TriedLocation[];
  /** The last lines of the process's stderr. */
  readonly stderrTail: string;
  constructor(
    code: LaunchErrorCode,
    message: string,
    options?: ErrorOptions & {
      tried?: readonly TriedLocation[];
      stderrTail?: string;
    },
  );
}
/** The connection to the runtime is gone: everything pending and everything new rejects with this. */
export declare class TransportClosedError extends CodexError {
  static readonly typeName: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderrTail: string;
  /** The request that was under way, when there was one. */
  readonly method: string | undefined;
  /** Whether the runtime may have acted on the request: it was sent, but its answer never came. */
  readonly maybeAccepted: boolean;
  /**
   * @param options - what was under way: a request by its `method`, anything else in words as `during`; and whether the
   * client is connecting again.
   */
  constructor(
    reason: CloseReason,
    options?: {
      method?: string | undefined;
      during?: string;
      maybeAccepted?: boolean;
      isRecovering?: boolean;
    },
  );
}
/** A message from the runtime was larger than `maxFrameBytes`, or one to it larger than the connection takes. */
export declare class FrameTooLargeError extends CodexError {
  static readonly typeName: string;
  readonly limitBytes: number;
  /** True when the message was to be sent, and was not. */
  readonly outgoing: boolean;
  constructor(
    limitBytes: number,
    options?: {
      method?: string;
      outgoing?: boolean;
    },
  );
}
/** The runtime did not answer in time. The request may still have been carried out. */
export declare class RequestTimeoutError extends CodexError {
  static readonly typeName: string;
  readonly method: string;
  readonly timeoutMs: number;
  /** False when the request was still waiting for its turn and was never sent. */
  readonly maybeAccepted: boolean;
  constructor(method: string, timeoutMs: number, maybeAccepted?: boolean);
}
/** Ends a message that has no full stop yet: with one, or with the last lines of a process's stderr. */
export declare function withStderr(message: string, stderrTail: string): string;
/** What an error answer of the runtime carries. */
export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}
/** The runtime answered a request with an error. Subclasses name the ones that a program can act on. */
export declare class JsonRpcError extends CodexError {
  static readonly typeName: string;
  readonly method: string;
  /** The number on the wire. The runtime uses -32600 for most failures, so prefer the class. */
  readonly rpcCode: number;
  readonly data: unknown;
  constructor(code: string, method: string, body: RpcErrorBody, hint?: string, options?: ErrorOptions);
}
/** The runtime could not parse what was sent (-32700). */
export declare class ParseError extends JsonRpcError {
  static readonly typeName: string;
}
/** The runtime refused the request as it stands. */
export declare class InvalidRequestError extends JsonRpcError {
  static readonly typeName: string;
}
/** The runtime does not know the method, or not with these capabilities. */
export declare class MethodNotFoundError extends JsonRpcError {
  static readonly typeName: string;
}
/** A parameter is missing, of the wrong type, or out of bounds. */
export declare class InvalidParamsError extends JsonRpcError {
  static readonly typeName: string;
}
/** The runtime failed inside (-32603). */
export declare class InternalRpcError extends JsonRpcError {
  static readonly typeName: string;
}
/** No thread has this id, or it is archived or unloaded. */
export declare class ThreadNotFoundError extends JsonRpcError {
  static readonly typeName: string;
}
/** Another process is writing to this thread. */
export declare class ThreadLockedError extends JsonRpcError {
  static readonly typeName: string;
}
/** The call needs a login. */
export declare class AuthRequiredError extends JsonRpcError {
  static readonly typeName: string;
}
/** The turn to steer or to interrupt is not the active one, or there is none. */
export declare class NoActiveTurnError extends JsonRpcError {
  static readonly typeName: string;
}
/** The runtime is overloaded (-32001) and did not accept the request. */
export declare class ServerBusyError extends JsonRpcError {
  static readonly typeName: string;
}
/** The runtime was overloaded at every attempt of a retried call; `cause` is the last answer. */
export declare class RetryLimitExceededError extends ServerBusyError {
  static readonly typeName: string;
  readonly attempts: number;
  constructor(attempts: number, last: ServerBusyError);
}
/** Why a thread that is not found cannot simply be resumed. */
export type ThreadFate = "deleted" | "archived" | "ephemeral";
