import { captureCallSite } from "../errors/base.js";
import type { CloseReason } from "../errors/connection.js";
import { withHomePaths } from "../process/paths.js";
import type {
  GetAccountRateLimitsResponse,
  GetAccountResponse,
  Model,
  ThreadListResponse,
  ThreadSearchResponse,
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
  SearchThreadsOptions,
  StartThreadOptions,
} from "../runtime/options.js";
import {
  type ClientMethod,
  checkedMethod,
  checkedRequestOptions,
  type RequestArguments,
} from "../runtime/requestPolicy.js";
import { Runtime } from "../runtime/runtime.js";
import { type CodexStatus, checkSubscription, type NotificationOf, type SubscriptionName } from "../stream/events.js";
import { callback, filled, flag, text } from "../validate/kinds.js";
import { checkOptions } from "../validate/options.js";
import { allPages } from "./history.js";
import type { ImportThreadOptions } from "./importThread.js";
import {
  CODEX,
  CONNECT,
  FORK_THREAD,
  LIST_THREADS,
  RESUME_THREAD,
  SEARCH_THREADS,
  START_THREAD,
} from "./knownOptions.js";
import type { ChatgptLogin, DeviceCodeLogin } from "./login.js";
import { Thread } from "./thread.js";
import type { ThreadArchive } from "./threadArchive.js";

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

  /**
   * Searches the messages of the stored threads for a term, and resolves with one page of threads, each with a snippet of
   * its match (`thread/search/stream`; `thread/search` on runtimes before 0.171). The term is one string in any case of
   * letters, not a pattern or a list of words. Messages of the user and the agent are searched, and what the runtime
   * itself told the model, such as the working directory. Threads of all providers are included. No time limit: pass a
   * `signal`.
   *
   * @throws UsageError for a term that is empty or has more than 65,536 bytes, and for options that are unknown or cannot
   * work; the signal's reason when it aborts; MethodNotFoundError when `experimentalApi` is off.
   */
  async searchThreads(term: string, options: SearchThreadsOptions = {}): Promise<ThreadSearchResponse> {
    filled(term, { call: "searchThreads", path: "term" });
    const checked = checkOptions(options, "searchThreads", SEARCH_THREADS);
    const { searchThreads } = await import("./searchThreads.js");
    return searchThreads(this.#runtime, term, checked);
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
   * Exports a thread with everything that the runtime needs to continue it elsewhere: its own records, and those of the
   * threads that it was forked from, as far as it continues them. A turn in flight is exported as far as it is written.
   * Sub-agents are threads of their own.
   *
   * @throws ThreadNotFoundError; UsageError for a thread that is ephemeral or has no turn yet, for a record that no string
   * can hold, and for a runtime that was reached by `Codex.connect` or started by a `spawn` hook.
   */
  async exportThread(threadId: string): Promise<ThreadArchive> {
    text(threadId, { call: "exportThread", path: "threadId" });
    const { exportThread } = await import("./threadArchive.js");
    return exportThread(this.#runtime, threadId);
  }

  /** Exports a thread as bytes, for threads of any size: JSON lines, for `importThread`. Rejects as `exportThread` does. */
  exportThreadStream(threadId: string): AsyncGenerator<Uint8Array, void, undefined> {
    text(threadId, { call: "exportThreadStream", path: "threadId" });
    return exportedBytes(this.#runtime, threadId);
  }

  /**
   * Writes an exported thread into this client's `codexHome`, under its own id, and resolves with the thread's record.
   * Resume it to continue. What the home has already is kept: importing the same archive again changes nothing, and an
   * archive that continues the home's record extends it.
   *
   * @throws ThreadArchiveError for a damaged archive; ThreadConflictError when the home has a newer or another record, or a
   * runtime has the thread loaded; UsageError for anything else, and for a runtime as with `exportThread`.
   */
  async importThread(
    archive: ThreadArchive | AsyncIterable<Uint8Array, unknown, undefined>,
    options: ImportThreadOptions = {},
  ): Promise<ThreadRecord> {
    const { importThread } = await import("./importThread.js");
    return importThread(this.#runtime, archive, options);
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
    const { startApiKeyLogin } = await import("./login.js");
    await startApiKeyLogin(this.#runtime, apiKey);
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
   * @throws JsonRpcError or a subclass when the runtime refuses it; UnsupportedError for parameters that an older runtime
   * would ignore; RequestTimeoutError; TransportClosedError when the runtime is gone; LaunchError when it cannot be started;
   * the signal's reason when it aborts.
   */
  async request<M extends ClientMethod>(
    method: M,
    ...[params, options = {}]: RequestArguments<M>
  ): Promise<ClientRequests[M]["result"]> {
    text(method, { call: "request", path: "method" });
    return this.#runtime.request(method, params, checkedRequestOptions(options));
  }

  /**
   * Whether the connected runtime knows a request of the protocol, by its own list: the runtime names its requests in the
   * reply to an unknown one. Asked once for each connection. Where a runtime does not list them, the answer is whether the
   * generated types have the request and its first version is not newer than the runtime.
   *
   * @throws UsageError for what cannot be the name of a request. Rejects as `request` does.
   */
  async supports(method: ClientMethod | (string & {})): Promise<boolean> {
    return this.#runtime.supports(checkedMethod(method));
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

async function* exportedBytes(runtime: Runtime, threadId: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { exportThreadStream } = await import("./threadArchive.js");
  yield* exportThreadStream(runtime, threadId);
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
