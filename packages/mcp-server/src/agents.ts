/** Owns the runtime behind the tools, the threads that it has started for callers, and the slots for their turns. */

import { setTimeout as sleep } from "node:timers/promises";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { Codex, LaunchError, type Thread, TurnInProgressError } from "codex-embed";
import type { Caller } from "./caller.js";
import { assertUnmoved, type CappedStart, type ThreadSettings, withinCaps } from "./caps.js";
import { handlersFor } from "./handlers.js";
import type { Settings } from "./options.js";
import { followTurn } from "./progress.js";
import { Refusal } from "./refusal.js";
import { endedResult, failedResult } from "./results.js";
import { TOKEN_VARIABLE } from "./token.js";
import type { ReplyArguments, StartArguments } from "./toolInputs.js";

/** How long interrupted turns may take to end before the runtime is closed under them. */
const CLOSE_GRACE_MS = 6_000;

/** How many threads can be replied to. Beyond that, the one that has not been used for longest is forgotten. */
const MAX_THREADS = 10_000;

/** A thread that was started here. Nobody else's can be replied to. */
interface OwnThread {
  readonly id: string;
  readonly settings: ThreadSettings;
  /** Null when the runtime holds it no more. */
  loaded: Thread | null;
  /** While the runtime is being told to let it go. */
  unloading: Promise<void> | null;
  /** Who has called the tool whose turn runs; null while none does. */
  caller: Caller | null;
}

/** The agents behind one server, for any number of connections. Starts the runtime at the first call. */
export class Agents {
  readonly #settings: Settings;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<CallToolResult>>();
  /** In the order of their last use. */
  readonly #threads = new Map<string, OwnThread>();
  #codex: Codex | null = null;
  /** The runtime whose end is waited for. */
  #watched: Codex | null = null;
  #closed: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** How many calls are under way. */
  get runningCalls(): number {
    return this.#running.size;
  }

  /** Starts a thread and runs a turn. Never rejects: what goes wrong is a result that says so. */
  start(asked: StartArguments, caller: Caller): Promise<CallToolResult> {
    return this.#call(caller, async (waiting) => {
      const options = withinCaps(asked, this.#settings);
      const own = await this.#startThread(options, waiting);
      return this.#runTurn(own, asked.prompt, waiting);
    });
  }

  /** Runs a turn on a thread that was started here. Never rejects. */
  reply({ threadId, prompt }: ReplyArguments, caller: Caller): Promise<CallToolResult> {
    return this.#call(caller, async (waiting) => {
      const own = this.#threads.get(threadId);
      if (own === undefined) {
        throw new Refusal(
          `This server has started no thread ${JSON.stringify(threadId.slice(0, 100))}. It replies only to its own threads, ` +
            `from its start on and the latest ${MAX_THREADS}: start a new one with codex.`,
        );
      }
      // Checked and taken in one go, so that a reply that still loads its thread counts as a turn as well.
      if (own.caller !== null) return failedResult(new TurnInProgressError(own.id, null), own.id);
      own.caller = waiting;
      try {
        await this.#load(own);
      } catch (error) {
        own.caller = null;
        return this.#failed(error, own.id);
      }
      return this.#runTurn(own, prompt, waiting);
    });
  }

  /** Interrupts what runs, and ends the runtime with everything that it has started. Resolves when nothing is left. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new Refusal("This server is closing."));
    const grace = new AbortController();
    const ended = Promise.all(this.#running).finally(() => grace.abort());
    await Promise.race([ended, sleep(CLOSE_GRACE_MS, undefined, { signal: grace.signal }).catch(() => {})]);
    await this.#codex?.close();
  }

  /** Takes a slot, and lets the work hear of the caller's end as well as of the server's. */
  async #call(caller: Caller, work: (caller: Caller) => Promise<CallToolResult>): Promise<CallToolResult> {
    const { maxConcurrentTurns } = this.#settings;
    if (this.#closing.signal.aborted) return failedResult(this.#closing.signal.reason, null);
    if (this.#running.size >= maxConcurrentTurns) {
      const turns = maxConcurrentTurns === 1 ? "one turn" : `${maxConcurrentTurns} turns`;
      return failedResult(
        new Refusal(`This server runs ${turns} at once, and has no room now. Try again later.`),
        null,
      );
    }
    const waiting: Caller = {
      signal: AbortSignal.any([caller.signal, this.#closing.signal]),
      canAsk: (mode) => caller.canAsk(mode),
      ask: (question, signal) => caller.ask(question, signal),
      tell: (message) => caller.tell(message),
    };
    const running = work(waiting).catch((error: unknown) => this.#failed(error, null));
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
    } else if (!(error instanceof Refusal)) {
      logger?.warn({ threadId, ...describe(error) }, "A tool call failed.");
    }
    return failedResult(error, threadId);
  }

  /** The runtime, started. When it dies, the next call starts another one, and its threads are loaded again. */
  async #startedRuntime(): Promise<Codex> {
    const { codex: options, defaultRoot, logger } = this.#settings;
    const env = { ...options.env, [TOKEN_VARIABLE]: undefined };
    const codex = (this.#codex ??= new Codex({ logger, cwd: defaultRoot, ...options, env }));
    await codex.start();
    if (this.#watched === codex) return codex;
    this.#watched = codex;
    void codex.closed.then(({ initiator, exitCode, signal, stderrTail }) => {
      if (this.#codex === codex) this.#codex = null;
      for (const own of this.#threads.values()) own.loaded = null;
      if (initiator === "client") return;
      logger?.error({ exitCode, signal, stderrTail }, "The agent runtime has ended by itself.");
    });
    return codex;
  }

  async #startThread(options: CappedStart, caller: Caller): Promise<OwnThread> {
    const codex = await this.#startedRuntime();
    caller.signal.throwIfAborted();
    let own: OwnThread | null = null;
    const handlers = handlersFor(options.approvalMode, () => own?.caller ?? null, this.#settings.logger);
    // A thread that is started with more makes the runtime note its repository as trusted in the operator's
    // configuration, and take the repository's own from then on. Each turn says its sandbox itself.
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

  /** Loads a thread again, in the folder that it was started in. */
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

  /** Runs a turn within the thread's settings, for the caller that has the thread, and lets the thread go. */
  async #runTurn(own: OwnThread, prompt: string, caller: Caller): Promise<CallToolResult> {
    const { deadlineMs, heartbeatMs } = this.#settings;
    try {
      if (own.loaded === null) throw new Refusal("The agent runtime has ended. Reply again to load the thread.");
      const { cwd, sandbox, approvalMode } = own.settings;
      // The runtime goes by the path: another thread may have put a link there since it was checked.
      assertUnmoved(cwd);
      const turn = await own.loaded.startTurn(prompt, { sandbox, approvalMode, signal: caller.signal, deadlineMs });
      await followTurn(turn, (message) => caller.tell(message), heartbeatMs);
      return endedResult(await turn.result());
    } catch (error) {
      const { aborted, reason } = caller.signal;
      const isCancelled = aborted && !(reason instanceof Refusal);
      return this.#failed(
        isCancelled ? new Refusal("The call was cancelled; its turn was interrupted.") : error,
        own.id,
      );
    } finally {
      own.caller = null;
      await this.#unloadOldest();
    }
  }

  /** Lets the runtime unload the idle threads that have not been used for longest. */
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
      // The runtime keeps it then, and a reply finds it loaded.
    } finally {
      own.loaded = null;
      own.unloading = null;
    }
  }
}

/** What the log gets of an error: its class and code. Messages of the runtime can hold what it was given. */
function describe(error: unknown): { error: string; code?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  return { error: error.name, ...("code" in error && typeof error.code === "string" ? { code: error.code } : {}) };
}
