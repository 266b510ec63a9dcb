/** Owns the handle of a turn: reading it, steering it, interrupting it, awaiting it. */

import { setTimeout as sleep } from "node:timers/promises";
import { Agents } from "./agents.js";
import { NoActiveTurnError } from "./errors/index.js";
import type { TurnEvent } from "./events.js";
import { type Input, toUserInput } from "./input.js";
import type { TurnLimits } from "./options.js";
import type { Runtime } from "./runtime.js";
import { partialOutputOf } from "./stream/partialOutput.js";
import { textOf } from "./stream/text.js";
import type { TurnStream } from "./stream/turnStream.js";
import { watchTurn } from "./turnLimits.js";
import type { EndedTurn, TurnResult } from "./turnResult.js";

const INTERRUPT_ATTEMPTS = 5;
const INTERRUPT_RETRY_MS = 20;

/** Makes the output of a turn; throws `OutputValidationError` when its answer does not conform. */
export type OutputParser<O> = (turn: EndedTurn) => Promise<O>;

/**
 * A turn in flight or ended. Iterating it yields every event of the turn from the first on, for any number of readers
 * at any time; leaving a loop early stops that reader alone. A reader ends as the turn ends: what `result()` rejects
 * with is thrown after the last event.
 */
export class TurnHandle<O = undefined> implements AsyncIterable<TurnEvent> {
  readonly id: string;
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #stream: TurnStream;
  readonly #cwd: string | undefined;
  readonly #parse: OutputParser<O>;
  #result: Promise<TurnResult<O>> | null = null;
  #interrupting: Promise<void> | null = null;
  #wasInterrupted = false;

  /** @internal */
  constructor(
    runtime: Runtime,
    stream: TurnStream,
    options: { parse: OutputParser<O>; cwd?: string; limits?: TurnLimits },
  ) {
    this.#parse = options.parse;
    this.id = stream.turnId;
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#stream = stream;
    this.#cwd = options.cwd;
    watchTurn(runtime, stream, options.limits ?? {}, () => this.interrupt());
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /** The text of the agent's messages as it grows, commentary left out; an empty line stands between two messages. */
  textStream(): AsyncIterableIterator<string, void, undefined> {
    return textOf(this);
  }

  /**
   * Resolves when the turn has completed or was interrupted; can be called any number of times, at any time.
   *
   * Rejects with `TurnFailedError` (which carries the partial result), with `TransportClosedError` when the runtime
   * went away, with the reason of the turn's signal, with `TurnDeadlineError` or `TurnStalledError`, or with
   * `OutputValidationError` when the answer does not conform to `outputSchema`.
   */
  result(): Promise<TurnResult<O>> {
    this.#result ??= this.#stream.ended.then(async (end) => {
      if ("error" in end) throw end.error;
      this.#wasInterrupted = end.result.status === "interrupted";
      return { ...end.result, output: await this.#parse(end.result) };
    });
    return this.#result;
  }

  /** @internal Whether the turn has ended by an interruption, once `result()` has settled. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /**
   * The answer as it grows, for a turn with an `outputSchema`: what can be read of its JSON so far, at most every 50 ms,
   * and the whole at its end. Not validated; `result()` validates.
   */
  partialOutput(): AsyncIterableIterator<unknown, void, undefined> {
    return partialOutputOf(this);
  }

  /**
   * The sub-agents that the agent begins in this turn, each with its status, its events and its own sub-agents. Those of
   * earlier turns are among them once the agent deals with them again. `interrupt()` leaves them running, as the runtime
   * does; a signal or a limit that ends the turn ends them too.
   */
  agents(): Agents {
    return new Agents(this.#runtime, this.#stream.agents, this.threadId);
  }

  /**
   * Adds input to the turn while it runs (`turn/steer`). The model's current answer is dropped and begun anew with it.
   *
   * @throws NoActiveTurnError when the turn has ended.
   */
  async steer(input: Input): Promise<void> {
    await this.#stream.started;
    await this.#runtime.request("turn/steer", {
      threadId: this.threadId,
      expectedTurnId: this.id,
      clientUserMessageId: crypto.randomUUID(),
      input: await toUserInput(input, this.#cwd),
    });
  }

  /**
   * Interrupts the turn (`turn/interrupt`); `result()` then resolves with the status `interrupted`. Waits for the turn
   * to have started, since the runtime refuses earlier. Does nothing when the turn has ended.
   */
  interrupt(): Promise<void> {
    this.#interrupting ??= this.#interrupt().finally(() => {
      this.#interrupting = null;
    });
    return this.#interrupting;
  }

  async #interrupt(): Promise<void> {
    const stream = this.#stream;
    await stream.started;
    for (let attempt = 1; !stream.isOver; attempt++) {
      try {
        await this.#runtime.request("turn/interrupt", { threadId: this.threadId, turnId: stream.activeTurnId });
        return;
      } catch (error) {
        if (!NoActiveTurnError.isInstance(error) || attempt === INTERRUPT_ATTEMPTS) throw error;
        // Between the last item and turn/completed the turn is over for the runtime, but not yet told to be.
        await Promise.race([stream.ended, sleep(INTERRUPT_RETRY_MS * attempt, undefined, { ref: false })]);
      }
    }
  }
}
