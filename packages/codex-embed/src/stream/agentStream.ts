import type { CollabAgentStatus, ThreadItem, TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import type { TurnSnapshot } from "../protocol/shapes.js";
import { deferred } from "../util/async.js";
import { TurnSeries } from "./accumulate.js";
import { Changes, EventStream, type Over, type Unfinished } from "./eventStream.js";
import { isTurnEvent, type Notification, type ReconnectedEvent, type TurnEvent } from "./events.js";
import type { ThreadFollower } from "./reservation.js";

/** The status of a sub-agent, as the runtime names it. `shutdown`: it was closed or unloaded. */
export type AgentStatus = CollabAgentStatus;

/** What a sub-agent achieved. */
export interface AgentResult {
  readonly threadId: string;
  readonly status: AgentStatus;
  /** The turns that it has run, in order. The turn in which it was closed may be missing. */
  readonly turns: readonly TurnSnapshot[];
  /** The final response of the last turn that has one. */
  readonly finalResponse: string | null;
}

/** What an item says of an agent that it names. */
export interface AgentMention {
  readonly threadId: string;
  readonly prompt: string | null;
  readonly model: string | null;
  readonly path: string | null;
  readonly status: AgentStatus | null;
}

/** The stream of all turns of one sub-agent. */
export class AgentStream extends EventStream<AgentResult> implements ThreadFollower {
  /** The thread of the agent that began this one. */
  readonly parentThreadId: string;
  readonly #onChange: (event: TurnEvent | null) => void;
  readonly #onCount: () => void;
  readonly #turns: TurnSeries;
  readonly #begun = deferred<void>();
  #mention: AgentMention;
  #status: AgentStatus | null = null;

  /**
   * @param onChange - is given every event of the agent, and null when something else has changed.
   * @param onCount - is called when a response of the model has been counted.
   */
  constructor(
    mention: AgentMention,
    parentThreadId: string,
    bufferBytes: number,
    onChange: (event: TurnEvent | null) => void,
    onCount: () => void,
  ) {
    super(mention.threadId, bufferBytes, null);
    this.parentThreadId = parentThreadId;
    this.#mention = mention;
    this.#onChange = onChange;
    this.#onCount = onCount;
    this.#turns = new TurnSeries(mention.threadId, null);
  }

  /** Resolves when a turn of the agent has started, or the agent has ended without one. */
  get begun(): Promise<void> {
    return this.#begun.promise;
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

  /** From its own events; before the first of them, from the items that name it. */
  get status(): AgentStatus {
    return this.#status ?? this.#mention.status ?? "pendingInit";
  }

  get finalResponse(): string | null {
    return this.#turns.finalResponse;
  }

  /** The tokens that its turns have used so far. */
  get spentTokens(): number {
    return this.#turns.spentTokens;
  }

  /** The turn in flight, or null. */
  get activeTurnId(): string | null {
    return this.#turns.currentId;
  }

  /** Resolves when that turn is over, or the agent. Never rejects. */
  get turnOver(): Promise<Over> {
    return this.#turns.over;
  }

  /** Another item names the agent: it fills in what was unknown, and its status is newer. */
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

  push(notification: Notification | ReconnectedEvent, bytes: number): void {
    if (this.isEnded) return;
    if (isTurnEvent(notification)) {
      this.append(notification, bytes);
      this.#account(notification);
      this.#onChange(notification);
    } else if (isUnloading(notification)) {
      this.#status = "shutdown";
      this.end();
      this.#onChange(null);
    }
  }

  count(turnId: string, usage: TokenUsageBreakdown): void {
    this.#turns.count(turnId, usage);
    this.#onCount();
  }

  /** Nothing more is expected of the agent. */
  end(): void {
    const { threadId, status, finalResponse } = this;
    this.finish(() => ({ kind: "ended", result: { threadId, status, turns: [...this.#turns.turns], finalResponse } }));
  }

  #account(event: TurnEvent): void {
    this.#turns.add(event);
    if (event.method === "turn/started") {
      this.#status = "running";
      this.#begun.resolve();
    } else if (event.method === "turn/completed") {
      const turn = this.#turns.complete(event.params.turn, this.logged());
      if (turn !== null) this.#status = statusAfter(turn);
    }
  }

  protected override onOver(): void {
    this.#turns.abandon();
    this.#begun.resolve();
  }

  protected override unfinished(): Unfinished<null> {
    const { threadId, activeTurnId: turnId } = this;
    return { threadId, turnId, result: null, maybeAccepted: true, cause: undefined };
  }
}

function statusAfter({ status }: TurnSnapshot): AgentStatus {
  if (status === "failed") return "errored";
  return status === "interrupted" ? "interrupted" : "completed";
}

function isUnloading(notification: Notification): boolean {
  return (
    notification.method === "thread/closed" ||
    (notification.method === "thread/status/changed" && notification.params.status.type === "notLoaded")
  );
}

/** What a tree needs from the client. */
export interface AgentHost {
  readonly bufferBytes: number;
  /** Delivers every notification about a thread to the follower, until the returned function is called. */
  follow(threadId: string, follower: ThreadFollower, rootThreadId: string): () => void;
  /** Called when an agent becomes known, before its first event. */
  began?(agent: AgentStream): void;
  /** Asks the runtime whether a thread has a turn in flight. */
  isActive(threadId: string): Promise<boolean>;
  /** Asks the runtime for the thread whose agent began this one. Null when there is none. Rejects without an answer. */
  parentOf(threadId: string): Promise<string | null>;
}

/** The most agents of one tree that are followed. */
const MAX_AGENTS = 1_000;
/** The most parents that are looked up to find out whether an agent belongs to the tree. */
const MAX_DEPTH = 16;

/**
 * The sub-agents of a turn or a goal, and theirs. The runtime announces no agent by a notification: events of its thread
 * arrive without a subscription, and items of the agent that began it name it. So the tree grows by the items it sees.
 */
export class AgentTree {
  readonly rootThreadId: string;
  readonly #host: AgentHost;
  readonly #onActivity: () => void;
  readonly #agents = new Map<string, AgentStream>();
  /** The threads that the runtime was asked about. */
  readonly #asked = new Set<string>();
  readonly #changes = new Changes();
  #isRootOver = false;
  #spentTokens = 0;

  /** @param onActivity - called for every sign of life of an agent. */
  constructor(rootThreadId: string, host: AgentHost, onActivity: () => void = () => {}) {
    this.rootThreadId = rootThreadId;
    this.#host = host;
    this.#onActivity = onActivity;
  }

  /** The agents that a thread has begun or addressed, in the order in which they became known. */
  agentsOf(parentThreadId: string): AgentStream[] {
    return this.all().filter((agent) => agent.parentThreadId === parentThreadId);
  }

  /** All agents, parents before children. */
  all(): AgentStream[] {
    return [...this.#agents.values()];
  }

  /** The tokens that all agents have used since they became known here. */
  get spentTokens(): number {
    return this.#spentTokens;
  }

  /** Whether a thread of the tree can no longer begin agents. */
  isOver(threadId: string): boolean {
    return threadId === this.rootThreadId ? this.#isRootOver : (this.#agents.get(threadId)?.isEnded ?? true);
  }

  /** Resolves when an agent becomes known or ends, or the root ends. */
  nextChange(): Promise<void> {
    return this.#changes.next();
  }

  /** Takes an event of the root. */
  observe(event: TurnEvent): void {
    this.#learn(this.rootThreadId, event);
  }

  /** The root has ended. An idle agent ends too, as soon as its parent has ended. */
  async rootEnded(): Promise<void> {
    this.#isRootOver = true;
    this.#changes.announce();
    await this.#settle();
  }

  #learn(threadId: string, event: TurnEvent): void {
    if (event.method !== "item/started" && event.method !== "item/completed") return;
    const { item } = event.params;
    const isBegun = beginsAgents(item);
    for (const mention of mentionsIn(item)) {
      if (mention.threadId === this.rootThreadId) continue;
      const known = this.#agents.get(mention.threadId);
      if (known !== undefined) known.learn(mention);
      else if (isBegun) this.#add(mention, threadId);
      else void this.#addIfBelow(mention, threadId);
    }
  }

  /**
   * To address an agent the model names a thread, and it can name any, even a stranger's. The thread is an agent of this
   * tree only if the runtime confirms it. This is how agents of earlier turns become known.
   */
  async #addIfBelow(mention: AgentMention, parentThreadId: string): Promise<void> {
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
    let counted = 0;
    const count = (): void => {
      this.#spentTokens += agent.spentTokens - counted;
      counted = agent.spentTokens;
      this.#onActivity();
    };
    const onChange = (event: TurnEvent | null): void => {
      count();
      if (event !== null) this.#learn(mention.threadId, event);
      if (this.#isRootOver && (event === null || event.method === "turn/completed")) void this.#settle();
    };
    const agent = new AgentStream(mention, parentThreadId, this.#host.bufferBytes, onChange, count);
    this.#agents.set(mention.threadId, agent);
    this.#host.began?.(agent);
    const unfollow = this.#host.follow(mention.threadId, agent, this.rootThreadId);
    void agent.ended.then(() => {
      unfollow();
      this.#changes.announce();
    });
    this.#changes.announce();
  }

  /** An idle agent may have been given work that it has not started: only the runtime knows. */
  async #settle(): Promise<void> {
    for (const agent of this.all()) {
      if (agent.isEnded || agent.activeTurnId !== null || !this.isOver(agent.parentThreadId)) continue;
      const isActive = await this.#host.isActive(agent.threadId);
      if (!isActive && agent.activeTurnId === null) agent.end();
    }
  }
}

/** Whether an item begins the agents that it names. Then the runtime chose their ids, not the model. */
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
