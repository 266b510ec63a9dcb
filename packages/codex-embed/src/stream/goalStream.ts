import { CodexError, messageOf } from "../errors/base.js";
import { TurnFailedError } from "../errors/turn.js";
import type { ThreadGoal, ThreadItem, TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import type { TurnSnapshot, TurnUsage } from "../protocol/shapes.js";
import { TurnSeries } from "./accumulate.js";
import { AgentTree } from "./agentStream.js";
import { Changes, EventStream, type Over, type StreamEnd, type Unfinished } from "./eventStream.js";
import { isTurnEvent, type Notification, type ReconnectedEvent, type TurnEvent } from "./events.js";
import type { ThreadFollower } from "./reservation.js";
import { TokenMeter } from "./tokenMeter.js";
import type { StreamOptions } from "./turnStream.js";

/** What a goal achieved. */
export interface GoalResult {
  /** The goal as last reported. */
  readonly goal: ThreadGoal;
  /** How it ended. `active`: another caller interrupted its turn, after which the runtime starts no further one. */
  readonly status: ThreadGoal["status"] | "cleared";
  /** The turns that the goal has run, in order. */
  readonly turns: readonly TurnSnapshot[];
  /** Every completed item of all turns, in order. */
  readonly items: readonly ThreadItem[];
  /** `turn` is the sum over all turns. Null when the model reported no usage. */
  readonly usage: TurnUsage | null;
  /** The final response of the last turn that has one. */
  readonly finalResponse: string | null;
}

type Completed = Extract<TurnEvent, { method: "turn/completed" }>;

/** The stream of all turns that the runtime runs for a goal: everything about its thread from the goal's request on. */
export class GoalStream extends EventStream<GoalResult, TurnSnapshot | null> implements ThreadFollower {
  /** The sub-agents of all turns. */
  readonly agents: AgentTree;
  readonly meter = new TokenMeter();
  /** Not counted: one of the turns may have run a command. */
  readonly hasCommands = true;
  readonly #isIdle: () => Promise<boolean>;
  readonly #observer: StreamOptions["turns"];
  readonly #turns: TurnSeries;
  readonly #changes = new Changes();
  #goal: ThreadGoal | null = null;
  #since = Number.POSITIVE_INFINITY;
  #isCleared = false;
  #lastTurnId: string | null = null;
  /** The end of the last turn, withheld: readers get it only if no other turn follows. */
  #lastCompleted: { readonly event: Completed; readonly bytes: number } | null = null;

  /** @param isIdle - asks the runtime whether the thread runs no turn, when the events do not tell. */
  constructor(threadId: string, options: StreamOptions, isIdle: () => Promise<boolean>) {
    super(threadId, options.bufferBytes, options.site);
    this.#isIdle = isIdle;
    this.#observer = options.turns;
    this.#turns = new TurnSeries(threadId, options.usedBefore);
    this.agents = new AgentTree(threadId, options.agents, () => this.meter.countAgents(this.agents.spentTokens));
  }

  get isActive(): boolean {
    return this.#goal?.status === "active" && !this.#isCleared;
  }

  /** The turn in flight, or null between two. */
  get currentTurnId(): string | null {
    return this.#turns.currentId;
  }

  /** Resolves when that turn is over, or the next one when there is none, or the goal. Never rejects. */
  get turnOver(): Promise<Over> {
    return this.#turns.over;
  }

  /** The last turn that started, or null. */
  get lastTurnId(): string | null {
    return this.#lastTurnId;
  }

  /** Resolves when a turn starts or ends, or the goal is over. */
  nextChange(): Promise<void> {
    return this.isOver ? Promise.resolve() : this.#changes.next();
  }

  get since(): number {
    return this.#since;
  }

  /** The runtime has accepted the goal. Notifications about goals that came earlier were about others. */
  begin(goal: ThreadGoal): void {
    this.#goal = goal;
    this.#since = goal.updatedAt;
  }

  push(notification: Notification | ReconnectedEvent, bytes: number): void {
    if (this.isOver) return;
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
        this.append(notification, bytes);
        this.#finishIfIdle();
        break;
      case "turn/started":
        this.#start(notification, bytes);
        break;
      case "turn/completed":
        this.#complete(notification, bytes);
        break;
      default:
        this.#turns.add(notification);
        this.append(notification, bytes);
    }
    this.meter.observe(notification, this.#turns.spentTokens);
  }

  count(turnId: string, usage: TokenUsageBreakdown): void {
    this.#turns.count(turnId, usage);
    this.meter.count(this.#turns.spentTokens);
  }

  #start(event: Extract<TurnEvent, { method: "turn/started" }>, bytes: number): void {
    this.#turns.add(event);
    if (this.#lastTurnId === null) this.append(event, bytes);
    this.#lastTurnId = event.params.turn.id;
    this.#lastCompleted = null;
    this.#observer?.started(event.params.turn.id);
    this.#changes.announce();
  }

  #complete(event: Completed, bytes: number): void {
    const { turn } = event.params;
    const snapshot = this.#turns.complete(turn, this.logged());
    // The start of this turn was missed: it may have been the last one.
    if (snapshot === null) return this.#finishIfIdle();
    this.#lastCompleted = { event, bytes };
    this.#changes.announce();
    const error = turn.status === "failed" ? this.located(new TurnFailedError(snapshot, turn.error)) : undefined;
    this.#observer?.ended(snapshot, error);
    if (error !== undefined) {
      this.finish(() => ({ kind: "failed", result: null, error }));
    } else if (turn.status === "interrupted" || !this.isActive) this.#finish();
  }

  /** Without a known turn in flight, the runtime may still have started one whose event has not arrived: ask it. */
  #finishIfIdle(): void {
    if (this.isActive || this.currentTurnId !== null) return;
    this.#isIdle().then(
      (isIdle) => {
        if (isIdle && !this.isActive && this.currentTurnId === null) this.#finish();
      },
      (error: unknown) => {
        this.fail(
          CodexError.isInstance(error) ? error : new CodexError("INTERNAL", messageOf(error), { cause: error }),
        );
      },
    );
  }

  #finish(): void {
    const goal = this.#goal;
    if (goal === null) return;
    const { turns, usage, finalResponse } = this.#turns;
    const status = this.#isCleared ? "cleared" : goal.status;
    const items = turns.flatMap((turn) => turn.items);
    this.finish(() => ({ kind: "ended", result: { goal, status, turns: [...turns], items, usage, finalResponse } }));
  }

  protected override onOver(): void {
    this.#turns.abandon();
    this.#changes.announce();
    void this.agents.rootEnded();
  }

  protected override settle(end: StreamEnd<GoalResult, TurnSnapshot | null>): void {
    if (this.#lastCompleted !== null) this.append(this.#lastCompleted.event, this.#lastCompleted.bytes);
    super.settle(end);
  }

  protected override unfinished(): Unfinished {
    const result = this.#turns.latest(this.logged());
    return { threadId: this.threadId, turnId: this.#lastTurnId, result, maybeAccepted: true, cause: undefined };
  }
}
