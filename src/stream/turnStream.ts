/** Owns the life of one turn on the client's side: its events, when it started, and how it ended. */

import { atCallSite, type CallSite } from "../errors/callSite.js";
import { TurnFailedError } from "../errors/index.js";
import type { TurnEvent } from "../events.js";
import type { TokenUsageBreakdown, Turn } from "../generated/protocol.js";
import type { TurnOutcome, TurnResult } from "../turnResult.js";
import { TurnAccumulator } from "./accumulate.js";
import { EventLog } from "./eventLog.js";
import type { TurnSink } from "./router.js";

/** How a turn ended for its caller. */
export type TurnEnd = { readonly result: TurnResult } | { readonly error: unknown };

/** Takes the events of one turn and settles exactly once. */
export class TurnStream implements TurnSink {
  readonly threadId: string;
  readonly turnId: string;
  /** Resolves when the runtime has started the turn, or the turn has ended without. */
  readonly started: Promise<void>;
  /** Resolves when the turn has ended; never rejects. */
  readonly ended: Promise<TurnEnd>;
  readonly #log: EventLog;
  readonly #accumulator: TurnAccumulator;
  readonly #site: CallSite;
  #isEnded = false;
  #abort: { readonly reason: unknown } | null = null;
  #markStarted: () => void = () => {};
  #markEnded: (end: TurnEnd) => void = () => {};

  constructor(
    turn: { threadId: string; turnId: string },
    options: { bufferBytes: number; site: CallSite; usedBefore: TokenUsageBreakdown | null },
  ) {
    this.threadId = turn.threadId;
    this.turnId = turn.turnId;
    this.#log = new EventLog(options.bufferBytes);
    this.#accumulator = new TurnAccumulator(turn, options.usedBefore);
    this.#site = options.site;
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

  /** A new reader over the whole turn, which ends as the turn ends: a failure is thrown after the last event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  push(event: TurnEvent, bytes: number): void {
    if (this.#isEnded) return;
    this.#accumulator.add(event);
    this.#log.append(event, bytes);
    if (event.method === "turn/started") this.#markStarted();
    if (event.method === "turn/completed") this.#complete(event.params.turn);
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /** From now on the turn ends with this reason, however the runtime ends it. */
  abort(reason: unknown): void {
    this.#abort ??= { reason };
  }

  #complete(turn: Turn): void {
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
  }
}

function isSuccess(outcome: TurnOutcome): outcome is TurnResult {
  return outcome.status === "completed" || outcome.status === "interrupted";
}
