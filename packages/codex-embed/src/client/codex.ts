/** Owns the client: threads, account, models, and everything else of the protocol, over one runtime. */

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
import { callback, flag, nullable, signal, text, timeout } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { CODEX, CONNECT, FORK_THREAD, LIST_THREADS, RESUME_THREAD, START_THREAD } from "./knownOptions.js";
import { type ChatgptLogin, checkedApiKey, type DeviceCodeLogin, followLogin } from "./login.js";
import { readThread } from "./openThread.js";
import { Thread } from "./thread.js";

const REQUEST: OptionTable<Pick<RequestOptions, "signal" | "timeoutMs">> = { signal, timeoutMs: nullable(timeout) };

/** The parameters of a request, and whether they may be left out. */
export type RequestArguments<M extends ClientMethod> = undefined extends ClientRequests[M]["params"]
  ? [params?: ClientRequests[M]["params"], options?: RequestOptions]
  : [params: ClientRequests[M]["params"], options?: RequestOptions];

/**
 * A client of one runtime process, which serves any number of threads at once.
 *
 * `new Codex()` starts the runtime at the first call that needs it; `Codex.launch()` starts it at once. Close it when
 * you are done: `await codex.close()`, or `await using codex = new Codex()`.
 */
export class Codex implements AsyncDisposable {
  readonly #runtime: Runtime;

  /** Starts nothing yet. Throws `UsageError` for options that cannot work. */
  constructor(options?: CodexOptions);
  /** @internal */
  constructor(runtime: Runtime);
  constructor(given: CodexOptions | Runtime = {}) {
    this.#runtime = given instanceof Runtime ? given : launchedRuntime(given);
  }

  /** Starts a runtime. Resolves after the handshake; rejects with `LaunchError`, leaving nothing behind. */
  static async launch(options: CodexOptions = {}): Promise<Codex> {
    return new Codex(options).start();
  }

  /**
   * Connects to a runtime that runs elsewhere: `ws://host:port`, `wss://…`, or `unix:///path` (`codex app-server
   * --listen`). Resolves after the handshake; closing the client leaves that runtime running.
   *
   * @throws LaunchError `UNAUTHORIZED`, `CONNECT_FAILED`, `HANDSHAKE_FAILED` or `VERSION_MISMATCH`; UsageError for an
   * address or options that cannot work, and for a token that would be sent unencrypted to another machine.
   */
  static async connect(address: string, options: ConnectOptions = {}): Promise<Codex> {
    text(address, { call: "Codex.connect", path: "address" });
    const checked = checkOptions(options, "Codex.connect", CONNECT);
    const { remoteEndpoint } = await import("../runtime/remote.js");
    return new Codex(new Runtime(checked, remoteEndpoint(address, checked))).start();
  }

  /** Starts the runtime, unless that is done. Rejects with `LaunchError`; a later call tries again. */
  async start(): Promise<this> {
    await this.#runtime.start();
    return this;
  }

  /**
   * Ends the runtime and everything it started. Resolves when nothing of it is left; what is pending rejects with
   * `TransportClosedError`. Can be called twice, during a turn and during the start.
   */
  close(): Promise<void> {
    return this.#runtime.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the runtime told of itself at the handshake. Throws `UsageError` before the start. */
  get metadata(): RuntimeMetadata {
    return this.#runtime.metadata;
  }

  /** How this client stands with its runtime. `on("status", …)` tells of each change. */
  get status(): CodexStatus {
    return this.#runtime.status;
  }

  /** Resolves when the client is closed for good, with why: by `close()`, or by a runtime that is gone. Never rejects. */
  get closed(): Promise<CloseReason> {
    return this.#runtime.closed;
  }

  /** The process id of the runtime, once it runs. */
  get pid(): number | undefined {
    return this.#runtime.pid;
  }

  /** Starts a thread (`thread/start`). The approval mode is `auto_review` unless another is given. */
  async startThread(options: StartThreadOptions = {}): Promise<Thread> {
    return Thread.start(this.#runtime, checkOptions(options, "startThread", START_THREAD));
  }

  /**
   * Opens a thread that exists (`thread/resume`), without its turns: read those with `thread/turns/list`. Name the
   * `sandbox`: a thread that was in `workspace-write` gets the configuration's otherwise.
   *
   * @throws ThreadNotFoundError, ThreadLockedError (another process writes to it), or SettingsMismatchError when the
   * thread was already loaded and keeps other settings than the ones asked for.
   */
  async resumeThread(threadId: string, options: ResumeThreadOptions = {}): Promise<Thread> {
    text(threadId, { call: "resumeThread", path: "threadId" });
    return Thread.resume(this.#runtime, threadId, checkOptions(options, "resumeThread", RESUME_THREAD));
  }

  /** Copies a thread's history into a new thread (`thread/fork`). Rejects as `resumeThread` does. */
  async forkThread(threadId: string, options: ForkThreadOptions = {}): Promise<Thread> {
    text(threadId, { call: "forkThread", path: "threadId" });
    return Thread.fork(this.#runtime, threadId, checkOptions(options, "forkThread", FORK_THREAD));
  }

  /** One page of the threads on disk (`thread/list`), of all providers unless `modelProviders` says otherwise. */
  async listThreads(options: ListThreadsOptions = {}): Promise<ThreadListResponse> {
    const params = checkOptions(options, "listThreads", LIST_THREADS);
    return this.#runtime.request("thread/list", { modelProviders: [], ...params });
  }

  /** All threads on disk, page after page as they are read. */
  threads(options: ListThreadsOptions = {}): AsyncGenerator<ThreadRecord, void, undefined> {
    const checked = checkOptions(options, "threads", LIST_THREADS);
    return allPages((cursor) => this.listThreads({ ...checked, ...cursor }), captureCallSite());
  }

  /** Reads a thread's record (`thread/read`) without opening it. */
  async readThread(
    threadId: string,
    options: { readonly includeTurns?: boolean | undefined } = {},
  ): Promise<ThreadRecord> {
    text(threadId, { call: "readThread", path: "threadId" });
    const { includeTurns } = checkOptions(options, "readThread", { includeTurns: flag });
    return readThread(this.#runtime, threadId, includeTurns);
  }

  /** Archives a thread (`thread/archive`). */
  async archiveThread(threadId: string): Promise<void> {
    text(threadId, { call: "archiveThread", path: "threadId" });
    await this.#runtime.request("thread/archive", { threadId });
  }

  /** Takes a thread out of the archive (`thread/unarchive`). Resume it before running a turn. */
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

  /** The models that the configuration offers (`model/list`, all pages). */
  async models(options: { readonly includeHidden?: boolean | undefined } = {}): Promise<Model[]> {
    const { includeHidden = false } = checkOptions(options, "models", { includeHidden: flag });
    const models: Model[] = [];
    const page = (cursor: { cursor?: string }) => this.#runtime.request("model/list", { includeHidden, ...cursor });
    for await (const model of allPages(page, captureCallSite())) models.push(model);
    return models;
  }

  /**
   * Logs in with an API key (`account/login/start`), without the blanks and line breaks around it. The runtime stores the
   * key, and checks it at first use.
   *
   * @throws UsageError for what is no string, is empty, or holds what no HTTP header carries: the runtime would take it
   * and send its requests without a key.
   */
  async loginApiKey(apiKey: string): Promise<void> {
    await this.#runtime.request("account/login/start", { type: "apiKey", apiKey: checkedApiKey(apiKey) });
  }

  /** Begins a login in the user's browser: open `authUrl` there, then await `wait()`. A second one cancels the first. */
  loginChatgpt(): Promise<ChatgptLogin> {
    return followLogin(this.#runtime, async () => {
      const begun = await this.#runtime.request("account/login/start", { type: "chatgpt" });
      if (begun.type !== "chatgpt") throw new UsageError(`The runtime began another kind of login (${begun.type}).`);
      return { loginId: begun.loginId, authUrl: begun.authUrl };
    });
  }

  /** Begins a login on another device: show `verificationUrl` and `userCode`, then await `wait()`. */
  loginChatgptDeviceCode(): Promise<DeviceCodeLogin> {
    return followLogin(this.#runtime, async () => {
      const begun = await this.#runtime.request("account/login/start", { type: "chatgptDeviceCode" });
      if (begun.type !== "chatgptDeviceCode") {
        throw new UsageError(`The runtime began another kind of login (${begun.type}).`);
      }
      return { loginId: begun.loginId, verificationUrl: begun.verificationUrl, userCode: begun.userCode };
    });
  }

  /** Who is logged in (`account/read`). `account` is null when nobody is, or when the provider needs no login. */
  async account(options: { readonly refreshToken?: boolean | undefined } = {}): Promise<GetAccountResponse> {
    const { refreshToken = false } = checkOptions(options, "account", { refreshToken: flag });
    return this.#runtime.request("account/read", { refreshToken });
  }

  /** Forgets the login (`account/logout`). */
  async logout(): Promise<void> {
    await this.#runtime.request("account/logout", undefined);
  }

  /** The account's rate limits (`account/rateLimits/read`). Rejects with `AuthRequiredError` without a login. */
  rateLimits(): Promise<GetAccountRateLimitsResponse> {
    return this.#runtime.request("account/rateLimits/read", undefined);
  }

  /**
   * Sends any request of the protocol, typed by the runtime's own definitions.
   *
   * Rejects with `JsonRpcError` or a subclass, `RequestTimeoutError`, `TransportClosedError`, or the signal's reason.
   * At most 64 requests are in flight at once; further ones wait. Reads that an overloaded runtime refuses are repeated.
   */
  async request<M extends ClientMethod>(
    method: M,
    ...[params, options = {}]: RequestArguments<M>
  ): Promise<ClientRequests[M]["result"]> {
    text(method, { call: "request", path: "method" });
    const given: Pick<RequestOptions, "signal" | "timeoutMs"> = options;
    return this.#runtime.request(method, params, checkOptions(given, "request", REQUEST));
  }

  /**
   * Subscribes to a notification of any thread, with `"*"` to all of them, or with `"unknown"` to those that this version
   * does not know. Handlers run in order, off the reader, in the async context of this call; one that throws is reported to
   * the logger. Dispose the result to unsubscribe.
   *
   * @throws UsageError for a name that never comes: one that the protocol does not have, or that was opted out of.
   */
  on<K extends SubscriptionName>(method: K, handler: (notification: NotificationOf<K>) => unknown): Disposable {
    checkSubscription(method, this.#runtime.silenced);
    callback(handler, { call: "on", path: "handler" });
    return this.#runtime.listeners.on(method, handler);
  }
}

function launchedRuntime(options: CodexOptions): Runtime {
  const checked = withHomePaths(checkOptions(options, "new Codex", CODEX));
  return new Runtime(checked, localEndpoint(checked));
}

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** A later page is read in another tick, so its failure gets the stack of the call that began the loop. */
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
