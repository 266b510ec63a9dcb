import { setTimeout as sleep } from "node:timers/promises";
import { NoActiveTurnError } from "../errors/connection.js";
import type { Runtime } from "../runtime/runtime.js";
import type { AgentTree } from "../stream/agentStream.js";
import type { Over, TurnStream, Unfinished } from "../stream/turnStream.js";
import { pause } from "../util/async.js";
import { interruptAgents } from "./agents.js";

/** How long the runtime may take to end what was aborted before the caller is let go. The rest of the work is still done. */
const ABORT_GRACE_MS = 5_000;
/** How long the list of a thread's commands may name one that was stopped; measured: some milliseconds. */
const GONE_MS = 2_000;
const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 100;

const INTERRUPT_ATTEMPTS = 5;
const INTERRUPT_RETRY_MS = 20;

/** A turn, a review or a goal. */
export interface Endable {
  readonly threadId: string;
  readonly agents: AgentTree;
  /** Resolves when the runtime has ended it or nothing more is heard of it. Never rejects. */
  readonly over: Promise<Over>;
  readonly isOver: boolean;
  /** Whether it may have run commands. */
  readonly hasCommands: boolean;
  /** From now on it ends for its caller by `letGo` alone, with this reason. */
  abort(reasonOf: (unfinished: Unfinished) => unknown): void;
  letGo(): void;
}

/** How an interrupt is sent. */
export interface InterruptOptions {
  /** As for a request. Null when the interrupt is owed, however late the runtime answers. */
  readonly timeoutMs?: number | null | undefined;
}

/**
 * The one way to end a turn, a review or a goal before its time: interrupt it and its agents and stop their commands, all
 * at once; let the caller go when that is done, or after a grace; and do what is left when the runtime answers later.
 */
export class Ender {
  readonly #runtime: Runtime;
  readonly #work: Endable;
  readonly #send: (options: InterruptOptions) => Promise<void>;
  readonly #beganMs = performance.now();
  #interrupting: Promise<void> | null = null;
  #ending: Promise<void> | null = null;

  /** @param send - interrupts the work once; resolves when the runtime has taken that, or the work is over. */
  constructor(runtime: Runtime, work: Endable, send: (options: InterruptOptions) => Promise<void>) {
    this.#runtime = runtime;
    this.#work = work;
    this.#send = send;
  }

  /** Interrupts the work and nothing else. Calls at the same time share one request. */
  interrupt(options: InterruptOptions = {}): Promise<void> {
    this.#interrupting ??= this.#send(options).finally(() => {
      this.#interrupting = null;
    });
    return this.#interrupting;
  }

  /**
   * Ends the work with a reason for its caller. Resolves when nothing of it is left, or the runtime is gone; never
   * rejects. Until then other work on the thread waits: it could be taken for this one.
   */
  end(reasonOf: (unfinished: Unfinished) => unknown, keepCommands: boolean): Promise<void> {
    this.#work.abort(reasonOf);
    this.#ending ??= trackEnding(this.#runtime, this.#work.threadId, this.#end(keepCommands));
    return this.#ending;
  }

  async #end(keepCommands: boolean): Promise<void> {
    const grace = setTimeout(() => this.#work.letGo(), ABORT_GRACE_MS);
    try {
      await this.#stop(keepCommands);
    } finally {
      clearTimeout(grace);
      this.#work.letGo();
    }
  }

  async #stop(keepCommands: boolean): Promise<void> {
    const { agents, threadId, over } = this.#work;
    const threadIds = (): string[] => [threadId, ...agents.all().map((agent) => agent.threadId)];
    const cleaning = keepCommands ? [] : threadIds().map((id) => cleanCommands(this.#runtime, id));
    await Promise.allSettled([
      this.interrupt({ timeoutMs: null }),
      interruptAgents(this.#runtime, agents, null),
      ...cleaning,
    ]);
    await over;
    // A process that has gone has taken everything with it, and a request would start another.
    if (this.#runtime.status === "idle" || this.#runtime.isClosed) return;
    // Agents may have become known, and a command may have started, while the requests were on their way.
    await interruptAgents(this.#runtime, agents, null);
    if (keepCommands) return;
    const [isListed] = await Promise.all(cleaning);
    const [, ...agentIds] = threadIds();
    const mayBeLeft = isListed || this.#work.hasCommands ? threadIds() : agentIds;
    await Promise.all(mayBeLeft.map((id) => stopCommands(this.#runtime, id)));
    const killOrphans = () => this.#runtime.killOrphans(threadIds(), this.#beganMs);
    if (mayBeLeft.length > 0) await killOrphans();
    // A command that began in the moment of the abort may be unknown. The caller need not wait for the look.
    else setImmediate(() => void killOrphans());
  }
}

/** The ladder of a turn or a review. */
export function turnEnder(runtime: Runtime, stream: TurnStream): Ender {
  return new Ender(runtime, stream, async (options) => {
    for (let attempt = 1; !stream.isOver; attempt++) {
      const params = { threadId: stream.threadId, turnId: stream.interruptId };
      try {
        await runtime.request("turn/interrupt", params, options);
        return;
      } catch (error) {
        if (!NoActiveTurnError.isInstance(error) || attempt === INTERRUPT_ATTEMPTS) throw error;
        // Between the last item and turn/completed the turn is over for the runtime, but not yet told to be.
        await pause(INTERRUPT_RETRY_MS * attempt, stream.over);
      }
    }
  });
}

/** Keeps other work from a thread until the promise has settled. */
export function trackEnding(runtime: Runtime, threadId: string, ending: Promise<void>): Promise<void> {
  const before = runtime.endings.get(threadId);
  const all: Promise<void> = Promise.allSettled([before, ending]).then(() => {
    if (runtime.endings.get(threadId) === all) runtime.endings.delete(threadId);
  });
  runtime.endings.set(threadId, all);
  return ending;
}

/** Stops the commands of a thread (`thread/backgroundTerminals/clean`); resolves with whether one may be left. */
async function cleanCommands(runtime: Runtime, threadId: string): Promise<boolean> {
  const owed = { timeoutMs: null };
  try {
    // Both are on their way at once: the list tells of commands that earlier turns have left, at no further wait.
    const [, { data }] = await Promise.all([
      runtime.request("thread/backgroundTerminals/clean", { threadId }, owed),
      runtime.request("thread/backgroundTerminals/list", { threadId }, owed),
    ]);
    return data.length > 0;
  } catch {
    // A thread that is not loaded has no commands; a runtime that is gone has none either.
    return false;
  }
}

/** Stops the commands of a thread until the runtime lists none. */
async function stopCommands(runtime: Runtime, threadId: string): Promise<void> {
  const endMs = performance.now() + GONE_MS;
  for (let waitMs = FIRST_LOOK_MS; await cleanCommands(runtime, threadId); waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    if (performance.now() > endMs) return;
    await sleep(waitMs, undefined, { ref: false });
  }
}
