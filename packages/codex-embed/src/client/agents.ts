import { NoActiveTurnError } from "../errors/connection.js";
import type { Thread as ThreadRecord } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { textOf } from "../stream/accumulate.js";
import type { AgentHost, AgentResult, AgentStatus, AgentStream, AgentTree } from "../stream/agentStream.js";
import type { TurnEvent } from "../stream/events.js";

export type { AgentResult, AgentStatus } from "../stream/agentStream.js";

import { pause } from "../util/async.js";

/** How long the runtime may take to answer what is asked on the side. */
const SIDE_REQUEST_MS = 5_000;
/** How long an agent that is to be interrupted may take to begin; measured: some milliseconds. */
const BEGIN_MS = 1_000;

/** @internal What the tree of agents of a turn needs of a runtime. */
export function agentHost(runtime: Runtime, bufferBytes: number): AgentHost {
  return {
    bufferBytes,
    follow: (...of) => runtime.router.follow(...of),
    isActive: async (threadId) => {
      try {
        const params = { threadId, includeTurns: false };
        const { thread } = await runtime.request("thread/read", params, { timeoutMs: SIDE_REQUEST_MS });
        return thread.status.type === "active";
      } catch {
        // A thread that is not loaded, or a runtime that is gone: nothing runs there.
        return false;
      }
    },
    parentOf: async (threadId) => {
      const params = { threadId, includeTurns: false };
      const { thread } = await runtime.request("thread/read", params, { timeoutMs: SIDE_REQUEST_MS });
      return thread.parentThreadId;
    },
  };
}

/**
 * @internal Interrupts the agents of a tree that have a turn in flight; those that end meanwhile are no failure.
 * @param timeoutMs - of each request; null when the interrupts are owed, however late the runtime answers.
 */
export async function interruptAgents(runtime: Runtime, tree: AgentTree, timeoutMs: number | null): Promise<void> {
  await Promise.allSettled(tree.all().map((agent) => interruptAgent(runtime, agent, timeoutMs)));
}

async function interruptAgent(runtime: Runtime, agent: AgentStream, timeoutMs?: number | null): Promise<void> {
  // Its turn begins just after it became known, and cannot be interrupted earlier.
  if (!agent.isEnded && agent.status === "pendingInit") await pause(BEGIN_MS, agent.begun);
  const { threadId, activeTurnId } = agent;
  if (activeTurnId === null) return;
  try {
    await runtime.request("turn/interrupt", { threadId, turnId: activeTurnId }, { timeoutMs });
  } catch (error) {
    if (!NoActiveTurnError.isInstance(error)) throw error;
  }
}

/**
 * The sub-agents that one agent has begun. Iterating gives those known by now; `for await` gives these and each further
 * one as soon as the runtime tells of it, and ends when none can follow.
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
    for (let told = 0; ; ) {
      const streams = this.#tree.agentsOf(this.#parentThreadId);
      const next = streams[told];
      if (next !== undefined) {
        told += 1;
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
 * A sub-agent of a turn: a thread of its own that the agent has begun. Iterating it yields the events of all its turns,
 * from the first on, for any number of readers at any time. A reader ends when the agent was closed, or stands still
 * after the turn that it belongs to has ended.
 */
export class Agent implements AsyncIterable<TurnEvent> {
  readonly threadId: string;
  /** The thread of the agent that began this one. */
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

  /** How it stands now. */
  get status(): AgentStatus {
    return this.#stream.status;
  }

  /** The task that it was begun with, when the runtime tells it. */
  get prompt(): string | null {
    return this.#stream.prompt;
  }

  /** The model that it was begun with, when the runtime tells it. */
  get model(): string | null {
    return this.#stream.model;
  }

  /** Its name in the tree, such as `/root/tests`; null when the runtime gives agents none. */
  get path(): string | null {
    return this.#stream.path;
  }

  /** What it has answered last, or null. */
  get finalResponse(): string | null {
    return this.#stream.finalResponse;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /** The text of its messages as it grows, commentary left out. */
  textStream(): AsyncIterableIterator<string, void, undefined> {
    return textOf(this);
  }

  /** The sub-agents that it has begun itself. */
  agents(): Agents {
    return new Agents(this.#runtime, this.#tree, this.threadId);
  }

  /**
   * Resolves as a reader of its events ends. A turn of it that failed is no failure here: see `status`. Rejects with
   * `TransportClosedError` when the runtime went away.
   */
  async result(): Promise<AgentResult> {
    const end = await this.#stream.ended;
    if ("error" in end) throw end.error;
    return end.result;
  }

  /** Interrupts its turn (`turn/interrupt`), and no other agent's. Does nothing when it has none in flight. */
  interrupt(): Promise<void> {
    return interruptAgent(this.#runtime, this.#stream);
  }

  /** Its record (`thread/read`), with its nickname and role. One that was closed and was not stored has none. */
  async read(): Promise<ThreadRecord> {
    const { thread } = await this.#runtime.request("thread/read", { threadId: this.threadId, includeTurns: false });
    return thread;
  }
}
