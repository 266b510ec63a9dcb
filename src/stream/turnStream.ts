/** Owns the life of one turn on the client's side: its events, when it started, and how it ended. */

import { atCallSite, type CallSite } from "../errors/callSite.js";
import { TurnFailedError } from "../errors/index.js";
import type { TurnEvent } from "../events.js";
import type { TokenUsageBreakdown, Turn } from "../generated/protocol.js";
import type { EndedTurn, TurnOutcome } from "../turnResult.js";
import { TurnAccumulator } from "./accumulate.js";
import { type AgentHost, AgentTree } from "./agentTree.js";
import { EventLog } from "./eventLog.js";
import type { TurnSink } from "./reservation.js";

/** How a turn ended for its caller. */
export type TurnEnd = { readonly result: EndedTurn } | { readonly error: unknown };

/** What a stream of events is kept with. */
export interface StreamOptions {
  readonly bufferBytes: number;
  readonly site: CallSite;
  /** What the thread had used before, when that is known. */
  readonly usedBefore: TokenUsageBreakdown | null;
  readonly agents: AgentHost;
}

/** Takes the events of one turn and settles exactly once. */
export class TurnStream implements TurnSink {
  readonly threadId: string;
  readonly turnId: string;
  /** Resolves when the runtime has started the turn, or the turn has ended without. */
  readonly started: Promise<void>;
  /** Resolves when the turn has ended; never rejects. */
  readonly ended: Promise<TurnEnd>;
  /** The sub-agents of the turn. */
  readonly agents: AgentTree;
  readonly #log: EventLog;
  readonly #accumulator: TurnAccumulator;
  readonly #site: CallSite;
  #isEnded = false;
  #isOver = false;
  #activeTurnId: string;
  #abort: { readonly reason: unknown; readonly settle: () => void } | null = null;
  #lastActivityMs = performance.now();
  #isTouched = false;
  #lastMethod: string | null = null;
  #hasCommands = false;
  #markStarted: () => void = () => {};
  #markEnded: (end: TurnEnd) => void = () => {};

  constructor(turn: { threadId: string; turnId: string }, options: StreamOptions) {
    this.threadId = turn.threadId;
    this.turnId = turn.turnId;
    this.#activeTurnId = turn.turnId;
    this.#log = new EventLog(options.bufferBytes);
    this.#accumulator = new TurnAccumulator(turn, options.usedBefore);
    this.#site = options.site;
    this.agents = new AgentTree(turn.threadId, options.agents, () => this.touch());
    this.started = new Promise((resolve) => {
      this.#markStarted = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
  }

  /** Whether the turn has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The id that the runtime runs the turn under: for a review, that of the reviewer's turn inside. */
  get activeTurnId(): string {
    return this.#activeTurnId;
  }

  /** Whether the runtime has ended the turn, even if its caller has not been told yet. */
  get isOver(): boolean {
    return this.#isOver || this.#isEnded;
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

  /** A new reader over the whole turn, which ends as the turn ends: a failure is thrown after the last event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  push(event: TurnEvent, bytes: number): void {
    if (this.#isEnded) return;
    this.touch();
    this.#lastMethod = event.method;
    if (event.method === "item/started" && event.params.item.type === "commandExecution") this.#hasCommands = true;
    this.#accumulator.add(event);
    this.#log.append(event, bytes);
    this.agents.observe(event);
    if (event.method === "turn/started") {
      this.#activeTurnId = event.params.turn.id;
      this.#markStarted();
    }
    if (event.method === "turn/completed") this.#complete(event.params.turn);
  }

  /** All that is read at once comes at the same time. */
  touch(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    this.#lastActivityMs = performance.now();
    queueMicrotask(() => {
      this.#isTouched = false;
    });
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /**
   * From now on the turn ends with this reason, however the runtime ends it, and not before `fail` is called. Resolves when the
   * runtime has ended it.
   */
  abort(reason: unknown): Promise<void> {
    return new Promise((resolve) => {
      this.#abort ??= { reason, settle: resolve };
    });
  }

  #complete(turn: Turn): void {
    this.#isOver = true;
    this.#markStarted();
    if (this.#abort !== null) {
      this.#abort.settle();
      return;
    }
    const outcome = this.#accumulator.outcome(turn);
    if (isSuccess(outcome)) this.#end({ result: outcome });
    else this.#end({ error: new TurnFailedError(outcome, turn.error) });
  }

  #end(end: TurnEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const final: TurnEnd = this.#abort === null ? end : { error: this.#abort.reason };
    if ("error" in final) {
      if (this.#abort === null && final.error instanceof Error) atCallSite(final.error, this.#site);
      this.#log.end(final.error);
    } else {
      this.#log.end();
    }
    this.#markStarted();
    this.#markEnded(final);
    void this.agents.rootEnded();
  }
}

function isSuccess(outcome: TurnOutcome): outcome is EndedTurn {
  return outcome.status === "completed" || outcome.status === "interrupted";
}
