import { CodexError } from "./base.js";

/** How the connection to a runtime ended. */
export interface CloseReason {
  /** `client`: `close()` was called. `runtime`: the process or the connection ended or broke. */
  readonly initiator: "client" | "runtime";
  /** The exit code of the process. Null when a signal ended it or this program started none. */
  readonly exitCode: number | null;
  /** The signal that ended the process, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The last stderr output of the process: at most 16 KiB, secrets redacted. */
  readonly stderrTail: string;
  /** What broke the connection. Absent when it simply ended. */
  readonly error?: Error;
}

/** Why a runtime could not be started or reached. */
export type LaunchErrorCode =
  | "BINARY_NOT_FOUND"
  | "VERSION_MISMATCH"
  | "SPAWN_FAILED"
  | "HANDSHAKE_FAILED"
  | "CONNECT_FAILED"
  | "UNAUTHORIZED";

/** A place where the SDK looked for the runtime, and why it cannot use what is there. */
export interface TriedLocation {
  readonly source: "codexBin" | "CODEX_BIN" | "package";
  readonly path: string;
  readonly reason: string;
}

/**
 * A runtime could not be found, started or reached, or the handshake with it failed. No process is left behind.
 *
 * By `code`:
 * - `BINARY_NOT_FOUND`: install `@openai/codex`, or name the executable with `codexBin`. `tried` lists where the SDK looked.
 * - `SPAWN_FAILED`: the system did not start the process; `cause` is its error.
 * - `HANDSHAKE_FAILED`: the runtime did not answer `initialize` within `startupTimeoutMs`. See `stderrTail`.
 * - `VERSION_MISMATCH`: the runtime is too old, or does not say its version. Install the version that the message names,
 *   or pass `allowVersionMismatch: true`.
 * - `CONNECT_FAILED`: no runtime answers at the address.
 * - `UNAUTHORIZED`: the runtime refused the token.
 */
export class LaunchError extends CodexError {
  static override readonly typeName: string = "LaunchError";
  declare readonly code: LaunchErrorCode;
  /** For `BINARY_NOT_FOUND`: every place that was tried, in order. Otherwise empty. */
  readonly tried: readonly TriedLocation[];
  /** The last stderr output of the process; "" when there was none. */
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

/**
 * The connection to the runtime ended: its process exited, the network broke, or the client was closed. Pending calls
 * reject with this, and so do new calls of a closed client. `cause` is what broke the connection, or its `CloseReason`.
 *
 * Check `maybeAccepted` before you repeat the call. To recover by itself, a client takes `restart: "on-crash"` (local) or
 * `reconnect` (remote).
 */
export class TransportClosedError extends CodexError {
  static override readonly typeName: string = "TransportClosedError";
  /** The exit code of the process. Null when a signal ended it or this program started none. */
  readonly exitCode: number | null;
  /** The signal that ended the process, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The last stderr output of the process: at most 16 KiB, secrets redacted. */
  readonly stderrTail: string;
  /** The request that was in progress, if any. */
  readonly method: string | undefined;
  /** Whether the runtime may have acted on the request: it was sent, but no answer came. */
  readonly maybeAccepted: boolean;

  /**
   * @param options - what was in progress: a request by its `method`, anything else in words as `during`; and whether the
   * client is reconnecting.
   */
  constructor(
    reason: CloseReason,
    options: { method?: string | undefined; during?: string; maybeAccepted?: boolean; isRecovering?: boolean } = {},
  ) {
    const { maybeAccepted = false, isRecovering = false } = options;
    const what = options.during ?? options.method;
    const during =
      what === undefined ? "" : maybeAccepted ? ` while ${what} was in progress` : ` before ${what} was sent`;
    const message = `${describeClose(reason)}${during}. ${isRecovering ? "The client is reconnecting" : adviceAfter(reason, maybeAccepted)}`;
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

/**
 * A message was over the limit: an incoming one over `maxFrameBytes` (raise it, or request less at once), or an outgoing
 * one over what the runtime takes over a WebSocket (16 MiB).
 */
export class FrameTooLargeError extends CodexError {
  static override readonly typeName: string = "FrameTooLargeError";
  /** The limit, in bytes. */
  readonly limitBytes: number;
  /** True when the message was outgoing. It was not sent. */
  readonly outgoing: boolean;

  constructor(limitBytes: number, options: { method?: string; outgoing?: boolean } = {}) {
    const { method, outgoing = false } = options;
    const received = method === undefined ? "A message from the runtime" : `The runtime's answer to ${method}`;
    super(
      "FRAME_TOO_LARGE",
      outgoing
        ? `${method ?? "A message"} was not sent: it is too large. A WebSocket connection takes at most ${limitBytes} bytes in a message. Send less at once, or use a local runtime (stdio), which has no limit.`
        : `${received} is larger than ${limitBytes} bytes. Raise maxFrameBytes, or request less at once.`,
    );
    this.limitBytes = limitBytes;
    this.outgoing = outgoing;
  }
}

/**
 * The runtime did not answer within `timeoutMs` of the call, or `requestTimeoutMs` of the client. With `maybeAccepted`, the
 * request may still be carried out: check before you repeat it.
 */
export class RequestTimeoutError extends CodexError {
  static override readonly typeName: string = "RequestTimeoutError";
  readonly method: string;
  /** The limit, in milliseconds. */
  readonly timeoutMs: number;
  /** False when the request still waited for its turn or for a connection, and was never sent. */
  readonly maybeAccepted: boolean;

  constructor(method: string, timeoutMs: number, maybeAccepted = true) {
    const after = maybeAccepted
      ? "It was sent, so the runtime may carry it out. Check before you repeat it, or raise requestTimeoutMs."
      : "It was not sent: it waited for its turn or for a connection. Try again, or raise requestTimeoutMs.";
    super("REQUEST_TIMEOUT", `${method} was not answered within ${timeoutMs} ms. ${after}`);
    this.method = method;
    this.timeoutMs = timeoutMs;
    this.maybeAccepted = maybeAccepted;
  }
}

function describeClose(reason: CloseReason): string {
  if (reason.initiator === "client") return "The client was closed";
  const broke = reason.error === undefined ? "" : `The connection to the runtime broke (${reason.error.message})`;
  if (reason.signal !== null) return broke === "" ? `The runtime was killed by ${reason.signal}` : broke;
  if (reason.exitCode !== null) {
    return `${broke === "" ? "The runtime" : `${broke}; the runtime`} exited with code ${reason.exitCode}`;
  }
  return broke === "" ? "The connection to the runtime ended" : broke;
}

/** What to do when a connection ended. Whether the client recovers is not known here. */
function adviceAfter({ initiator }: CloseReason, maybeAccepted: boolean): string {
  if (maybeAccepted) return "It may have been carried out in part: check before you repeat it";
  if (initiator === "client") return "Create a new client";
  return 'Create a new client, or pass restart: "on-crash" (or reconnect, for a remote runtime) to recover';
}

/** Ends a message with a full stop, or with the last stderr output of a process. */
export function withStderr(message: string, stderrTail: string): string {
  const tail = stderrTail.trimEnd();
  return tail === "" ? `${message}.`.replace(/\.\.$/, ".") : `${message}. Last stderr output:\n${tail}`;
}

/** The error of a JSON-RPC reply. */
export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * The runtime answered a request with an error. Subclasses name the errors that a program can act on; the message ends with
 * what to do.
 */
export class JsonRpcError extends CodexError {
  static override readonly typeName: string = "JsonRpcError";
  readonly method: string;
  /** The JSON-RPC code. The runtime uses -32600 for most failures, so prefer the class. */
  readonly rpcCode: number;
  /** The `data` of the reply, as the runtime sent it. */
  readonly data: unknown;

  constructor(code: string, method: string, body: RpcErrorBody, hint = "", options?: ErrorOptions) {
    super(code, `${method} failed: ${body.message}${hint === "" ? "" : ` ${hint}`}`, options);
    this.method = method;
    this.rpcCode = body.code;
    this.data = body.data;
  }
}

/** The runtime could not parse the message (-32700). */
export class ParseError extends JsonRpcError {
  static override readonly typeName: string = "ParseError";
}
/** The runtime refused the request (-32600) for a reason that no other class names. The message quotes the reason. */
export class InvalidRequestError extends JsonRpcError {
  static override readonly typeName: string = "InvalidRequestError";
}
/** What is known about a method that a runtime does not have. */
export interface MissingMethod {
  /** The version of the runtime. */
  readonly version?: string | null;
  /** The first version of the runtime that has the method. */
  readonly since?: string | null;
  /** The methods that the runtime does have. */
  readonly known?: ReadonlySet<string> | null;
}

/**
 * The runtime does not know the method (`METHOD_NOT_FOUND`), or refuses it without the experimental API
 * (`EXPERIMENTAL_API_REQUIRED`). Ask before with `codex.supports(method)`, and leave `experimentalApi` on.
 */
export class MethodNotFoundError extends JsonRpcError {
  static override readonly typeName: string = "MethodNotFoundError";
  /** The version of the runtime; null when the runtime does not say it. */
  readonly version: string | null;
  /** The first version of the runtime that has the method; null when that is not known. */
  readonly since: string | null;
  readonly #known: ReadonlySet<string> | null;

  constructor(code: string, method: string, body: RpcErrorBody, hint = "", missing: MissingMethod = {}) {
    super(code, method, body, hint);
    this.version = missing.version ?? null;
    this.since = missing.since ?? null;
    this.#known = missing.known ?? null;
  }

  /** The methods that the runtime does know, when its reply listed them; else null. */
  get knownMethods(): ReadonlySet<string> | null {
    return this.#known;
  }
}

/**
 * An option needs a newer runtime than the connected one, which would ignore it without a word. Nothing was sent. Leave the
 * option out, or use a runtime of version `since` or later. Its `code` is `UNSUPPORTED`.
 */
export class UnsupportedError extends CodexError {
  static override readonly typeName: string = "UnsupportedError";
  /** The request that was not sent. */
  readonly method: string;
  /** The option, by its name in this SDK: `turnTrigger`, or `input[]("image").fileId` for a part of one. */
  readonly option: string;
  /** The version of the runtime. */
  readonly version: string;
  /** The first version of the runtime that has the option. */
  readonly since: string;

  constructor(
    method: string,
    { option, version, since }: { readonly option: string; readonly version: string; readonly since: string },
  ) {
    super(
      "UNSUPPORTED",
      `${method} was not sent: ${option} needs runtime ${since} or later, and this runtime is ${version}. ` +
        `Leave it out, or run npm install @openai/codex@${since}.`,
    );
    this.method = method;
    this.option = option;
    this.version = version;
    this.since = since;
  }
}

/** A parameter is missing, has the wrong type, or is out of range (-32602). */
export class InvalidParamsError extends JsonRpcError {
  static override readonly typeName: string = "InvalidParamsError";
}
/** The runtime failed internally (-32603). `TOO_MANY_OPEN_FILES` means that it ran out of file descriptors. */
export class InternalRpcError extends JsonRpcError {
  static override readonly typeName: string = "InternalRpcError";
}
/** No loaded thread has this id. It may be archived (`THREAD_ARCHIVED`), deleted, or not resumed yet: see the message. */
export class ThreadNotFoundError extends JsonRpcError {
  static override readonly typeName: string = "ThreadNotFoundError";
}
/** Another process has this thread open on the same `codexHome`. Close that client first. */
export class ThreadLockedError extends JsonRpcError {
  static override readonly typeName: string = "ThreadLockedError";
}
/** The call needs a login. Run `npx codex login`, or call `codex.loginApiKey(key)`. */
export class AuthRequiredError extends JsonRpcError {
  static override readonly typeName: string = "AuthRequiredError";
}
/** There is no active turn to steer or interrupt, or the active turn is another one. */
export class NoActiveTurnError extends JsonRpcError {
  static override readonly typeName: string = "NoActiveTurnError";
}
/** The runtime is overloaded (-32001) and did not accept the request. Repeat it later, or use `retryOnOverload`. */
export class ServerBusyError extends JsonRpcError {
  static override readonly typeName: string = "ServerBusyError";
}
/** The runtime was overloaded at every attempt of a retried call. `cause` is the last error. */
export class RetryLimitExceededError extends ServerBusyError {
  static override readonly typeName: string = "RetryLimitExceededError";
  /** How often the call was made. */
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

/** Why a thread that is not found cannot be resumed. */
export type ThreadFate = "deleted" | "archived" | "ephemeral";
