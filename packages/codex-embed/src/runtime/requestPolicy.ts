import type { CallSite } from "../errors/base.js";
import type { ClientRequests } from "../protocol/generated/tables.js";
import type { Connection } from "../rpc/connection.js";
import type { CallOptions } from "../rpc/messages.js";
import { retryOnOverload } from "../rpc/retry.js";
import type { TraceContext } from "../trace/messages.js";
import { isRecord } from "../util/json.js";
import type { RecoveryRequest } from "./recovery.js";

/** The name of a request of the protocol. */
export type ClientMethod = keyof ClientRequests;

/** Options of a request. */
export interface RequestOptions<R = unknown> {
  /** When it aborts, the call rejects with its reason. A request that was already sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until `RequestTimeoutError`; null for no limit. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number | null | undefined;
  /** The W3C trace context that the runtime continues: its spans for this request are below `traceparent`. */
  readonly trace?: TraceContext | undefined;
  /** @internal */
  readonly onResult?: ((result: R) => void) | undefined;
  /** @internal Called when the request goes out. */
  readonly onSent?: (() => void) | undefined;
  /** @internal Where the call was made. Default: where it is awaited. */
  readonly site?: CallSite | undefined;
}

/** The default of `requestTimeoutMs`. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;

/** Requests that the runtime answers when their work is done, however long that takes. */
export const UNTIMED_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "command/exec",
  "mcpServer/tool/call",
  "thread/sample",
]);

/** Requests that change nothing, so that a lost one, or one that an overloaded runtime refused, can be repeated. */
export const READ_METHOD = /\/(?:list|read)$/;
/** Requests that end the work of a turn: harmless to repeat, and pointless once the process is gone. */
export const STOPPING_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "turn/interrupt",
  "thread/backgroundTerminals/clean",
  "thread/backgroundTerminals/list",
]);
/** Further requests that are harmless to repeat. */
export const ENDING_METHODS: ReadonlySet<string> = new Set<ClientMethod>(["thread/unsubscribe"]);
/** Requests about a thread that need no subscription to it, or that subscribe by themselves. */
export const UNSUBSCRIBED_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "thread/resume",
  "thread/fork",
  "thread/read",
  "thread/turns/list",
  "thread/unsubscribe",
  "thread/archive",
  "thread/unarchive",
  "thread/delete",
]);
/** How often a request is sent at most when its connections are lost. */
export const MAX_SENDS = 3;

/** The thread that a request names, or null. */
export function threadIn(params: unknown): string | null {
  const threadId = isRecord(params) ? params["threadId"] : null;
  return typeof threadId === "string" ? threadId : null;
}

/** Sends a request on this connection and no other. */
export function requestOn<M extends ClientMethod>(
  connection: Connection,
  method: M,
  params: ClientRequests[M]["params"],
  options: RequestOptions<ClientRequests[M]["result"]> & Pick<CallOptions, "threadFate">,
): Promise<ClientRequests[M]["result"]> {
  const { signal, timeoutMs, onSent, threadFate, trace } = options;
  // The result has the generated type: the handshake compared the versions.
  const onResult = options.onResult as ((result: unknown) => void) | undefined;
  const kind = UNTIMED_METHODS.has(method) ? "long" : "short";
  const call = { signal, timeoutMs: timeoutMs ?? undefined, kind, onResult, onSent, threadFate, trace } as const;
  return connection.request(method, params, call) as Promise<ClientRequests[M]["result"]>;
}

/** Sends the requests of a recovery on this connection, with retries while the runtime is overloaded. */
export function recoveryOn(connection: Connection): RecoveryRequest {
  const options = { timeoutMs: DEFAULT_REQUEST_TIMEOUT_MS };
  return (method, params, onResult) => {
    return retryOnOverload(() => requestOn(connection, method, params, { ...options, onResult }));
  };
}
