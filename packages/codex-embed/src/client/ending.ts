import { NoActiveTurnError } from "../errors/connection.js";
import type { Thread as ThreadRecord } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { textOf } from "../stream/accumulate.js";
import type { AgentResult, AgentStatus, AgentStream, AgentTree } from "../stream/agentStream.js";
import type { Over, Unfinished } from "../stream/eventStream.js";
import type { TurnEvent } from "../stream/events.js";
import type { TurnStream } from "../stream/turnStream.js";
import { pause } from "../util/async.js";

export type { AgentResult, AgentStatus } from "../stream/agentStream.js";

/** How long an abort waits for the runtime before it settles the caller's promises. The cleanup goes on after that. */
const ABORT_GRACE_MS = 5_000;
/** How long `thread/backgroundTerminals/list` may name a command that was stopped; measured: some milliseconds. */
const GONE_MS = 2_000;
const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 100;
/** How long an interrupt waits for an agent's first turn to start; measured: some milliseconds. */
const AGENT_START_MS = 1_000;

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
  /** From now on it ends for its caller by `detach` alone, with this reason. */
  abort(reasonOf: (unfinished: Unfinished) => unknown): void;
  detach(): void;
}

/** How an interrupt is sent. */
export interface InterruptOptions {
  /** As for a request. Null: wait however late the runtime answers, because the turn has to end. */
  readonly timeoutMs?: number | null | undefined;
}

/**
 * The one way to end a turn, a review or a goal early. `interrupt` sends the interrupt alone. `end` also interrupts the
 * agents and stops the commands, all at once; it settles the caller's promises when that is done or after a grace
 * period, and finishes the rest when the runtime answers later.
 */
export class Ender {
  readonly #runtime: Runtime;
  readonly #work: Endable;
  readonly #send: (options: InterruptOptions) => Promise<void>;
  readonly #beganMs = performance.now();
  #interrupting: Promise<void> | null = null;
  #ending: Promise<void> | null = null;

  /** @param send - interrupts the work once; resolves when the runtime has accepted that, or the work is over. */
  constructor(runtime: Runtime, work: Endable, send: (options: InterruptOptions) => Promise<void>) {
    this.#runtime = runtime;
    this.#work = work;
    this.#send = send;
  }

  /** Interrupts the work and nothing else. Concurrent calls share one request. */
  interrupt(options: InterruptOptions = {}): Promise<void> {
    this.#interrupting ??= this.#send(options).finally(() => {
      this.#interrupting = null;
    });
    return this.#interrupting;
  }

  /**
   * Ends the work with a reason for its caller. Resolves when nothing of it is left, or the runtime is gone; never
   * rejects. Until then other work on the thread waits, because events could be taken for the wrong work.
   */
  end(reasonOf: (unfinished: Unfinished) => unknown, keepCommands: boolean): Promise<void> {
    this.#work.abort(reasonOf);
    this.#ending ??= trackEnding(this.#runtime, this.#work.threadId, this.#end(keepCommands));
    return this.#ending;
  }

  async #end(keepCommands: boolean): Promise<void> {
    const grace = setTimeout(() => this.#work.detach(), ABORT_GRACE_MS);
    try {
      await this.#stop(keepCommands);
    } finally {
      clearTimeout(grace);
      this.#work.detach();
    }
  }

  async #stop(keepCommands: boolean): Promise<void> {
    const { agents, threadId, over } = this.#work;
    const threadIds = (): string[] => [threadId, ...agents.all().map((agent) => agent.threadId)];
    // Interrupts go first: a command that is stopped before its turn has the model called once more.
    const interrupting = [this.interrupt({ timeoutMs: null }), this.#interruptAgents()];
    const cleaning = keepCommands ? [] : threadIds().map((id) => cleanCommands(this.#runtime, id));
    await Promise.allSettled([...interrupting, ...cleaning]);
    await over;
    // A process that is gone took everything with it, and a request would start another.
    if (this.#runtime.status === "idle" || this.#runtime.isClosed) return;
    // Agents may have become known, and a command may have started, while the requests were in flight.
    await this.#interruptAgents();
    if (keepCommands) return;
    const [isListed] = await Promise.all(cleaning);
    const [, ...agentIds] = threadIds();
    const mayBeLeft = isListed || this.#work.hasCommands ? threadIds() : agentIds;
    await Promise.all(mayBeLeft.map((id) => stopCommands(this.#runtime, id)));
    const killOrphans = () => this.#runtime.killOrphans(threadIds(), this.#beganMs);
    if (mayBeLeft.length > 0) await killOrphans();
    // A command that started as the abort went out may be unknown. The caller need not wait for the scan.
    else setImmediate(() => void killOrphans());
  }

  /** Agents that end meanwhile are no failure. */
  async #interruptAgents(): Promise<void> {
    const options = { timeoutMs: null };
    await Promise.allSettled(this.#work.agents.all().map((agent) => interruptAgent(this.#runtime, agent, options)));
  }
}

/** The ender of a turn or a review (`turn/interrupt`). */
export function turnEnder(runtime: Runtime, stream: TurnStream): Ender {
  return new Ender(runtime, stream, async (options) => {
    const { threadId, over } = stream;
    if (stream.isOver) return;
    try {
      await whileTurnEnds(
        stream,
        () => over,
        () => interruptTurn(runtime, { threadId, turnId: stream.interruptId }, { ...options, over }),
      );
    } catch (error) {
      if (!NoActiveTurnError.isInstance(error) || !stream.isOver) throw error;
    }
  });
}

/**
 * Sends a request about the turn in flight, and again while the runtime answers that there is none: between the last
 * item and `turn/completed` the turn is over for the runtime, but the client has not been told yet.
 *
 * @param nextChange - resolves when a turn of the work starts or ends.
 * @throws NoActiveTurnError when the work is over, or after five attempts.
 */
export async function whileTurnEnds(
  work: Pick<Endable, "isOver">,
  nextChange: () => Promise<unknown>,
  send: () => Promise<unknown>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await send();
      return;
    } catch (error) {
      if (!NoActiveTurnError.isInstance(error) || work.isOver || attempt === INTERRUPT_ATTEMPTS) throw error;
      await pause(INTERRUPT_RETRY_MS * attempt, nextChange());
      if (work.isOver) throw error;
    }
  }
}

/**
 * Sends one `turn/interrupt`. Resolves when the runtime has accepted it, or has ended the turn: before 0.165 it never answers
 * one for a turn that it is ending already (measured).
 *
 * @param options - `over` resolves when the turn is over, with `lost` if that is unknown.
 */
export async function interruptTurn(
  runtime: Runtime,
  turn: { readonly threadId: string; readonly turnId: string },
  { timeoutMs, over }: InterruptOptions & { readonly over: Promise<Over> },
): Promise<void> {
  const unanswered = new AbortController();
  const accepted = runtime.request("turn/interrupt", turn, { timeoutMs, signal: unanswered.signal });
  try {
    await Promise.race([accepted, over.then((how) => (how === "lost" ? accepted : undefined))]);
  } finally {
    unanswered.abort();
  }
}

/** Interrupts the turn of one agent (`turn/interrupt`); does nothing when it has none. */
async function interruptAgent(runtime: Runtime, agent: AgentStream, options: InterruptOptions = {}): Promise<void> {
  // The first turn starts just after the agent becomes known, and cannot be interrupted earlier.
  if (!agent.isEnded && agent.status === "pendingInit") {
    await pause(AGENT_START_MS, agent.begun);
  }
  const { threadId, activeTurnId } = agent;
  if (activeTurnId === null) return;
  try {
    await interruptTurn(runtime, { threadId, turnId: activeTurnId }, { ...options, over: agent.turnOver });
  } catch (error) {
    if (!NoActiveTurnError.isInstance(error)) throw error;
  }
}

/** Keeps other work off a thread until the promise has settled. */
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
  const options = { timeoutMs: null };
  try {
    // Both go out at once: the list names commands that earlier turns left behind, at no extra wait.
    const [, { data }] = await Promise.all([
      runtime.request("thread/backgroundTerminals/clean", { threadId }, options),
      runtime.request("thread/backgroundTerminals/list", { threadId }, options),
    ]);
    return data.length > 0;
  } catch {
    // A thread that is not loaded has no commands, and neither has a runtime that is gone.
    return false;
  }
}

/** Stops the commands of a thread until the runtime lists none. */
async function stopCommands(runtime: Runtime, threadId: string): Promise<void> {
  const endMs = performance.now() + GONE_MS;
  for (let waitMs = FIRST_LOOK_MS; await cleanCommands(runtime, threadId); waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    if (performance.now() > endMs) return;
    await pause(waitMs);
  }
}

/**
 * The sub-agents that one agent has started. Iterating gives those known now; `for await` gives these and each further
 * one as soon as the runtime names it, and ends when none can follow.
 */
export class Agents implements Iterable<Agent>, AsyncIterable<Agent> {
  readonly #runtime: Runtime;
  readonly #tree: AgentTree;
  readonly #parentThreadId: string;

  /** @internal */
  constructor(runtime: Runtime, tree: AgentTree, parentThreadId: string) {
    this.#runtime = runtime;
    this.#tree = tree;
    this.#parentThreadId = parentThreadId;
  }

  *[Symbol.iterator](): Generator<Agent, void, undefined> {
    for (const stream of this.#tree.agentsOf(this.#parentThreadId)) yield this.#agent(stream);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Agent, void, undefined> {
    for (let yielded = 0; ; ) {
      const streams = this.#tree.agentsOf(this.#parentThreadId);
      const next = streams[yielded];
      if (next !== undefined) {
        yielded += 1;
        yield this.#agent(next);
      } else if (this.#tree.isOver(this.#parentThreadId)) {
        return;
      } else {
        await this.#tree.nextChange();
      }
    }
  }

  #agent(stream: AgentStream): Agent {
    return new Agent(this.#runtime, this.#tree, stream);
  }
}

/**
 * A sub-agent of a turn: a thread of its own that the agent has started. Iterating it yields the events of all its
 * turns from the first on, for any number of readers at any time. A reader ends when the agent is closed, or is idle
 * after the turn it belongs to has ended.
 */
export class Agent implements AsyncIterable<TurnEvent> {
  readonly threadId: string;
  /** The thread of the agent that started this one. */
  readonly parentThreadId: string;
  readonly #runtime: Runtime;
  readonly #tree: AgentTree;
  readonly #stream: AgentStream;

  /** @internal */
  constructor(runtime: Runtime, tree: AgentTree, stream: AgentStream) {
    this.threadId = stream.threadId;
    this.parentThreadId = stream.parentThreadId;
    this.#runtime = runtime;
    this.#tree = tree;
    this.#stream = stream;
  }

  /** The status now: from its own events, or, before the first of them, from the agent that named it. */
  get status(): AgentStatus {
    return this.#stream.status;
  }

  /** The task it was started with; null when the runtime does not say. */
  get prompt(): string | null {
    return this.#stream.prompt;
  }

  /** The model it was started with; null when the runtime does not say. */
  get model(): string | null {
    return this.#stream.model;
  }

  /** Its name in the tree, such as `/root/tests`; null when the runtime gives agents none. */
  get path(): string | null {
    return this.#stream.path;
  }

  /** Its latest final response, or null. */
  get finalResponse(): string | null {
    return this.#stream.finalResponse;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /** The text of its messages as it grows, without commentary. */
  textStream(): AsyncIterableIterator<string, void, undefined> {
    return textOf(this);
  }

  /** The sub-agents that it has started itself. */
  agents(): Agents {
    return new Agents(this.#runtime, this.#tree, this.threadId);
  }

  /**
   * Resolves when a reader of its events would end. A failed turn of the agent does not reject: see `status`.
   *
   * @throws TransportClosedError when the runtime is gone.
   */
  async result(): Promise<AgentResult> {
    const end = await this.#stream.ended;
    if ("error" in end) throw end.error;
    return end.result;
  }

  /**
   * Interrupts its turn (`turn/interrupt`) and no other agent's. Resolves when the runtime has accepted that; does
   * nothing when no turn of the agent is in flight. Rejects as a request does.
   */
  interrupt(): Promise<void> {
    return interruptAgent(this.#runtime, this.#stream);
  }

  /** Reads its record (`thread/read`), with its nickname and role. A closed agent that was not stored has none. */
  async read(): Promise<ThreadRecord> {
    const { thread } = await this.#runtime.request("thread/read", { threadId: this.threadId, includeTurns: false });
    return thread;
  }
}
