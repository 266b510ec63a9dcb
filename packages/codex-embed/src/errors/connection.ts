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
export class LaunchError extends CodexError {
  static override readonly typeName: string = "LaunchError";
  declare readonly code: LaunchErrorCode;
  /** Every place that was tried, in order (for `BINARY_NOT_FOUND`; otherwise empty). */
  readonly tried: readonly TriedLocation[];
  /** The last lines of the process's stderr. */
  readonly stderrTail: string;

  constructor(
    code: LaunchErrorCode,
    message: string,
    options: ErrorOptions & { tried?: readonly TriedLocation[]; stderrTail?: string } = {},
  ) {
    super(code, withStderr(message, options.stderrTail ?? ""), options);
    this.tried = options.tried ?? [];
    this.stderrTail = options.stderrTail ?? "";
  }
}

/** The connection to the runtime is gone: everything pending and everything new rejects with this. */
export class TransportClosedError extends CodexError {
  static override readonly typeName: string = "TransportClosedError";
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
    options: { method?: string | undefined; during?: string; maybeAccepted?: boolean; isRecovering?: boolean } = {},
  ) {
    const { maybeAccepted = false, isRecovering = false } = options;
    const what = options.during ?? options.method;
    const during =
      what === undefined ? "" : maybeAccepted ? ` while ${what} was under way` : ` before ${what} was sent`;
    const message = `${describeClose(reason)}${during}. ${isRecovering ? "The client is connecting again" : adviceAfter(reason, maybeAccepted)}`;
    super("TRANSPORT_CLOSED", withStderr(message, reason.stderrTail), {
      cause: reason.error ?? reason,
    });
    this.exitCode = reason.exitCode;
    this.signal = reason.signal;
    this.stderrTail = reason.stderrTail;
    this.method = options.method;
    this.maybeAccepted = maybeAccepted;
  }
}

/** A message from the runtime was larger than `maxFrameBytes`, or one to it larger than the connection takes. */
export class FrameTooLargeError extends CodexError {
  static override readonly typeName: string = "FrameTooLargeError";
  readonly limitBytes: number;
  /** True when the message was to be sent, and was not. */
  readonly outgoing: boolean;

  constructor(limitBytes: number, options: { method?: string; outgoing?: boolean } = {}) {
    const { method, outgoing = false } = options;
    const received = method === undefined ? "A message from the runtime" : `The runtime's answer to ${method}`;
    super(
      "FRAME_TOO_LARGE",
      outgoing
        ? `${method ?? "A message"} was not sent: it is too large. A WebSocket connection takes at most ${limitBytes} bytes in one message: send less at once, or use a runtime on this machine (stdio), which has no limit.`
        : `${received} is larger than ${limitBytes} bytes. Raise maxFrameBytes, or ask for less at once.`,
    );
    this.limitBytes = limitBytes;
    this.outgoing = outgoing;
  }
}

/** The runtime did not answer in time. The request may still have been carried out. */
export class RequestTimeoutError extends CodexError {
  static override readonly typeName: string = "RequestTimeoutError";
  readonly method: string;
  readonly timeoutMs: number;
  /** False when the request was still waiting for its turn and was never sent. */
  readonly maybeAccepted: boolean;

  constructor(method: string, timeoutMs: number, maybeAccepted = true) {
    const after = maybeAccepted
      ? "It was sent: the runtime may have carried it out, or never have read it. Check before you send it again."
      : "It was never sent: it waited for its turn, or for a connection.";
    super("REQUEST_TIMEOUT", `${method} was not answered within ${timeoutMs} ms. ${after}`);
    this.method = method;
    this.timeoutMs = timeoutMs;
    this.maybeAccepted = maybeAccepted;
  }
}

function describeClose(reason: CloseReason): string {
  if (reason.initiator === "client") return "The client was closed";
  const broke = reason.error === undefined ? "" : `The connection to the runtime broke (${reason.error.message})`;
  if (reason.signal !== null) return broke === "" ? `The runtime died by ${reason.signal}` : broke;
  if (reason.exitCode !== null) {
    return `${broke === "" ? "The runtime" : `${broke}; the runtime`} exited with code ${reason.exitCode}`;
  }
  return broke === "" ? "The connection to the runtime ended" : broke;
}

/** What to do when a connection has ended. Whether the client recovers is its own affair, and not known here. */
function adviceAfter({ initiator }: CloseReason, maybeAccepted: boolean): string {
  if (maybeAccepted) return "It may have been carried out in part: look before sending it again";
  if (initiator === "client") return "Make another one to go on";
  return 'Go on with another client; with restart: "on-crash", or reconnect, with this one';
}

/** Ends a message that has no full stop yet: with one, or with the last lines of a process's stderr. */
export function withStderr(message: string, stderrTail: string): string {
  const tail = stderrTail.trimEnd();
  return tail === "" ? `${message}.`.replace(/\.\.$/, ".") : `${message}. Its last words on stderr:\n${tail}`;
}

/** What an error answer of the runtime carries. */
export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The runtime answered a request with an error. Subclasses name the ones that a program can act on. */
export class JsonRpcError extends CodexError {
  static override readonly typeName: string = "JsonRpcError";
  readonly method: string;
  /** The number on the wire. The runtime uses -32600 for most failures, so prefer the class. */
  readonly rpcCode: number;
  readonly data: unknown;

  constructor(code: string, method: string, body: RpcErrorBody, hint = "", options?: ErrorOptions) {
    super(code, `${method} failed: ${body.message}${hint === "" ? "" : ` ${hint}`}`, options);
    this.method = method;
    this.rpcCode = body.code;
    this.data = body.data;
  }
}

/** The runtime could not parse what was sent (-32700). */
export class ParseError extends JsonRpcError {
  static override readonly typeName: string = "ParseError";
}
/** The runtime refused the request as it stands. */
export class InvalidRequestError extends JsonRpcError {
  static override readonly typeName: string = "InvalidRequestError";
}
/** The runtime does not know the method, or not with these capabilities. */
export class MethodNotFoundError extends JsonRpcError {
  static override readonly typeName: string = "MethodNotFoundError";
}
/** A parameter is missing, of the wrong type, or out of bounds. */
export class InvalidParamsError extends JsonRpcError {
  static override readonly typeName: string = "InvalidParamsError";
}
/** The runtime failed inside (-32603). */
export class InternalRpcError extends JsonRpcError {
  static override readonly typeName: string = "InternalRpcError";
}
/** No thread has this id, or it is archived or unloaded. */
export class ThreadNotFoundError extends JsonRpcError {
  static override readonly typeName: string = "ThreadNotFoundError";
}
/** Another process is writing to this thread. */
export class ThreadLockedError extends JsonRpcError {
  static override readonly typeName: string = "ThreadLockedError";
}
/** The call needs a login. */
export class AuthRequiredError extends JsonRpcError {
  static override readonly typeName: string = "AuthRequiredError";
}
/** The turn to steer or to interrupt is not the active one, or there is none. */
export class NoActiveTurnError extends JsonRpcError {
  static override readonly typeName: string = "NoActiveTurnError";
}
/** The runtime is overloaded (-32001) and did not accept the request. */
export class ServerBusyError extends JsonRpcError {
  static override readonly typeName: string = "ServerBusyError";
}
/** The runtime was overloaded at every attempt of a retried call; `cause` is the last answer. */
export class RetryLimitExceededError extends ServerBusyError {
  static override readonly typeName: string = "RetryLimitExceededError";
  readonly attempts: number;

  constructor(attempts: number, last: ServerBusyError) {
    super(
      "RETRY_LIMIT_EXCEEDED",
      last.method,
      { code: last.rpcCode, message: `still overloaded after ${attempts} attempts.`, data: last.data },
      "",
      { cause: last },
    );
    this.attempts = attempts;
  }
}

/** Why a thread that is not found cannot simply be resumed. */
export type ThreadFate = "deleted" | "archived" | "ephemeral";
