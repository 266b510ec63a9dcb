/** Owns the handle of a turn: reading it, steering it, interrupting it, awaiting it. */

import { setTimeout as sleep } from "node:timers/promises";
import { onAbort } from "./abort.js";
import { NoActiveTurnError } from "./errors/index.js";
import type { TurnEvent } from "./events.js";
import { type Input, toUserInput } from "./input.js";
import type { Runtime } from "./runtime.js";
import { textOf } from "./stream/text.js";
import type { TurnStream } from "./stream/turnStream.js";
import type { TurnResult } from "./turnResult.js";

/** How long an aborted turn may take to end before its caller is let go. */
const ABORT_GRACE_MS = 5_000;

const INTERRUPT_ATTEMPTS = 5;
const INTERRUPT_RETRY_MS = 20;

/**
 * A turn in flight or ended. Iterating it yields every event of the turn from the first on, for any number of readers
 * at any time; leaving a loop early stops that reader alone. A reader ends as the turn ends: what `result()` rejects
 * with is thrown after the last event.
 */
export class TurnHandle implements AsyncIterable<TurnEvent> {
  readonly id: string;
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #stream: TurnStream;
  readonly #cwd: string | undefined;
  #interrupting: Promise<void> | null = null;

  /** @internal */
  constructor(runtime: Runtime, stream: TurnStream, options: { cwd?: string; signal?: AbortSignal | undefined } = {}) {
    this.id = stream.turnId;
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#stream = stream;
    this.#cwd = options.cwd;
    if (options.signal !== undefined) this.#watch(options.signal);
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
   * went away, or with the reason of the turn's signal.
   */
  async result(): Promise<TurnResult> {
    const end = await this.#stream.ended;
    if ("error" in end) throw end.error;
    return end.result;
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
    for (let attempt = 1; !stream.isEnded; attempt++) {
      try {
        await this.#runtime.request("turn/interrupt", { threadId: this.threadId, turnId: this.id });
        return;
      } catch (error) {
        if (!NoActiveTurnError.isInstance(error) || attempt === INTERRUPT_ATTEMPTS) throw error;
        // Between the last item and turn/completed the turn is over for the runtime, but not yet told to be.
        await Promise.race([stream.ended, sleep(INTERRUPT_RETRY_MS * attempt, undefined, { ref: false })]);
      }
    }
  }

  #watch(signal: AbortSignal): void {
    const abort = () => void this.#abort(signal.reason);
    if (signal.aborted) abort();
    else void this.#stream.ended.then(onAbort(signal, abort));
  }

  /** Interrupts once, and lets the caller go when the turn has ended, or at the latest after the grace. */
  async #abort(reason: unknown): Promise<void> {
    if (this.#stream.isEnded) return;
    this.#stream.abort(reason);
    const timer = setTimeout(() => this.#stream.fail(reason), ABORT_GRACE_MS);
    void this.#stream.ended.then(() => clearTimeout(timer));
    try {
      await this.interrupt();
    } catch {
      this.#stream.fail(reason);
    }
  }
}
