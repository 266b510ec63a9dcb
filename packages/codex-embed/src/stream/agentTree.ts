/** Owns the sub-agents of one turn or goal: who began whom, and when nothing more is expected of them. */

import type { TurnEvent } from "../events.js";
import type { ThreadItem } from "../generated/protocol.js";
import { type AgentMention, AgentStream } from "./agentStream.js";
import type { ThreadFollower } from "./reservation.js";

/** What a tree needs of the client. */
export interface AgentHost {
  readonly bufferBytes: number;
  /** Hands everything that is said of a thread to the follower, until the returned function is called. */
  follow(threadId: string, follower: ThreadFollower, rootThreadId: string): () => void;
  /** Asks the runtime whether a thread has a turn in flight. */
  isActive(threadId: string): Promise<boolean>;
  /** Asks the runtime for the thread whose agent began this one; null when there is none. Rejects when it does not answer. */
  parentOf(threadId: string): Promise<string | null>;
}

/** More agents than this of one tree are not followed. */
const MAX_AGENTS = 1_000;
/** How far up the tree is searched for its root. */
const MAX_DEPTH = 16;

/**
 * Grows as the events of the root and of its agents name new agents. The runtime announces none by a notification of
 * its own: their events come unasked, and the items of the agent that began them say whose they are.
 */
export class AgentTree {
  readonly rootThreadId: string;
  readonly #host: AgentHost;
  readonly #onActivity: () => void;
  readonly #agents = new Map<string, AgentStream>();
  /** The threads that the runtime was asked about. */
  readonly #asked = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #isRootOver = false;

  /** @param onActivity - hears of every sign of life of an agent. */
  constructor(rootThreadId: string, host: AgentHost, onActivity: () => void = () => {}) {
    this.rootThreadId = rootThreadId;
    this.#host = host;
    this.#onActivity = onActivity;
  }

  /** The agents that a thread has begun or dealt with, in the order in which they became known. */
  agentsOf(parentThreadId: string): AgentStream[] {
    return this.all().filter((agent) => agent.parentThreadId === parentThreadId);
  }

  /** All agents, the ones that began others before those. */
  all(): AgentStream[] {
    return [...this.#agents.values()];
  }

  /** Whether a thread of the tree can begin no further agents. */
  isOver(threadId: string): boolean {
    return threadId === this.rootThreadId ? this.#isRootOver : (this.#agents.get(threadId)?.isEnded ?? true);
  }

  /** Resolves when an agent has become known or has ended, or the root has. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Learns from an event of the root. */
  observe(event: TurnEvent): void {
    this.#note(this.rootThreadId, event);
  }

  /** The root has ended: an agent that stands still now has ended as well, once those above it have. */
  async rootEnded(): Promise<void> {
    this.#isRootOver = true;
    this.#tellChange();
    await this.#settle();
  }

  #note(threadId: string, event: TurnEvent): void {
    if (event.method !== "item/started" && event.method !== "item/completed") return;
    const { item } = event.params;
    const isBegun = beginsAgents(item);
    for (const mention of mentionsIn(item)) {
      if (mention.threadId === this.rootThreadId) continue;
      const known = this.#agents.get(mention.threadId);
      if (known !== undefined) known.learn(mention);
      else if (isBegun) this.#add(mention, threadId);
      else void this.#addIfOwn(mention, threadId);
    }
  }

  /**
   * To deal with an agent, the model names a thread, and it can name any, also one of somebody else's. It is an agent of
   * this tree only if the runtime says so. That is how agents of earlier turns become known.
   */
  async #addIfOwn(mention: AgentMention, parentThreadId: string): Promise<void> {
    const { threadId } = mention;
    if (this.#asked.has(threadId) || this.#asked.size === MAX_AGENTS) return;
    this.#asked.add(threadId);
    try {
      const isOwn = await this.#isBelow(threadId);
      if (isOwn && !this.#isRootOver && !this.#agents.has(threadId)) this.#add(mention, parentThreadId);
    } catch {
      this.#asked.delete(threadId);
    }
  }

  async #isBelow(threadId: string): Promise<boolean> {
    let id: string | null = threadId;
    for (let depth = 0; id !== null && depth < MAX_DEPTH; depth++) {
      id = await this.#host.parentOf(id);
      if (id !== null && (id === this.rootThreadId || this.#agents.has(id))) return true;
    }
    return false;
  }

  #add(mention: AgentMention, parentThreadId: string): void {
    if (this.#agents.size === MAX_AGENTS) return;
    const agent = new AgentStream(mention, parentThreadId, this.#host.bufferBytes, (event) => {
      this.#onActivity();
      if (event !== null) this.#note(mention.threadId, event);
      if (this.#isRootOver && (event === null || event.method === "turn/completed")) void this.#settle();
    });
    this.#agents.set(mention.threadId, agent);
    const unfollow = this.#host.follow(mention.threadId, agent, this.rootThreadId);
    void agent.ended.then(() => {
      unfollow();
      this.#tellChange();
    });
    this.#tellChange();
  }

  /** An agent that stands still may have been given work that it has not begun: the runtime knows. */
  async #settle(): Promise<void> {
    for (const agent of this.all()) {
      if (agent.isEnded || agent.activeTurnId !== null || !this.isOver(agent.parentThreadId)) continue;
      const isActive = await this.#host.isActive(agent.threadId);
      if (!isActive && agent.activeTurnId === null) agent.end();
    }
  }

  #tellChange(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Whether the agents that an item names were begun by it: then the runtime has made their ids, not the model. */
function beginsAgents(item: ThreadItem): boolean {
  if (item.type === "subAgentActivity") return item.kind === "started";
  return item.type === "collabAgentToolCall" && item.tool === "spawnAgent";
}

/** The agents that an item names. */
function mentionsIn(item: ThreadItem): AgentMention[] {
  if (item.type === "subAgentActivity") {
    return [{ threadId: item.agentThreadId, prompt: null, model: item.model, path: item.agentPath, status: null }];
  }
  if (item.type !== "collabAgentToolCall") return [];
  const begins = item.tool === "spawnAgent";
  return item.receiverThreadIds.map((threadId) => ({
    threadId,
    prompt: begins ? item.prompt : null,
    model: begins ? item.model : null,
    path: null,
    status: item.agentsStates[threadId]?.status ?? null,
  }));
}
