/** Owns one runtime from start to close, and wires the layers: endpoint, connection, router, listeners. */

import { isAbsolute, resolve } from "node:path";
import { onAbort } from "./abort.js";
import type { Endpoint } from "./endpoint/endpoint.js";
import { type CloseReason, TransportClosedError, UsageError } from "./errors/index.js";
import { isKnownNotification, type NotificationMethod } from "./events.js";
import type { Turn } from "./generated/protocol.js";
import type { ClientRequests } from "./generated/tables.js";
import { type RuntimeMetadata, shakeHands } from "./handshake.js";
import { type ClientOptions, DEFAULT_STARTUP_TIMEOUT_MS } from "./options.js";
import { RequestBroker } from "./requests/broker.js";
import { retryOnOverload } from "./retry.js";
import { Connection, type ConnectionReceiver } from "./rpc/connection.js";
import type { WireNotification } from "./rpc/messages.js";
import { Listeners } from "./stream/listeners.js";
import { Router } from "./stream/router.js";
import { ThreadTotals } from "./stream/threadTotals.js";
import type { TurnStream } from "./stream/turnStream.js";
import { DEFAULT_MAX_FRAME_BYTES } from "./transport/lines.js";

/** The name of a request of the protocol. */
export type ClientMethod = keyof ClientRequests;

/** How a request is made. */
export interface RequestOptions<R = unknown> {
  /** Rejects with its reason when it aborts. What was already sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; null for no limit. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number | null | undefined;
  /** @internal */
  readonly onResult?: ((result: R) => void) | undefined;
}

const NEVER_STARTED: CloseReason = { initiator: "client", exitCode: null, signal: null, stderrTail: "" };
const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;

/** Requests that are answered when their work is done, however long that takes. */
const UNTIMED_METHODS: ReadonlySet<string> = new Set<ClientMethod>([
  "command/exec",
  "mcpServer/tool/call",
  "thread/sample",
]);

/** Requests that change nothing, so that one that an overloaded runtime refused can be repeated. */
const READ_METHOD = /\/(?:list|read)$/;

/** What the SDK itself lives on. */
const REQUIRED_NOTIFICATIONS: ReadonlySet<string> = new Set<NotificationMethod>([
  "turn/started",
  "turn/completed",
  "item/completed",
  "account/login/completed",
]);

/** One runtime. Starts at its first use; once closed it stays closed. */
export class Runtime {
  readonly options: ClientOptions;
  readonly router = new Router();
  readonly totals = new ThreadTotals();
  readonly listeners: Listeners;
  /** Brings what the runtime asks to the handlers. */
  readonly broker: RequestBroker;
  /** Resolves when the runtime is gone, with why. Never rejects. */
  readonly closed: Promise<CloseReason>;
  #markClosed: (reason: CloseReason) => void = () => {};
  #closeReason: CloseReason | null = null;
  #starting: Promise<Connection> | null = null;
  #connection: Connection | null = null;
  readonly #endpoint: Endpoint;
  #metadata: RuntimeMetadata | null = null;
  #closing: Promise<void> | null = null;
  readonly #warned = new Set<string>();

  constructor(options: ClientOptions, endpoint: Endpoint) {
    const refused = options.optOutNotifications?.find((method) => REQUIRED_NOTIFICATIONS.has(method));
    if (refused !== undefined) {
      throw new UsageError(
        `optOutNotifications holds ${refused}, without which this SDK cannot tell how a turn or a login ended. Leave it out.`,
      );
    }
    if (/\p{Cc}/u.test(options.clientName ?? "")) {
      throw new UsageError(
        "clientName is sent as an HTTP header: it must not hold line breaks or other control characters.",
      );
    }
    this.options = options;
    this.#endpoint = endpoint;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    this.listeners = new Listeners((error, method) => this.warn(`A listener of ${method} threw`, { error }));
    this.broker = new RequestBroker(options.handlers ?? {}, {
      handlerError: (event) => {
        const { request, error } = event.params;
        this.warn(`Declined ${request}: ${error instanceof Error ? error.message : String(error)}`, { request });
        this.listeners.emit(event, true);
      },
      parentOf: (threadId) => this.#parentOf(threadId),
      settled: (threadId, turnId) => this.router.touch(threadId, turnId),
    });
  }

  /** Whether the runtime is gone or going. */
  get isClosed(): boolean {
    return this.#closeReason !== null || this.#closing !== null;
  }

  get pid(): number | undefined {
    return this.#connection?.pid;
  }

  get metadata(): RuntimeMetadata {
    if (this.#metadata === null) {
      throw new UsageError(
        "The runtime has not been started, so nothing is known of it yet: await codex.start() first.",
      );
    }
    return this.#metadata;
  }

  /** Starts the runtime if that has not been done. Concurrent calls start it once; after a failure a call tries anew. */
  async start(): Promise<void> {
    await this.#open();
  }

  /** Sends a request of the protocol and resolves with its result, typed by the generated map. */
  async request<M extends ClientMethod>(
    method: M,
    params: ClientRequests[M]["params"],
    options: RequestOptions<ClientRequests[M]["result"]> = {},
  ): Promise<ClientRequests[M]["result"]> {
    // Without an await here, the stack of an error reaches the caller.
    const connection = this.#metadata === null ? await this.#open() : this.#connection;
    if (connection === null) throw new TransportClosedError(this.#closeReason ?? NEVER_STARTED, { method });
    const timeoutMs =
      options.timeoutMs === undefined ? this.#defaultTimeoutMs(method) : (options.timeoutMs ?? undefined);
    const { signal } = options;
    const kind = UNTIMED_METHODS.has(method) ? "long" : "short";
    // What the runtime answers is taken to be as generated: its version was compared at the handshake.
    const onResult = options.onResult as ((result: unknown) => void) | undefined;
    const send = () =>
      connection.request(method, params, { signal, timeoutMs, kind, onResult }) as Promise<ClientRequests[M]["result"]>;
    return READ_METHOD.test(method) ? retryOnOverload(send, { signal }) : send();
  }

  /** Ends a turn as the runtime's record of it says, when its end was not heard of. */
  settleTurn(stream: TurnStream, turn: Turn): void {
    const { threadId, turnId } = stream;
    for (const item of stream.missingItems(turn)) {
      const completedAtMs = item.completedAtMs ?? Date.now();
      const params = { threadId, turnId, item, contentTokenCount: null, completedAtMs };
      this.router.dispatch({ method: "item/completed", params }, 0);
    }
    this.router.dispatch({ method: "turn/completed", params: { threadId, turn } }, 0);
  }

  /**
   * The absolute form of a path as the runtime resolves it: against the working directory of its process.
   *
   * Throws `UsageError` for a relative path where that directory is not known.
   */
  resolvePath(path: string): string {
    const { cwd } = this.#endpoint;
    if (cwd !== null) return resolve(cwd, path);
    if (isAbsolute(path)) return path;
    throw new UsageError(
      `The path ${JSON.stringify(path)} is relative, but the runtime runs elsewhere: give an absolute one.`,
    );
  }

  /** Awaits something that the runtime brings about: rejects with `TransportClosedError` when it goes away first. */
  async whileOpen<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    let stop = () => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = onAbort(signal, () => reject(signal?.reason));
    });
    const gone = this.closed.then((reason) => {
      throw new TransportClosedError(reason);
    });
    try {
      return await Promise.race([promise, gone, aborted]);
    } finally {
      stop();
    }
  }

  /** Ends the runtime and resolves when nothing of it is left. Everything pending rejects. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#connection === null) await this.#starting?.catch(() => {});
    await this.#connection?.close();
    this.#end(this.#connection?.closeReason ?? NEVER_STARTED);
  }

  #open(): Promise<Connection> {
    if (this.#closing !== null || this.#closeReason !== null) {
      return Promise.reject(new TransportClosedError(this.#closeReason ?? NEVER_STARTED));
    }
    if (this.#starting === null) {
      this.#starting = this.#launch();
      this.#starting.catch(() => {
        this.#starting = null;
      });
    }
    return this.#starting;
  }

  async #launch(): Promise<Connection> {
    const { options } = this;
    const began = performance.now();
    const timeoutMs = options.startupTimeoutMs ?? DEFAULT_STARTUP_TIMEOUT_MS;
    const { transport, codexBin, stderrTail } = await this.#endpoint.open(timeoutMs);
    const maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
    const connection = new Connection(transport, this.#receiver(), { maxFrameBytes });
    this.#connection = connection;
    if (this.#closing !== null) void connection.close();
    try {
      const leftMs = Math.max(1, timeoutMs - (performance.now() - began));
      const metadata = await shakeHands(connection, options, {
        codexBin,
        timeoutMs: leftMs,
        stderrTail,
        warn: (message) => this.warn(message, {}),
      });
      // The answer may have been on its way when close() was called.
      if (this.#closing !== null) throw new TransportClosedError(NEVER_STARTED);
      this.#metadata = metadata;
    } catch (error) {
      await connection.close();
      if (this.#closing === null) this.#connection = null;
      throw error;
    }
    void connection.closed.then((reason) => this.#end(reason));
    return connection;
  }

  #receiver(): ConnectionReceiver {
    return {
      notification: (notification, bytes) => this.#receive(notification, bytes),
      request: (request) => this.broker.answer(request),
      diagnostic: (message, fields) => this.options.logger?.debug(fields, message),
    };
  }

  #receive(notification: WireNotification, bytes: number): void {
    const known = isKnownNotification(notification);
    if (known) {
      this.broker.observe(notification);
      this.router.dispatch(notification, bytes);
      this.totals.observe(notification);
    }
    this.listeners.emit(notification, known);
  }

  async #parentOf(threadId: string): Promise<string | null> {
    const { thread } = await this.request("thread/read", { threadId, includeTurns: false });
    return thread.parentThreadId;
  }

  #defaultTimeoutMs(method: ClientMethod): number | undefined {
    return UNTIMED_METHODS.has(method) ? undefined : (this.options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS);
  }

  /** Warns the first time only. */
  warnOnce(key: string, message: string): void {
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    this.warn(message, {});
  }

  /** Tells of something that the user should know and that is no failure of a call. */
  warn(message: string, fields: object): void {
    if (this.options.logger) this.options.logger.warn(fields, message);
    else process.emitWarning(message, { type: "CodexEmbedWarning" });
  }

  #end(reason: CloseReason): void {
    if (this.#closeReason !== null) return;
    this.#closeReason = reason;
    this.broker.close(reason);
    this.router.close(reason);
    this.#markClosed(reason);
  }
}
