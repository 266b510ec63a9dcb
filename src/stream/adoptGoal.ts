/** Owns the life of a goal on the client's side: the turns that it starts by itself, told as one. */

import { atCallSite } from "../errors/callSite.js";
import { TurnFailedError } from "../errors/index.js";
import { isTurnEvent, type Notification, type TurnEvent } from "../events.js";
import type { ThreadGoal, ThreadItem, TokenUsageBreakdown } from "../generated/protocol.js";
import type { TurnOutcome, TurnUsage } from "../turnResult.js";
import { TurnAccumulator } from "./accumulate.js";
import { AgentTree } from "./agentTree.js";
import { EventLog } from "./eventLog.js";
import type { ThreadFollower } from "./reservation.js";
import type { StreamOptions } from "./turnStream.js";

/** What a goal has come to. */
export interface GoalResult {
  /** The goal as last heard of. */
  readonly goal: ThreadGoal;
  /** How it ended. `active`: its turn was interrupted by another caller, after which the runtime starts none. */
  readonly status: ThreadGoal["status"] | "cleared";
  /** The turns that the goal has run, in order. */
  readonly turns: readonly TurnOutcome[];
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
  /** Resolves when the goal has ended; never rejects. */
  readonly ended: Promise<GoalEnd>;
  /** The sub-agents of all turns. */
  readonly agents: AgentTree;
  readonly #options: StreamOptions;
  readonly #isIdle: () => Promise<boolean>;
  readonly #log: EventLog;
  readonly #turns: TurnOutcome[] = [];
  #goal: ThreadGoal | null = null;
  #since = Number.POSITIVE_INFINITY;
  #isCleared = false;
  #current: { readonly id: string; readonly accumulator: TurnAccumulator } | null = null;
  #lastTurnId: string | null = null;
  /** The end of a turn is the end of the whole only if no other follows. */
  #held: { readonly event: Completed; readonly bytes: number } | null = null;
  #isEnded = false;
  #abort: { readonly reason: unknown; readonly settle: () => void } | null = null;
  readonly #waiting: (() => void)[] = [];
  #markEnded: (end: GoalEnd) => void = () => {};

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
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

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
    if (this.#isEnded) return Promise.resolve();
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
    if (this.#isEnded) return;
    if (!isTurnEvent(notification)) {
      if (notification.method !== "thread/goal/cleared" || this.#goal === null) return;
      this.#isCleared = true;
      this.#settle();
      return;
    }
    this.agents.observe(notification);
    switch (notification.method) {
      case "thread/goal/updated":
        if (this.#goal === null) return;
        this.#goal = notification.params.goal;
        this.#log.append(notification, bytes);
        this.#settle();
        break;
      case "turn/started":
        this.#start(notification, bytes);
        break;
      case "turn/completed":
        this.#complete(notification, bytes);
        break;
      default:
        this.#current?.accumulator.add(notification);
        this.#log.append(notification, bytes);
    }
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /** From now on the goal ends with this reason, however the runtime ends it. Resolves when the runtime has. */
  abort(reason: unknown): Promise<void> {
    return new Promise((resolve) => {
      this.#abort ??= { reason, settle: resolve };
    });
  }

  #start(event: Extract<TurnEvent, { method: "turn/started" }>, bytes: number): void {
    const turnId = event.params.turn.id;
    const usedBefore = this.#turns.findLast(({ usage }) => usage !== null)?.usage?.thread ?? this.#options.usedBefore;
    const accumulator = new TurnAccumulator({ threadId: this.threadId, turnId }, usedBefore);
    accumulator.add(event);
    if (this.#lastTurnId === null) this.#log.append(event, bytes);
    this.#current = { id: turnId, accumulator };
    this.#lastTurnId = turnId;
    this.#held = null;
    this.#tellChange();
  }

  #complete(event: Completed, bytes: number): void {
    const { turn } = event.params;
    if (this.#current?.id !== turn.id) return;
    const outcome = this.#current.accumulator.outcome(turn);
    this.#turns.push(outcome);
    this.#current = null;
    this.#held = { event, bytes };
    this.#tellChange();
    if (turn.status === "failed") this.#end({ error: new TurnFailedError(outcome, turn.error) });
    else if (turn.status === "interrupted" || !this.isActive) this.#finish();
  }

  /** Without a turn in flight, the runtime may still have begun one that has not been told of. */
  #settle(): void {
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
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#abort?.settle();
    const final: GoalEnd = this.#abort === null ? end : { error: this.#abort.reason };
    if (this.#held !== null) this.#log.append(this.#held.event, this.#held.bytes);
    if ("error" in final) {
      if (this.#abort === null && final.error instanceof Error) atCallSite(final.error, this.#options.site);
      this.#log.end(final.error);
    } else {
      this.#log.end();
    }
    this.#tellChange();
    this.#markEnded(final);
    void this.agents.rootEnded();
  }

  #tellChange(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function usageOf(turns: readonly TurnOutcome[]): TurnUsage | null {
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
