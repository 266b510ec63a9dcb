import type { CollabAgentStatus, ThreadItem } from "../protocol/generated/protocol.js";
import type { TurnSnapshot } from "../protocol/shapes.js";
import { TurnAccumulator } from "./accumulate.js";
import { EventLog } from "./eventLog.js";
import { isTurnEvent, type Notification, type TurnEvent } from "./events.js";
import type { ThreadFollower } from "./reservation.js";

/** How a sub-agent stands, in the runtime's words. `shutdown`: it was closed, or unloaded. */
export type AgentStatus = CollabAgentStatus;

/** What a sub-agent has come to. */
export interface AgentResult {
  readonly threadId: string;
  readonly status: AgentStatus;
  /** The turns that it has run, in order; one that it was closed in may be missing. */
  readonly turns: readonly TurnSnapshot[];
  /** The final response of the last turn that has one. */
  readonly finalResponse: string | null;
}

/** How following a sub-agent ended. */
export type AgentEnd = { readonly result: AgentResult } | { readonly error: unknown };

/** What is said of an agent where it is named. */
export interface AgentMention {
  readonly threadId: string;
  readonly prompt: string | null;
  readonly model: string | null;
  readonly path: string | null;
  readonly status: AgentStatus | null;
}

/** Takes what is said of a sub-agent's thread, and settles exactly once. */
export class AgentStream implements ThreadFollower {
  readonly threadId: string;
  /** The thread of the agent that began this one. */
  readonly parentThreadId: string;
  /** Resolves when the agent has ended; never rejects. */
  readonly ended: Promise<AgentEnd>;
  /** Resolves when a turn of it has started, or it has ended without. */
  readonly begun: Promise<void>;
  readonly #tell: (event: TurnEvent | null) => void;
  readonly #log: EventLog;
  readonly #turns: TurnSnapshot[] = [];
  #mention: AgentMention;
  #status: AgentStatus | null = null;
  #current: { readonly id: string; readonly accumulator: TurnAccumulator } | null = null;
  #isEnded = false;
  #markEnded: (end: AgentEnd) => void = () => {};
  #markBegun: () => void = () => {};

  /** @param tell - hears every event of the agent, and null when something else has changed. */
  constructor(
    mention: AgentMention,
    parentThreadId: string,
    bufferBytes: number,
    tell: (event: TurnEvent | null) => void,
  ) {
    this.threadId = mention.threadId;
    this.parentThreadId = parentThreadId;
    this.#mention = mention;
    this.#tell = tell;
    this.#log = new EventLog(bufferBytes);
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
    this.begun = new Promise((resolve) => {
      this.#markBegun = resolve;
    });
  }

  get prompt(): string | null {
    return this.#mention.prompt;
  }

  get model(): string | null {
    return this.#mention.model;
  }

  get path(): string | null {
    return this.#mention.path;
  }

  /** By its own events; until one has come, as the agent that named it was told. */
  get status(): AgentStatus {
    return this.#status ?? this.#mention.status ?? "pendingInit";
  }

  get finalResponse(): string | null {
    return this.#turns.findLast(({ finalResponse }) => finalResponse !== null)?.finalResponse ?? null;
  }

  /** The turn in flight, or null. */
  get activeTurnId(): string | null {
    return this.#current?.id ?? null;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** A new reader over all turns, which ends as the agent ends. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  /** The agent was named again: what was not known is known now, and its state is newer. */
  learn({ prompt, model, path, status }: AgentMention): void {
    const before = this.#mention;
    this.#mention = {
      threadId: this.threadId,
      prompt: before.prompt ?? prompt,
      model: before.model ?? model,
      path: before.path ?? path,
      status: status ?? before.status,
    };
  }

  push(notification: Notification, bytes: number): void {
    if (this.#isEnded) return;
    if (isTurnEvent(notification)) {
      this.#log.append(notification, bytes);
      this.#account(notification);
      this.#tell(notification);
    } else if (isUnloading(notification)) {
      this.#status = "shutdown";
      this.end();
      this.#tell(null);
    }
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /** Nothing more is expected of the agent. */
  end(): void {
    const { threadId, status, finalResponse } = this;
    this.#end({ result: { threadId, status, turns: [...this.#turns], finalResponse } });
  }

  #account(event: TurnEvent): void {
    if (event.method === "turn/started") {
      const turnId = event.params.turn.id;
      const used = this.#turns.findLast(({ usage }) => usage !== null)?.usage?.thread ?? null;
      this.#current = { id: turnId, accumulator: new TurnAccumulator({ threadId: this.threadId, turnId }, used) };
      this.#status = "running";
      this.#markBegun();
    }
    this.#current?.accumulator.add(event);
    if (event.method === "turn/completed" && this.#current?.id === event.params.turn.id) {
      const snapshot = this.#current.accumulator.snapshot(event.params.turn, this.#log.events());
      this.#turns.push(snapshot);
      this.#current = null;
      this.#status =
        snapshot.status === "failed" ? "errored" : snapshot.status === "interrupted" ? "interrupted" : "completed";
    }
  }

  #end(end: AgentEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#current = null;
    if ("error" in end) this.#log.end(end.error);
    else this.#log.end();
    this.#markBegun();
    this.#markEnded(end);
  }
}

function isUnloading(notification: Notification): boolean {
  return (
    notification.method === "thread/closed" ||
    (notification.method === "thread/status/changed" && notification.params.status.type === "notLoaded")
  );
}

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
