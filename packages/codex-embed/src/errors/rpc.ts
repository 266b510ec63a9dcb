/** Owns the errors that the runtime answers a request with. */

import { CodexError } from "./base.js";

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
