import type { CallSite } from "../errors/base.js";
import { ModelRetryError, TurnFailedError, TurnInProgressError } from "../errors/turn.js";
import type { TokenUsageBreakdown, Turn } from "../protocol/generated/protocol.js";
import type { EndedTurn, TurnSnapshot } from "../protocol/shapes.js";
import { deferred } from "../util/async.js";
import { TurnAccumulator } from "./accumulate.js";
import { type AgentHost, AgentTree } from "./agentStream.js";
import { EventStream, type Unfinished } from "./eventStream.js";
import type { TurnEvent } from "./events.js";
import type { TurnSink } from "./reservation.js";
import { TokenMeter } from "./tokenMeter.js";

/** What the stream of a turn or a goal begins with. */
export interface StreamOptions {
  readonly bufferBytes: number;
  readonly site: CallSite;
  /** What the thread had used before, if known. */
  readonly usedBefore: TokenUsageBreakdown | null;
  readonly agents: AgentHost;
  /** Called for each turn of a goal. `error` is undefined unless the turn failed. */
  readonly turns?:
    | {
        readonly started: (turnId: string) => void;
        readonly ended: (snapshot: TurnSnapshot, error: TurnFailedError | undefined) => void;
      }
    | undefined;
  /** The id of the turn's first user message, if it was given one: another id means that the input became a steer. */
  readonly userMessageId?: string | undefined;
  /** For a turn that already runs: the id to interrupt it by. */
  readonly runningAs?: string | undefined;
}

/** The stream of one turn. */
export class TurnStream extends EventStream<EndedTurn, TurnSnapshot> implements TurnSink {
  readonly turnId: string;
  /** The sub-agents of the turn. */
  readonly agents: AgentTree;
  readonly meter = new TokenMeter();
  readonly #accumulator: TurnAccumulator;
  readonly #started = deferred<void>();
  #userMessageId: string | undefined;
  #isStarted = false;
  #activeTurnId: string;
  #record: Turn | null = null;
  #retry: ModelRetryError | null = null;
  #lastActivityMs = performance.now();
  #isTouched = false;
  #lastMethod: string | null = null;
  #hasCommands = false;

  constructor(turn: { threadId: string; turnId: string }, options: StreamOptions) {
    super(turn.threadId, options.bufferBytes, options.site);
    this.turnId = turn.turnId;
    this.#activeTurnId = turn.turnId;
    this.#accumulator = new TurnAccumulator(turn, options.usedBefore);
    this.#userMessageId = options.userMessageId;
    if (options.runningAs !== undefined) {
      this.#activeTurnId = options.runningAs;
      this.#isStarted = true;
      // One may have started before.
      this.#hasCommands = true;
      this.#started.resolve();
    }
    this.agents = new AgentTree(turn.threadId, options.agents, () => {
      this.touch();
      this.meter.countAgents(this.agents.spentTokens);
    });
  }

  /** Resolves when the runtime has started the turn, or nothing more is expected of it. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /**
   * The id to interrupt the turn by: for a review, that of the reviewer's turn inside. Empty until the turn has started:
   * the runtime refuses its id then, and takes an empty one for the turn that is about to start (measured).
   */
  get interruptId(): string {
    return this.#isStarted ? this.#activeTurnId : "";
  }

  /** When the last sign of life came, on the clock of `performance.now()`. */
  get lastActivityMs(): number {
    return this.#lastActivityMs;
  }

  /** The last event of the turn, or null. */
  get lastMethod(): string | null {
    return this.#lastMethod;
  }

  /** Whether the turn has run a command. */
  get hasCommands(): boolean {
    return this.#hasCommands;
  }

  push(event: TurnEvent, bytes: number): void {
    if (this.isOver) return;
    this.touch();
    this.agents.observe(event);
    if (event.method === "turn/started") {
      this.#isStarted = true;
      this.#activeTurnId = event.params.turn.id;
      this.#started.resolve();
    }
    if (event.method === "item/started" && event.params.item.type === "commandExecution") this.#hasCommands = true;
    if (!this.isEnded) this.#publish(event, bytes);
    if (event.method === "turn/completed") this.#complete(event.params.turn);
  }

  count(usage: TokenUsageBreakdown): void {
    this.#accumulator.count(usage);
    this.meter.count(this.#accumulator.spentTokens);
    this.touch();
  }

  /** Notes a sign of life. Messages that are read at once count as one: the clock is read once for them. */
  touch(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    this.#lastActivityMs = performance.now();
    queueMicrotask(() => {
      this.#isTouched = false;
    });
  }

  #publish(event: TurnEvent, bytes: number): void {
    this.#lastMethod = event.method;
    this.#accumulator.add(event);
    this.append(event, bytes);
    this.meter.observe(event, this.#accumulator.spentTokens);
    if (event.method === "error") this.#retry = event.params.willRetry ? new ModelRetryError(event.params.error) : null;
    else if (this.#retry !== null && event.method.startsWith("item/")) this.#retry = null;
    if (this.#userMessageId !== undefined) this.#checkFirstMessage(event, this.#userMessageId);
  }

  /** If another client started a turn a moment earlier, the runtime made our input a steer: the first message is not ours. */
  #checkFirstMessage(event: TurnEvent, userMessageId: string): void {
    if (event.method === "reconnected") {
      // The first message may have been missed, and the next one be a steer.
      this.#userMessageId = undefined;
      return;
    }
    if (event.method !== "item/started" && event.method !== "item/completed") return;
    const { item } = event.params;
    if (item.type !== "userMessage") return;
    this.#userMessageId = undefined;
    if (typeof item.clientId !== "string" || item.clientId === userMessageId) return;
    this.setOver("lost");
    const error = this.located(new TurnInProgressError(this.threadId, this.turnId, "steered"));
    this.settle({ kind: "failed", result: this.#snapshot(), error });
  }

  #complete(turn: Turn): void {
    this.#record = turn;
    this.finish(() => {
      const result = this.#snapshot();
      if (isSuccess(result)) return { kind: "ended", result };
      return { kind: "failed", result, error: this.located(new TurnFailedError(result, turn.error)) };
    });
  }

  protected override onOver(): void {
    this.#started.resolve();
    void this.agents.rootEnded();
  }

  protected override unfinished(): Unfinished<TurnSnapshot> {
    const { threadId, turnId } = this;
    return { threadId, turnId, result: this.#snapshot(), maybeAccepted: true, cause: this.#retry ?? undefined };
  }

  #snapshot(): TurnSnapshot {
    return this.#accumulator.snapshot(this.#record, this.logged());
  }
}

function isSuccess(snapshot: TurnSnapshot): snapshot is EndedTurn {
  return snapshot.status === "completed" || snapshot.status === "interrupted";
}
