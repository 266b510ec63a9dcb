import { atCallSite } from "../errors/base.js";
import { TurnFailedError } from "../errors/turn.js";
import type { ThreadGoal, ThreadItem, TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import type { TurnSnapshot, TurnUsage } from "../protocol/shapes.js";
import { TurnAccumulator } from "./accumulate.js";
import { AgentTree } from "./agentStream.js";
import { EventLog } from "./eventLog.js";
import { isTurnEvent, type Notification, type TurnEvent } from "./events.js";
import type { ThreadFollower } from "./reservation.js";
import type { Over, StreamOptions, Unfinished } from "./turnStream.js";

/** What a goal has come to. */
export interface GoalResult {
  /** The goal as last heard of. */
  readonly goal: ThreadGoal;
  /** How it ended. `active`: its turn was interrupted by another caller, after which the runtime starts none. */
  readonly status: ThreadGoal["status"] | "cleared";
  /** The turns that the goal has run, in order. */
  readonly turns: readonly TurnSnapshot[];
  /** Every item that was completed, over all turns, in order. */
  readonly items: readonly ThreadItem[];
  /** `turn` is the sum over all turns. Null when the model reported no usage. */
  readonly usage: TurnUsage | null;
  /** The final response of the last turn that has one. */
  readonly finalResponse: string | null;
}

/** How a goal ended for its caller. */
export type GoalEnd = { readonly result: GoalResult } | { readonly error: unknown };

type Completed = Extract<TurnEvent, { method: "turn/completed" }>;

/** Takes everything that is said of a thread from the goal's request on, and settles exactly once. */
export class GoalStream implements ThreadFollower {
  readonly threadId: string;
  /** Resolves when the goal has ended for its caller; never rejects. */
  readonly ended: Promise<GoalEnd>;
  /** Resolves when the runtime has ended the goal or nothing more is heard of it, also after `ended`. Never rejects. */
  readonly over: Promise<Over>;
  /** The sub-agents of all turns. */
  readonly agents: AgentTree;
  readonly #options: StreamOptions;
  readonly #isIdle: () => Promise<boolean>;
  readonly #log: EventLog;
  readonly #turns: TurnSnapshot[] = [];
  #goal: ThreadGoal | null = null;
  #since = Number.POSITIVE_INFINITY;
  #isCleared = false;
  #current: { readonly id: string; readonly accumulator: TurnAccumulator } | null = null;
  #lastTurnId: string | null = null;
  /** The end of a turn is the end of the whole only if no other follows. */
  #held: { readonly event: Completed; readonly bytes: number } | null = null;
  #isEnded = false;
  #isOver = false;
  #abort: ((unfinished: Unfinished) => unknown) | null = null;
  readonly #waiting: (() => void)[] = [];
  #markEnded: (end: GoalEnd) => void = () => {};
  #markOver: (over: Over) => void = () => {};

  /** @param isIdle - asks the runtime whether the thread stands still, when that cannot be told from what was heard. */
  constructor(threadId: string, options: StreamOptions, isIdle: () => Promise<boolean>) {
    this.threadId = threadId;
    this.#options = options;
    this.#isIdle = isIdle;
    this.#log = new EventLog(options.bufferBytes);
    this.agents = new AgentTree(threadId, options.agents);
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
    this.over = new Promise((resolve) => {
      this.#markOver = resolve;
    });
  }

  /** Whether the runtime has ended the goal or nothing more is heard of it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Not counted: one of its turns may have run some. */
  readonly hasCommands = true;

  /** The goal as last heard of, or null before its request was answered. */
  get goal(): ThreadGoal | null {
    return this.#goal;
  }

  get isActive(): boolean {
    return this.#goal?.status === "active" && !this.#isCleared;
  }

  /** The turn in flight, or null between two. */
  get currentTurnId(): string | null {
    return this.#current?.id ?? null;
  }

  /** The last turn that started, or null. */
  get lastTurnId(): string | null {
    return this.#lastTurnId;
  }

  /** Resolves when a turn starts or ends, or all is over. */
  nextChange(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A new reader over all turns, which ends as the goal ends: a failure is thrown after the last event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  get since(): number {
    return this.#since;
  }

  /** The runtime has taken the goal. What was said of goals before is not about this one. */
  begin(goal: ThreadGoal): void {
    this.#goal = goal;
    this.#since = goal.updatedAt;
  }

  push(notification: Notification, bytes: number): void {
    if (this.#isOver) return;
    if (!isTurnEvent(notification)) {
      if (notification.method !== "thread/goal/cleared" || this.#goal === null) return;
      this.#isCleared = true;
      this.#finishIfIdle();
      return;
    }
    this.agents.observe(notification);
    switch (notification.method) {
      case "thread/goal/updated":
        if (this.#goal === null) return;
        this.#goal = notification.params.goal;
        this.#tell(notification, bytes);
        this.#finishIfIdle();
        break;
      case "turn/started":
        this.#start(notification, bytes);
        break;
      case "turn/completed":
        this.#complete(notification, bytes);
        break;
      default:
        this.#current?.accumulator.add(notification);
        this.#tell(notification, bytes);
    }
  }

  #tell(event: TurnEvent, bytes: number): void {
    if (!this.#isEnded) this.#log.append(event, bytes);
  }

  /** Nothing more is heard of the goal. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#over("lost");
    if (this.#abort !== null) this.letGo();
    else this.#settle({ error: this.#located(error) });
  }

  /** From now on the goal ends for its caller by `letGo` alone, and with this reason, however the runtime ends it. */
  abort(reasonOf: (unfinished: Unfinished) => unknown): void {
    this.#abort ??= reasonOf;
  }

  /** Tells the caller of an aborted goal that it has ended. */
  letGo(): void {
    if (this.#abort === null) return;
    const unfinished = { threadId: this.threadId, turnId: this.#lastTurnId, result: null, maybeAccepted: true };
    this.#settle({ error: this.#abort({ ...unfinished, cause: undefined }) });
  }

  #start(event: Extract<TurnEvent, { method: "turn/started" }>, bytes: number): void {
    const turnId = event.params.turn.id;
    const usedBefore = this.#turns.findLast(({ usage }) => usage !== null)?.usage?.thread ?? this.#options.usedBefore;
    const accumulator = new TurnAccumulator({ threadId: this.threadId, turnId }, usedBefore);
    accumulator.add(event);
    if (this.#lastTurnId === null) this.#tell(event, bytes);
    this.#current = { id: turnId, accumulator };
    this.#lastTurnId = turnId;
    this.#held = null;
    this.#tellChange();
  }

  #complete(event: Completed, bytes: number): void {
    const { turn } = event.params;
    // A turn whose start was not heard of may have been the last.
    if (this.#current?.id !== turn.id) return this.#finishIfIdle();
    const snapshot = this.#current.accumulator.snapshot(turn, this.#log.events());
    this.#turns.push(snapshot);
    this.#current = null;
    this.#held = { event, bytes };
    this.#tellChange();
    if (turn.status === "failed") this.#end({ error: this.#located(new TurnFailedError(snapshot, turn.error)) });
    else if (turn.status === "interrupted" || !this.isActive) this.#finish();
  }

  /** Without a turn in flight, the runtime may still have begun one that has not been told of. */
  #finishIfIdle(): void {
    if (this.isActive || this.#current !== null) return;
    void this.#isIdle().then((isIdle) => {
      if (isIdle && !this.isActive && this.#current === null) this.#finish();
    }, this.fail.bind(this));
  }

  #finish(): void {
    if (this.#goal === null) return;
    const turns = [...this.#turns];
    this.#end({
      result: {
        goal: this.#goal,
        status: this.#isCleared ? "cleared" : this.#goal.status,
        turns,
        items: turns.flatMap(({ items }) => items),
        usage: usageOf(turns),
        finalResponse: turns.findLast(({ finalResponse }) => finalResponse !== null)?.finalResponse ?? null,
      },
    });
  }

  #end(end: GoalEnd): void {
    if (this.#isOver) return;
    this.#over("ended");
    if (this.#abort === null) this.#settle(end);
  }

  #over(over: Over): void {
    this.#isOver = true;
    this.#tellChange();
    this.#markOver(over);
    void this.agents.rootEnded();
  }

  #settle(end: GoalEnd): void {
    if (this.#isEnded) return;
    if (this.#held !== null) this.#tell(this.#held.event, this.#held.bytes);
    this.#isEnded = true;
    if ("error" in end) this.#log.end(end.error);
    else this.#log.end();
    this.#markEnded(end);
  }

  #located(error: unknown): unknown {
    return error instanceof Error ? atCallSite(error, this.#options.site) : error;
  }

  #tellChange(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function usageOf(turns: readonly TurnSnapshot[]): TurnUsage | null {
  const used = turns.flatMap(({ usage }) => usage ?? []);
  const last = used.at(-1);
  if (last === undefined) return null;
  const sum = (name: keyof TokenUsageBreakdown) => used.reduce((total, { turn }) => total + turn[name], 0);
  const turn: TokenUsageBreakdown = {
    totalTokens: sum("totalTokens"),
    inputTokens: sum("inputTokens"),
    cachedInputTokens: sum("cachedInputTokens"),
    cacheWriteInputTokens: sum("cacheWriteInputTokens"),
    outputTokens: sum("outputTokens"),
    reasoningOutputTokens: sum("reasoningOutputTokens"),
  };
  return { turn, thread: last.thread, contextWindow: last.contextWindow };
}
