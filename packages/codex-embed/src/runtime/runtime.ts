import { atAwait, atCallSite, CodexError, messageOf, UsageError } from "../errors/base.js";
import { type CloseReason, RequestTimeoutError, type ThreadFate, TransportClosedError } from "../errors/connection.js";
import type { Guardian } from "../guards/guardian.js";
import { RuntimePaths } from "../process/paths.js";
import type { Turn } from "../protocol/generated/protocol.js";
import type { ClientRequests } from "../protocol/generated/tables.js";
import type { WireNotification } from "../protocol/shapes.js";
import { RequestBroker } from "../requests/broker.js";
import { type Connection, type ConnectionReceiver, METHODS_PROBE } from "../rpc/connection.js";
import { retryOnOverload } from "../rpc/retry.js";
import {
  type CodexStatus,
  type HandlerErrorEvent,
  isKnownNotification,
  isTurnNotification,
  Listeners,
  type Notification,
  type NotificationOf,
  threadOf,
} from "../stream/events.js";
import { Router } from "../stream/router.js";
import { NewestMap, ThreadSandboxes, ThreadTotals, ThreadUpdates } from "../stream/threadMemory.js";
import { Tracer } from "../trace/tracer.js";
import { type AsyncContext, rootContext, withLimits } from "../util/async.js";
import { ActivityLog, safeLogger } from "./activityLog.js";
import { ConnectionManager, type Endpoint } from "./connectionManager.js";
import type { RuntimeMetadata } from "./handshake.js";
import { LoginGate } from "./loginGate.js";
import {
  type ClientOptions,
  DEFAULT_OPT_OUT_NOTIFICATIONS,
  REQUIRED_NOTIFICATIONS,
  startupLimitMs,
} from "./options.js";
import { Recovery } from "./recovery.js";
import {
  type ClientMethod,
  defaultTimeoutMs,
  isRepeatable,
  MAX_SENDS,
  READ_METHOD,
  type RequestOptions,
  recoveryOn,
  requestOn,
  threadIn,
  UNSUBSCRIBED_METHODS,
} from "./requestPolicy.js";

/** How long a turn waits for the runtime to say who is logged in. */
const LOGIN_CHECK_MS = 10_000;
/** How long the end of an interrupted turn waits for the thread's record. */
const RECORD_TIMEOUT_MS = 2_000;

/** The limits of one request. */
type SendLimits = Pick<RequestOptions, "signal" | "timeoutMs">;

/** One runtime over all its connections. Starts at the first use; once closed it stays closed. */
export class Runtime {
  readonly options: ClientOptions;
  /** Publishes what happens here to those who watch. */
  readonly tracer: Tracer;
  readonly router: Router;
  readonly totals = new ThreadTotals((threadId) => this.router.knows(threadId));
  readonly sandboxes = new ThreadSandboxes();
  readonly updates = new ThreadUpdates();
  readonly listeners: Listeners;
  /** Routes requests of the runtime to the handlers. */
  readonly broker: RequestBroker;
  /** The threads that this client opened. */
  readonly recovery: Recovery;
  /** Threads whose aborted work is still ending. Each promise resolves when it has ended; none rejects. */
  readonly endings = new Map<string, Promise<void>>();
  /** Checks the login before a turn. */
  readonly login: LoginGate;
  readonly paths: RuntimePaths;
  /** Answers the hooks of threads with guards. Null until there is one. */
  guards: Guardian | null = null;
  readonly #activity: ActivityLog | null;
  readonly #endpoint: Endpoint;
  readonly #connections: ConnectionManager;
  readonly #warned = new NewestMap<true>();

  constructor(options: ClientOptions, endpoint: Endpoint) {
    const refused = options.optOutNotifications?.find((method) => REQUIRED_NOTIFICATIONS.has(method));
    if (refused !== undefined) {
      throw new UsageError(
        `optOutNotifications must not contain ${refused}: the SDK needs it to know how a turn or a login ended. Remove it.`,
      );
    }
    if (/[\p{Cc}\p{Cs}]/u.test(options.clientName ?? "")) {
      throw new UsageError(
        "clientName must not contain line breaks, other control characters or unpaired surrogates: it is sent as an HTTP header.",
      );
    }
    startupLimitMs(options);
    this.options = { ...options, logger: options.logger && safeLogger(options.logger) };
    this.#activity = this.options.logger === undefined ? null : new ActivityLog(this.options.logger);
    this.tracer = new Tracer(options.traceFile, (message) => this.warnOnce(message, message));
    this.router = new Router((threadId) => this.#newestTurns(threadId), this.tracer);
    this.paths = new RuntimePaths(endpoint);
    this.#endpoint = endpoint;
    this.listeners = new Listeners((error, method) => this.warn(`A listener of ${method} threw`, { error }));
    this.broker = new RequestBroker(options.handlers ?? {}, {
      handlerError: (event) => this.reportHandlerError(event),
      knows: (threadId) => this.router.knows(threadId),
      contextOf: (threadId, turnId) => this.router.contextOf(threadId, turnId),
      parentOf: (threadId) => this.#parentOf(threadId),
      tracer: this.tracer,
      settled: (threadId, turnId) => this.router.touch(threadId, turnId),
    });
    this.recovery = new Recovery(this.router, this.broker, this, options.experimentalApi);
    this.login = new LoginGate({
      account: () => this.request("account/read", { refreshToken: false }, { timeoutMs: LOGIN_CHECK_MS }),
      config: () => this.request("config/read", { includeLayers: false }, { timeoutMs: LOGIN_CHECK_MS }),
    });
    this.#connections = new ConnectionManager(endpoint, {
      client: options,
      receiver: this.#receiver(),
      warn: (message) => this.warnOnce(message, message),
      status: (status, reason) => {
        this.#activity?.status(status, reason, {
          runtimeVersion: this.#connections.metadata?.runtimeVersion ?? null,
          pid: this.pid ?? null,
        });
        const event = { method: "status", params: { status, reason } } as const;
        this.tracer.event(event, null, null);
        this.listeners.emit(event, true);
      },
      prepare: () => this.tracer.openFile(),
      suspend: () => this.recovery.suspend(),
      resubscribe: (connection, loss) => this.recovery.resubscribeAll(recoveryOn(connection), loss),
      ended: (reason) => {
        this.broker.close(reason);
        this.router.close(reason);
      },
    });
    void this.closed.then(() => this.tracer.close());
  }

  /** Resolves with the reason when the runtime is gone for good. Never rejects. */
  get closed(): Promise<CloseReason> {
    return this.#connections.closed;
  }

  get status(): CodexStatus {
    return this.#connections.status;
  }

  /** Whether the runtime is gone or going. */
  get isClosed(): boolean {
    return this.#connections.isClosed;
  }

  /**
   * Whether threads start with raw events, which are counted and not passed on. Nothing else reports the usage of a
   * review. The cost is one small notification for each response of the model, because the items are opted out of.
   */
  get countsResponses(): boolean {
    const { experimentalApi, optOutNotifications = DEFAULT_OPT_OUT_NOTIFICATIONS } = this.options;
    return experimentalApi !== false && optOutNotifications.includes("rawResponseItem/completed");
  }

  /** Notifications that never reach subscribers: those the runtime does not send, and the one that is counted. */
  get silenced(): readonly string[] {
    const { optOutNotifications = DEFAULT_OPT_OUT_NOTIFICATIONS } = this.options;
    return this.countsResponses ? [...optOutNotifications, "rawResponse/completed"] : optOutNotifications;
  }

  /** Whether a lost connection is made again, to the same runtime. */
  get reconnects(): boolean {
    return this.#endpoint.recovery?.kind === "reconnect";
  }

  /** Why there is no connection while the client reconnects. Undefined with a connection, and before the first. */
  get outage(): TransportClosedError | undefined {
    const { loss } = this.#connections;
    return loss === null || this.#connections.ready !== null
      ? undefined
      : new TransportClosedError(loss, { isRecovering: true });
  }

  /** Whether it runs on another machine, by its address. */
  get isElsewhere(): boolean {
    return this.#endpoint.isElsewhere === true;
  }

  get pid(): number | undefined {
    return this.#connections.latest?.pid;
  }

  /**
   * Kills processes that commands of these threads left behind since `sinceMs` and that no longer descend from the
   * runtime. The runtime names the thread in each command's environment. Does nothing for a runtime that this program did
   * not start. Never rejects.
   */
  async killOrphans(threadIds: readonly string[], sinceMs: number): Promise<void> {
    await this.#connections.killOrphans?.({ variables: threadIds.map((id) => `CODEX_THREAD_ID=${id}`), sinceMs });
  }

  get metadata(): RuntimeMetadata {
    const { metadata } = this.#connections;
    if (metadata !== null) return metadata;
    throw new UsageError("The runtime has not started, so there is no metadata yet. Call `await codex.start()` first.");
  }

  /** Starts the runtime unless it runs. Concurrent calls share one start; a call after a failure tries again. */
  async start(): Promise<void> {
    await this.#connections.open();
  }

  /** Sends a request of the protocol and resolves with its result, typed by the generated map. */
  request<M extends ClientMethod>(
    method: M,
    params: ClientRequests[M]["params"],
    options: RequestOptions<ClientRequests[M]["result"]> = {},
  ): Promise<ClientRequests[M]["result"]> {
    const { onResult, onSent, partial, trace } = options;
    const threadFate = () => this.#fateOf(params);
    return this.#carryOut(method, params, options, (connection, limits) =>
      requestOn(connection, method, params, { ...limits, onResult, onSent, partial, threadFate, trace }),
    );
  }

  /** Whether the runtime knows a request. */
  supports(method: string): Promise<boolean> {
    return this.#carryOut(METHODS_PROBE, {}, {}, (connection, { signal, timeoutMs }) =>
      connection.knows(method, { signal, timeoutMs: timeoutMs ?? undefined }),
    );
  }

  /** Sends a request by `send`, and again where that is safe after its connection was lost. */
  async #carryOut<R>(
    method: string,
    params: unknown,
    {
      signal,
      site,
      timeoutMs = defaultTimeoutMs(method, this.options.requestTimeoutMs),
    }: SendLimits & Pick<RequestOptions, "site">,
    send: (connection: Connection, limits: SendLimits) => Promise<R>,
  ): Promise<R> {
    for (let sends = 1; ; sends++) {
      // No await unless one is needed, so that requests go out in the order of their calls.
      const connection =
        this.#readyFor(method, params) ?? (await this.#connectionFor(method, params, { signal, timeoutMs, site }));
      const once = () => send(connection, { signal, timeoutMs });
      try {
        const result = await (READ_METHOD.test(method) ? retryOnOverload(once, { signal }) : once());
        const threadId = threadIn(params);
        this.router.fates.observe(method, threadId);
        this.login.carriedOut(method);
        if (threadId !== null && this.recovery.isDetached(threadId))
          await this.recovery.attach(threadId, recoveryOn(connection));
        return result;
      } catch (error) {
        if (sends < MAX_SENDS && (await this.#canRepeat(method, connection, error))) continue;
        if (CodexError.isInstance(error)) throw site === undefined ? atAwait(error) : atCallSite(error, site);
        throw error;
      }
    }
  }

  /** Awaits a promise that depends on this connection. Rejects with `TransportClosedError` when the connection ends first. */
  whileOpen<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
    const gone = (this.#connections.latest?.closed ?? this.closed).then((reason) => {
      throw new TransportClosedError(reason);
    });
    return withLimits(Promise.race([promise, gone]), { signal });
  }

  /**
   * Replays the turn in flight of a thread to a sink that has just taken it up. While the connection is lost, the next one
   * does. False when the thread has no record to replay.
   */
  catchUp(threadId: string): boolean {
    const connection = this.#connections.ready;
    if (connection === null || this.router.stateOf(threadId) === "suspended") return true;
    return this.recovery.catchUp(threadId, recoveryOn(connection));
  }

  /** Ends the runtime and resolves when nothing of it is left. Pending calls reject. Idempotent. */
  async close(): Promise<void> {
    await this.#connections.close();
    await this.tracer.close();
  }

  /** The connection to send a request on at once, or null. */
  #readyFor(method: string, params: unknown): Connection | null {
    return this.#dormantIn(method, params) === null ? this.#connections.ready : null;
  }

  /** The dormant thread that a request uses, or null. */
  #dormantIn(method: string, params: unknown): string | null {
    const threadId = threadIn(params);
    const isDormant = threadId !== null && !UNSUBSCRIBED_METHODS.has(method) && this.recovery.isDormant(threadId);
    return isDormant ? threadId : null;
  }

  /**
   * The connection to send a request on. Resubscribes first to a dormant thread that the request uses. The request goes
   * out only after that, so a connection that is lost meanwhile has not seen the request.
   */
  async #connectionFor(
    method: string,
    params: unknown,
    { signal, timeoutMs, site }: Pick<RequestOptions, "signal" | "site"> & { timeoutMs: number | null },
  ): Promise<Connection> {
    for (;;) {
      if (this.isClosed) {
        const error = new TransportClosedError(this.#connections.closeReason, { method });
        throw site === undefined ? error : atCallSite(error, site);
      }
      const late = () => new RequestTimeoutError(method, timeoutMs ?? 0, false);
      const connection = await this.#connections.opened(signal, timeoutMs, late);
      const threadId = this.#dormantIn(method, params);
      if (threadId === null) return connection;
      try {
        await withLimits(this.recovery.wake(threadId, recoveryOn(connection)), { signal });
      } catch (error) {
        if (!TransportClosedError.isInstance(error) || this.#endpoint.recovery === null) throw error;
        await connection.closed;
      }
    }
  }

  /** Whether it is safe to repeat a request whose connection was lost. */
  async #canRepeat(method: string, connection: Connection, error: unknown): Promise<boolean> {
    const { recovery } = this.#endpoint;
    if (!TransportClosedError.isInstance(error) || recovery === null) return false;
    await connection.closed;
    if (this.isClosed) return false;
    return isRepeatable(method, error.maybeAccepted, recovery.kind);
  }

  #fateOf(params: unknown): ThreadFate | undefined {
    const threadId = threadIn(params);
    return threadId === null ? undefined : this.router.fates.of(threadId);
  }

  #receiver(): ConnectionReceiver {
    return {
      notification: (notification, bytes) => this.#receive(notification, bytes),
      frames: this.tracer,
      request: (request, bytes) => {
        const activity = this.#activity;
        if (activity !== null) this.#contextOf(threadIn(request.params))(() => activity.asked(request));
        return this.broker.answer(request, bytes);
      },
      refuse: (request, why) => this.broker.refuse(request, why),
      diagnostic: (message, fields) => this.options.logger?.debug(fields, message),
    };
  }

  #receive(notification: WireNotification, bytes: number): void {
    const known = isKnownNotification(notification);
    if (known && this.countsResponses && notification.method === "rawResponse/completed") {
      const { threadId, turnId } = notification.params;
      this.router.count(notification);
      this.tracer.event(notification, threadId, turnId);
      return;
    }
    if (known && !this.#isUnloadedAsleep(notification)) {
      this.guards?.observe(notification);
      if (this.tracer.takesEvents && !isTurnNotification(notification)) {
        this.tracer.event(notification, threadOf(notification), null);
      }
      const activity = this.#activity;
      // Before the turn is over, which ends what is known of its caller.
      const inContext = activity === null ? rootContext : this.#contextOf(threadOf(notification));
      this.broker.observe(notification);
      this.router.dispatch(notification, bytes);
      this.totals.observe(notification);
      this.sandboxes.observe(notification);
      this.updates.observe(notification);
      this.login.observe(notification);
      if (activity !== null) inContext(() => activity.observe(notification));
      if (notification.method === "thread/closed") this.recovery.release(notification.params.threadId);
      if (notification.method === "thread/status/changed") this.#wakeActive(notification.params);
    }
    if (!known) this.tracer.event(notification, null, null);
    this.listeners.emit(notification, known);
  }

  /** The async context that the logger hears of a thread's work in: that of the caller of the turn in flight. */
  #contextOf(threadId: string | null): AsyncContext {
    return (threadId === null ? null : this.router.contextOf(threadId, null)) ?? rootContext;
  }

  /** Whether the runtime unloaded a dormant thread because it has no subscribers. Its next use resumes it. */
  #isUnloadedAsleep(notification: Notification): boolean {
    return notification.method === "thread/closed" && this.recovery.isDormant(notification.params.threadId);
  }

  /** The runtime tells every client that a thread is active, but only subscribers what happens in it. */
  #wakeActive({ threadId, status }: NotificationOf<"thread/status/changed">["params"]): void {
    const connection = this.#connections.ready;
    if (connection === null || status.type !== "active" || !this.recovery.isDormant(threadId)) return;
    this.recovery.wake(threadId, recoveryOn(connection)).catch(() => {});
  }

  async #parentOf(threadId: string): Promise<string | null> {
    const { thread } = await this.request("thread/read", { threadId, includeTurns: false });
    return thread.parentThreadId;
  }

  async #newestTurns(threadId: string): Promise<readonly Turn[]> {
    const params = { threadId, limit: 2, itemsView: "full" } as const;
    return (await this.request("thread/turns/list", params, { timeoutMs: RECORD_TIMEOUT_MS })).data;
  }

  /** Reports that a function of this program failed to decide. */
  reportHandlerError(event: HandlerErrorEvent): void {
    const { request, error } = event.params;
    this.warn(`Declined ${request}: ${messageOf(error)}`, { request });
    this.tracer.event(event, event.params.threadId, event.params.turnId);
    this.listeners.emit(event, true);
  }

  /** Warns the first time only. */
  warnOnce(key: string, message: string): void {
    if (this.#warned.has(key)) return;
    this.#warned.set(key, true);
    this.warn(message, {});
  }

  /** Reports something that is not the failure of a call: to the logger, or as a process warning. */
  warn(message: string, fields: object): void {
    if (this.options.logger) this.options.logger.warn(fields, message);
    else process.emitWarning(message, { type: "CodexEmbedWarning" });
  }
}
