/** The runtime behind the tools, the threads that it started for callers, and the limits on both. */

import { setTimeout as sleep } from "node:timers/promises";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { Codex, LaunchError, type Thread, TurnInProgressError } from "codex-embed";
import { type Caller, reportProgress } from "./caller.js";
import { assertUnmoved, type CappedStart, type ThreadSettings, withinCaps } from "./caps.js";
import { handlersFor } from "./handlers.js";
import type { Settings } from "./options.js";
import { errorResult, ToolError, turnResult } from "./results.js";
import type { ReplyArguments, StartArguments } from "./tools.js";

/** How long interrupted turns may take to end before the runtime is closed. */
const CLOSE_GRACE_MS = 6_000;

/** How many threads callers can reply to. The least recently used one is forgotten first. */
const MAX_THREADS = 10_000;

/** A thread that this server started. Callers can reply to no other. */
interface OwnThread {
  readonly id: string;
  readonly settings: ThreadSettings;
  /** Null when the runtime has unloaded it. */
  loaded: Thread | null;
  /** Pending while the runtime unloads it. */
  unloading: Promise<void> | null;
  /** Who called the tool whose turn runs; null while no turn runs. */
  caller: Caller | null;
}

/** The agents behind one server, for any number of connections. The first call starts the runtime. */
export class Agents {
  readonly #settings: Settings;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<CallToolResult>>();
  /** Least recently used first. */
  readonly #threads = new Map<string, OwnThread>();
  #codex: Codex | null = null;
  /** The runtime whose `closed` is observed. */
  #watched: Codex | null = null;
  #closed: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Starts a thread and runs a turn. Never rejects: a failure is a result with `isError`. */
  start(args: StartArguments, called: Caller): Promise<CallToolResult> {
    return this.#call(called, async (caller) => {
      const options = withinCaps(args, this.#settings);
      const own = await this.#startThread(options, caller);
      return this.#runTurn(own, args.prompt, caller);
    });
  }

  /** Runs a turn on a thread that this server started. Never rejects. */
  reply({ threadId, prompt }: ReplyArguments, called: Caller): Promise<CallToolResult> {
    return this.#call(called, async (caller) => {
      const own = this.#threads.get(threadId);
      if (own === undefined) {
        throw new ToolError(
          `Unknown threadId ${JSON.stringify(threadId.slice(0, 100))}. codex-reply continues only threads that codex started ` +
            `since this server was started, the latest ${MAX_THREADS} of them. Start a new thread with codex.`,
        );
      }
      // Checked and taken in one step, so that a reply that still loads its thread counts as a turn.
      if (own.caller !== null) return errorResult(new TurnInProgressError(own.id, null), own.id);
      own.caller = caller;
      try {
        await this.#load(own);
      } catch (error) {
        own.caller = null;
        return this.#failed(error, own.id);
      }
      return this.#runTurn(own, prompt, caller);
    });
  }

  /** Interrupts running turns and ends the runtime with everything that it started. Resolves when nothing is left. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new ToolError("This server is closing."));
    const grace = new AbortController();
    const ended = Promise.all(this.#running).finally(() => grace.abort());
    await Promise.race([ended, sleep(CLOSE_GRACE_MS, undefined, { signal: grace.signal }).catch(() => {})]);
    await this.#codex?.close();
  }

  /** Does the work of a call if a turn may run now. The signal of its caller also aborts when the server closes. */
  async #call(called: Caller, work: (caller: Caller) => Promise<CallToolResult>): Promise<CallToolResult> {
    const { maxConcurrentTurns } = this.#settings;
    if (this.#closing.signal.aborted) return errorResult(this.#closing.signal.reason, null);
    if (this.#running.size >= maxConcurrentTurns) {
      const turns = maxConcurrentTurns === 1 ? "one turn" : `${maxConcurrentTurns} turns`;
      return errorResult(
        new ToolError(`Busy: this server runs ${turns} at once. Try again when a call has ended.`),
        null,
      );
    }
    const caller: Caller = {
      signal: AbortSignal.any([called.signal, this.#closing.signal]),
      canAsk: (mode) => called.canAsk(mode),
      ask: (question, signal) => called.ask(question, signal),
      report: (message) => called.report(message),
    };
    const running = work(caller).catch((error: unknown) => this.#failed(error, null));
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #failed(error: unknown, threadId: string | null): CallToolResult {
    const { logger } = this.#settings;
    if (LaunchError.isInstance(error)) {
      logger?.error({ code: error.code, reason: error.message }, "The agent runtime could not be started.");
    } else if (!(error instanceof ToolError)) {
      logger?.warn({ threadId, ...classOf(error) }, "A tool call failed.");
    }
    return errorResult(error, threadId);
  }

  /** The started runtime. When it dies, the next call starts another one, which loads threads again as needed. */
  async #startedRuntime(): Promise<Codex> {
    const { codex: options, logger } = this.#settings;
    const codex = (this.#codex ??= new Codex(options));
    await codex.start();
    if (this.#watched === codex) return codex;
    this.#watched = codex;
    void codex.closed.then(({ initiator, exitCode, signal, stderrTail }) => {
      if (this.#codex === codex) this.#codex = null;
      for (const own of this.#threads.values()) own.loaded = null;
      if (initiator === "client") return;
      logger?.error({ exitCode, signal, stderrTail }, "The agent runtime ended unexpectedly.");
    });
    return codex;
  }

  async #startThread(options: CappedStart, caller: Caller): Promise<OwnThread> {
    const codex = await this.#startedRuntime();
    caller.signal.throwIfAborted();
    let own: OwnThread | null = null;
    const handlers = handlersFor(options.approvalMode, () => own?.caller ?? null, this.#settings.logger);
    // Started with a wider sandbox, a thread makes the runtime note its repository as trusted in the operator's
    // configuration and read the repository's own from then on. So each turn sets its sandbox instead.
    const thread = await codex.startThread({ ...options, sandbox: "read-only", handlers });
    const { sandbox, approvalMode } = options;
    own = {
      id: thread.id,
      settings: { cwd: options.cwd, sandbox, approvalMode },
      loaded: thread,
      unloading: null,
      caller,
    };
    this.#threads.set(own.id, own);
    this.#forgetOldest();
    return own;
  }

  #forgetOldest(): void {
    for (const { id, loaded, caller } of this.#threads.values()) {
      if (this.#threads.size <= MAX_THREADS) return;
      if (loaded === null && caller === null) this.#threads.delete(id);
    }
  }

  /** Loads a thread again if needed, with the settings that it was started with. */
  async #load(own: OwnThread): Promise<void> {
    this.#threads.delete(own.id);
    this.#threads.set(own.id, own);
    await own.unloading;
    if (own.loaded !== null) return;
    const codex = await this.#startedRuntime();
    const handlers = handlersFor(own.settings.approvalMode, () => own.caller, this.#settings.logger);
    const { cwd, approvalMode } = own.settings;
    own.loaded = await codex.resumeThread(own.id, { cwd, approvalMode, handlers });
  }

  /** Runs a turn with the settings of the thread, then frees the thread. */
  async #runTurn(own: OwnThread, prompt: string, caller: Caller): Promise<CallToolResult> {
    const { deadlineMs, heartbeatMs } = this.#settings;
    try {
      if (own.loaded === null) {
        throw new ToolError("The agent runtime ended. Call codex-reply again: it restarts the runtime.");
      }
      const { cwd, sandbox, approvalMode } = own.settings;
      // The runtime follows the path: another thread may have put a link there since the last check.
      assertUnmoved(cwd);
      const turn = await own.loaded.startTurn(prompt, { sandbox, approvalMode, signal: caller.signal, deadlineMs });
      await reportProgress(turn, (message) => caller.report(message), heartbeatMs);
      return turnResult(await turn.result());
    } catch (error) {
      const { aborted, reason } = caller.signal;
      // A signal of this server's own has a reason for the caller; else it is the client that gave up.
      const isCancelled = aborted && !(reason instanceof ToolError);
      return this.#failed(
        isCancelled ? new ToolError("The call was cancelled; its turn was interrupted.") : error,
        own.id,
      );
    } finally {
      own.caller = null;
      await this.#unloadOldest();
    }
  }

  /** Unloads the least recently used idle threads beyond `maxLoadedThreads`. */
  async #unloadOldest(): Promise<void> {
    const loaded = [...this.#threads.values()].filter((own) => own.loaded !== null);
    const tooMany = loaded.length - this.#settings.maxLoadedThreads;
    const idle = loaded.filter((own) => own.caller === null).slice(0, Math.max(0, tooMany));
    await Promise.all(idle.map((own) => (own.unloading ??= this.#unload(own))));
  }

  async #unload(own: OwnThread): Promise<void> {
    try {
      await own.loaded?.[Symbol.asyncDispose]();
    } catch {
      // Then the runtime keeps it loaded, which a reply does not mind.
    } finally {
      own.loaded = null;
      own.unloading = null;
    }
  }
}

/** What the log gets of an error: its class and code. A message of the runtime can quote what it was given. */
function classOf(error: unknown): { error: string; code?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  return { error: error.name, ...("code" in error && typeof error.code === "string" ? { code: error.code } : {}) };
}
