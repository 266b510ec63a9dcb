import { atCallSite, type CallSite, captureCallSite, UsageError } from "../errors/base.js";
import type { CloseReason } from "../errors/connection.js";
import { withHomePaths } from "../process/paths.js";
import type {
  GetAccountRateLimitsResponse,
  GetAccountResponse,
  Model,
  ThreadListResponse,
  Thread as ThreadRecord,
} from "../protocol/generated/protocol.js";
import type { ClientRequests } from "../protocol/generated/tables.js";
import { localEndpoint } from "../runtime/connectionManager.js";
import type { RuntimeMetadata } from "../runtime/handshake.js";
import type {
  CodexOptions,
  ConnectOptions,
  ForkThreadOptions,
  ListThreadsOptions,
  ResumeThreadOptions,
  StartThreadOptions,
} from "../runtime/options.js";
import type { ClientMethod, RequestOptions } from "../runtime/requestPolicy.js";
import { Runtime } from "../runtime/runtime.js";
import { type CodexStatus, checkSubscription, type NotificationOf, type SubscriptionName } from "../stream/events.js";
import { traceContext } from "../trace/context.js";
import { callback, flag, nullable, signal, text, timeout } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { CODEX, CONNECT, FORK_THREAD, LIST_THREADS, RESUME_THREAD, START_THREAD } from "./knownOptions.js";
import type { ChatgptLogin, DeviceCodeLogin } from "./login.js";
import { Thread } from "./thread.js";

const REQUEST: OptionTable<Pick<RequestOptions, "signal" | "timeoutMs" | "trace">> = {
  signal,
  timeoutMs: nullable(timeout),
  trace: traceContext,
};

/** The parameters and options of `codex.request`. Methods without required parameters can be called without any. */
export type RequestArguments<M extends ClientMethod> = undefined extends ClientRequests[M]["params"]
  ? [params?: ClientRequests[M]["params"], options?: RequestOptions]
  : [params: ClientRequests[M]["params"], options?: RequestOptions];

/**
 * A client of one runtime process, which serves any number of threads at once.
 *
 * `new Codex()` starts the runtime at the first call that needs it; `Codex.launch()` starts it at once;
 * `Codex.connect()` uses one that runs elsewhere. Close the client when you are done: `await codex.close()`, or
 * `await using codex = new Codex()`. An open client keeps its process, and yours, alive.
 *
 * Every method that sends a request starts the runtime if needed, and so also rejects with `LaunchError`. It rejects
 * as `request` does.
 */
export class Codex implements AsyncDisposable {
  readonly #runtime: Runtime;

  /**
   * Creates a client without starting anything.
   *
   * @throws UsageError for options that are unknown or cannot work.
   */
  constructor(options?: CodexOptions);
  /** @internal */
  constructor(runtime: Runtime);
  constructor(given: CodexOptions | Runtime = {}) {
    this.#runtime = given instanceof Runtime ? given : localRuntime(given);
  }

  /**
   * Starts a runtime (`codex app-server`) and resolves with its client after the handshake (`initialize`).
   *
   * @throws LaunchError when it cannot be started: nothing is left running then; UsageError for options that are unknown
   * or cannot work.
   */
  static async launch(options: CodexOptions = {}): Promise<Codex> {
    return new Codex(options).start();
  }

  /**
   * Connects to a runtime that runs elsewhere: `ws://host:port`, `wss://…`, or `unix:///path` (`codex app-server
   * --listen`). Resolves after the handshake (`initialize`). Closing the client leaves that runtime running.
   *
   * @throws LaunchError `UNAUTHORIZED`, `CONNECT_FAILED`, `HANDSHAKE_FAILED` or `VERSION_MISMATCH`; UsageError for an
   * address or options that cannot work, and for a token that would be sent unencrypted to another machine.
   */
  static async connect(address: string, options: ConnectOptions = {}): Promise<Codex> {
    return new Codex(await remoteRuntime(address, options)).start();
  }

  /**
   * Starts the runtime unless it runs, and resolves after the handshake. Concurrent calls start it once.
   *
   * @throws LaunchError when it cannot be started; a later call tries again.
   */
  async start(): Promise<this> {
    await this.#runtime.start();
    return this;
  }

  /**
   * Stops the runtime and everything it started: closes its stdin, then sends SIGTERM and SIGKILL after grace periods.
   * Resolves when nothing of it is left; pending calls reject with `TransportClosedError`. Can be
   * called twice, during a turn and during the start. A runtime that was connected to keeps running.
   */
  close(): Promise<void> {
    return this.#runtime.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * What the runtime reported at the handshake.
   *
   * @throws UsageError before the start.
   */
  get metadata(): RuntimeMetadata {
    return this.#runtime.metadata;
  }

  /** The state of the connection to the runtime. `on("status", …)` reports each change. */
  get status(): CodexStatus {
    return this.#runtime.status;
  }

  /**
   * Resolves with the reason when the client is closed for good: by `close()`, or because the runtime is gone. Never
   * rejects.
   */
  get closed(): Promise<CloseReason> {
    return this.#runtime.closed;
  }

  /** The process id of the runtime; undefined before the start, and for a runtime that was connected to. */
  get pid(): number | undefined {
    return this.#runtime.pid;
  }

  /**
   * Starts a thread (`thread/start`). Without `approvalMode`, approvals go to the handlers if there are any for
   * approvals (`ask`), otherwise to a reviewing agent (`auto_review`).
   *
   * @throws UsageError for options that are unknown or cannot work.
   */
  async startThread(options: StartThreadOptions = {}): Promise<Thread> {
    return Thread.start(this.#runtime, checkOptions(options, "startThread", START_THREAD));
  }

  /**
   * Opens a stored thread (`thread/resume`) without its turns: read those with `thread/turns/list`. The thread stays in
   * the sandbox it was in, unless `sandbox` names another.
   *
   * @throws ThreadNotFoundError; ThreadLockedError when another process writes to the thread; SettingsMismatchError when
   * the thread was already loaded and keeps settings other than the requested ones; UsageError for options that are
   * unknown or cannot work, and when the sandbox of the thread cannot be read and none is given.
   */
  async resumeThread(threadId: string, options: ResumeThreadOptions = {}): Promise<Thread> {
    text(threadId, { call: "resumeThread", path: "threadId" });
    return Thread.resume(this.#runtime, threadId, checkOptions(options, "resumeThread", RESUME_THREAD));
  }

  /**
   * Copies a thread's history into a new thread (`thread/fork`), in the sandbox of the thread unless `sandbox` names
   * another. Rejects as `resumeThread` does.
   */
  async forkThread(threadId: string, options: ForkThreadOptions = {}): Promise<Thread> {
    text(threadId, { call: "forkThread", path: "threadId" });
    return Thread.fork(this.#runtime, threadId, checkOptions(options, "forkThread", FORK_THREAD));
  }

  /** Reads one page of the stored threads (`thread/list`), of all providers unless `modelProviders` names some. */
  async listThreads(options: ListThreadsOptions = {}): Promise<ThreadListResponse> {
    const params = checkOptions(options, "listThreads", LIST_THREADS);
    return this.#runtime.request("thread/list", { modelProviders: [], ...params });
  }

  /** Yields all stored threads (`thread/list`). Each page is read when the loop reaches it. */
  threads(options: ListThreadsOptions = {}): AsyncGenerator<ThreadRecord, void, undefined> {
    const checked = checkOptions(options, "threads", LIST_THREADS);
    return allPages((cursor) => this.listThreads({ ...checked, ...cursor }), captureCallSite());
  }

  /**
   * Reads a thread's record (`thread/read`) without opening the thread.
   *
   * @param options - `includeTurns`: read its turns too. Default false.
   * @throws ThreadNotFoundError; InvalidRequestError for the turns of an ephemeral thread, which are not stored.
   */
  async readThread(
    threadId: string,
    options: { readonly includeTurns?: boolean | undefined } = {},
  ): Promise<ThreadRecord> {
    text(threadId, { call: "readThread", path: "threadId" });
    const { includeTurns } = checkOptions(options, "readThread", { includeTurns: flag });
    const { readThread } = await import("./openThread.js");
    return readThread(this.#runtime, threadId, includeTurns);
  }

  /** Archives a thread (`thread/archive`): it is unloaded, and cannot be resumed until it is unarchived. */
  async archiveThread(threadId: string): Promise<void> {
    text(threadId, { call: "archiveThread", path: "threadId" });
    await this.#runtime.request("thread/archive", { threadId });
  }

  /** Unarchives a thread (`thread/unarchive`) and resolves with its record. Resume it before you run a turn. */
  async unarchiveThread(threadId: string): Promise<ThreadRecord> {
    text(threadId, { call: "unarchiveThread", path: "threadId" });
    const { thread } = await this.#runtime.request("thread/unarchive", { threadId });
    return thread;
  }

  /** Deletes a thread (`thread/delete`). The runtime refuses while a fork still refers to its history. */
  async deleteThread(threadId: string): Promise<void> {
    text(threadId, { call: "deleteThread", path: "threadId" });
    await this.#runtime.request("thread/delete", { threadId });
  }

  /**
   * Reads the models that the configuration offers (`model/list`, all pages).
   *
   * @param options - `includeHidden`: also models hidden from the default picker. Default false.
   */
  async models(options: { readonly includeHidden?: boolean | undefined } = {}): Promise<Model[]> {
    const { includeHidden = false } = checkOptions(options, "models", { includeHidden: flag });
    const models: Model[] = [];
    const page = (cursor: { cursor?: string }) => this.#runtime.request("model/list", { includeHidden, ...cursor });
    for await (const model of allPages(page, captureCallSite())) models.push(model);
    return models;
  }

  /**
   * Logs in with an API key (`account/login/start`), without surrounding whitespace. The runtime stores the key, and
   * checks it at its first use.
   *
   * @throws UsageError for a key that is not a string, is empty, or has characters that an HTTP header cannot carry: the
   * runtime would accept it and send its requests without a key.
   */
  async loginApiKey(apiKey: string): Promise<void> {
    await this.#runtime.request("account/login/start", { type: "apiKey", apiKey: checkedApiKey(apiKey) });
  }

  /**
   * Starts a login in the user's browser (`account/login/start`): open `authUrl` there, then await `wait()`. A second
   * login cancels the first.
   */
  async loginChatgpt(): Promise<ChatgptLogin> {
    const { startChatgptLogin } = await import("./login.js");
    return startChatgptLogin(this.#runtime);
  }

  /**
   * Starts a login on another device (`account/login/start`): show `verificationUrl` and `userCode`, then await
   * `wait()`.
   */
  async loginChatgptDeviceCode(): Promise<DeviceCodeLogin> {
    const { startDeviceCodeLogin } = await import("./login.js");
    return startDeviceCodeLogin(this.#runtime);
  }

  /**
   * Reads who is logged in (`account/read`). `account` is null when nobody is, or when the provider needs no login.
   *
   * @param options - `refreshToken`: refresh the ChatGPT token before the runtime answers. Default false.
   */
  async account(options: { readonly refreshToken?: boolean | undefined } = {}): Promise<GetAccountResponse> {
    const { refreshToken = false } = checkOptions(options, "account", { refreshToken: flag });
    return this.#runtime.request("account/read", { refreshToken });
  }

  /** Logs out (`account/logout`): the runtime deletes the stored login. */
  async logout(): Promise<void> {
    await this.#runtime.request("account/logout", undefined);
  }

  /**
   * Reads the account's rate limits (`account/rateLimits/read`).
   *
   * @throws AuthRequiredError when nobody is logged in.
   */
  rateLimits(): Promise<GetAccountRateLimitsResponse> {
    return this.#runtime.request("account/rateLimits/read", undefined);
  }

  /**
   * Sends any request of the protocol, typed by the runtime's own definitions. At most 64 requests are in flight at
   * once; further ones wait. Reads that an overloaded runtime refuses are retried.
   *
   * @throws JsonRpcError or a subclass when the runtime refuses it; RequestTimeoutError; TransportClosedError when the
   * runtime is gone; LaunchError when it cannot be started; the signal's reason when it aborts.
   */
  async request<M extends ClientMethod>(
    method: M,
    ...[params, options = {}]: RequestArguments<M>
  ): Promise<ClientRequests[M]["result"]> {
    text(method, { call: "request", path: "method" });
    const given: Pick<RequestOptions, "signal" | "timeoutMs" | "trace"> = options;
    return this.#runtime.request(method, params, checkOptions(given, "request", REQUEST));
  }

  /**
   * Subscribes to a notification of any thread, to all of them with `"*"`, or with `"unknown"` to those that this
   * version does not know. Handlers run in order, after the reader has returned, in the async context of this call. An
   * error of a handler goes to the logger. Dispose the result to unsubscribe.
   *
   * @throws UsageError for a name that never arrives: one that the protocol does not have, or that was opted out of.
   */
  on<K extends SubscriptionName>(method: K, handler: (notification: NotificationOf<K>) => unknown): Disposable {
    checkSubscription(method, this.#runtime.silenced);
    callback(handler, { call: "on", path: "handler" });
    return this.#runtime.listeners.on(method, handler);
  }
}

function localRuntime(options: CodexOptions): Runtime {
  const checked = withHomePaths(checkOptions(options, "new Codex", CODEX));
  return new Runtime(checked, localEndpoint(checked));
}

async function remoteRuntime(address: string, options: ConnectOptions): Promise<Runtime> {
  text(address, { call: "Codex.connect", path: "address" });
  const checked = checkOptions(options, "Codex.connect", CONNECT);
  const { remoteEndpoint } = await import("../runtime/remote.js");
  return new Runtime(checked, remoteEndpoint(address, checked));
}

/** The key without surrounding whitespace, such as the line break of the file it was read from. */
function checkedApiKey(apiKey: unknown): string {
  if (typeof apiKey !== "string") throw new UsageError("The API key must be a string.");
  const key = apiKey.trim();
  if (key === "") throw new UsageError("The API key is empty.");
  if (!/\p{Cc}/u.test(key)) return key;
  throw new UsageError("The API key holds a line break or another control character. Pass the key alone.");
}

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** A later page is read in another tick, so its failure gets the stack of the call that started the loop. */
async function* allPages<T>(
  read: (cursor: { cursor?: string }) => Promise<Page<T>>,
  site: CallSite,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor === null ? {} : { cursor }).catch((error: unknown) => {
      throw error instanceof Error ? atCallSite(error, site) : error;
    });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
