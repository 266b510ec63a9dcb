import { type CallSite, UsageError } from "../errors/base.js";
import type { ClientRequests } from "../protocol/generated/tables.js";
import type { Connection } from "../rpc/connection.js";
import type { CallOptions, PartialListener } from "../rpc/messages.js";
import { retryOnOverload } from "../rpc/retry.js";
import { traceContext } from "../trace/context.js";
import type { TraceContext } from "../trace/messages.js";
import { isRecord } from "../util/json.js";
import { nullable, signal, timeout } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
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
  /** @internal The notification that carries parts of the result. */
  readonly partial?: PartialListener | undefined;
  /** @internal Where the call was made. Default: where it is awaited. */
  readonly site?: CallSite | undefined;
}

/** The parameters and options of `codex.request`. Methods without required parameters can be called without any. */
export type RequestArguments<M extends ClientMethod> = undefined extends ClientRequests[M]["params"]
  ? [params?: ClientRequests[M]["params"], options?: RequestOptions]
  : [params: ClientRequests[M]["params"], options?: RequestOptions];

/** The default of `requestTimeoutMs`. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;

/** Requests that the runtime answers when their work is done, however long that takes. */
const UNTIMED_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "command/exec",
  "mcpServer/tool/call",
  "thread/sample",
  "thread/search",
  "thread/search/stream",
]);

/** Requests whose work the runtime stops when another request names their id. */
const CANCEL_METHODS: ReadonlyMap<string, ClientMethod> = new Map([
  ["thread/sample", "thread/sample/cancel"],
  ["thread/search", "thread/search/cancel"],
  ["thread/search/stream", "thread/search/stream/cancel"],
] as const);

/** Requests that change nothing, so that a lost one, or one that an overloaded runtime refused, can be repeated. */
export const READ_METHOD = /\/(?:list|read|search(?:\/stream|Occurrences)?)$/;
/** Requests that end the work of a turn: harmless to repeat, and pointless once the process is gone. */
const STOPPING_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "turn/interrupt",
  "thread/backgroundTerminals/clean",
  "thread/backgroundTerminals/list",
]);
/** Further requests that are harmless to repeat. */
const ENDING_METHODS: ReadonlySet<string> = new Set<ClientMethod>(["thread/unsubscribe"]);
/** Requests about a thread that need no subscription to it, or that subscribe by themselves. */
export const UNSUBSCRIBED_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "thread/resume",
  "thread/fork",
  "thread/read",
  "thread/turns/list",
  "thread/items/list",
  "thread/unsubscribe",
  "thread/archive",
  "thread/unarchive",
  "thread/delete",
]);
/** How often a request is sent at most when its connections are lost. */
export const MAX_SENDS = 3;

/** Whether a request whose connection was lost may be sent again. */
export function isRepeatable(method: string, maybeAccepted: boolean, recovery: "reconnect" | "restart"): boolean {
  if (STOPPING_METHODS.has(method)) return recovery === "reconnect";
  return !maybeAccepted || READ_METHOD.test(method) || ENDING_METHODS.has(method);
}

/** The time limit of a request that sets none. Null: no limit. */
export function defaultTimeoutMs(method: string, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS): number | null {
  return UNTIMED_METHODS.has(method) ? null : requestTimeoutMs;
}

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
  const { signal, timeoutMs, onSent, partial, threadFate, trace } = options;
  // The result has the generated type: the handshake compared the versions.
  const onResult = options.onResult as ((result: unknown) => void) | undefined;
  const kind = UNTIMED_METHODS.has(method) ? "long" : "short";
  const cancelMethod = CANCEL_METHODS.get(method);
  const call = {
    signal,
    timeoutMs: timeoutMs ?? undefined,
    kind,
    cancelMethod,
    onResult,
    onSent,
    partial,
    threadFate,
    trace,
  } as const;
  return connection.request(method, params, call) as Promise<ClientRequests[M]["result"]>;
}

/** Sends the requests of a recovery on this connection, with retries while the runtime is overloaded. */
export function recoveryOn(connection: Connection): RecoveryRequest {
  const options = { timeoutMs: DEFAULT_REQUEST_TIMEOUT_MS };
  return (method, params, onResult) => {
    return retryOnOverload(() => requestOn(connection, method, params, { ...options, onResult }));
  };
}

/** What the names of requests look like. */
const METHOD_NAME = /^[a-z]\w*(?:\/[a-z]\w*)*$/i;

/** The argument of `codex.supports`. Throws `UsageError` for what cannot be the name of a request. */
export function checkedMethod(method: unknown): string {
  if (typeof method === "string" && METHOD_NAME.test(method)) return method;
  throw new UsageError(
    'supports: method must be the name of a request, such as "thread/search": words of letters and digits with "/" between.',
  );
}

const REQUEST: OptionTable<Pick<RequestOptions, "signal" | "timeoutMs" | "trace">> = {
  signal,
  timeoutMs: nullable(timeout),
  trace: traceContext,
};

/** The options of `codex.request`. Throws `UsageError` for others. */
export function checkedRequestOptions(options: RequestOptions): RequestOptions {
  const given: Pick<RequestOptions, "signal" | "timeoutMs" | "trace"> = options;
  return checkOptions(given, "request", REQUEST);
}
