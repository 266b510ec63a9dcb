/** Owns how the turns of one thread begin: each claims the thread before it is asked for. */

import { agentHost } from "./agents.js";
import type { CallSite } from "./errors/callSite.js";
import { type Input, toUserInput } from "./input.js";
import { type TurnOptions, turnModeFields } from "./options.js";
import { type OutputOf, outputParser } from "./output.js";
import type { Runtime } from "./runtime.js";
import type { Schema } from "./schema/index.js";
import type { Reservation } from "./stream/reservation.js";
import { type StreamOptions, TurnStream } from "./stream/turnStream.js";
import { TurnHandle } from "./turn.js";

const DEFAULT_STREAM_BUFFER_BYTES = 64 * 1024 * 1024;

/** Starts the turns of one thread, and keeps what they leave in force. */
export class TurnStarter {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  #cwd: string;
  #lastTurnId: string | null = null;

  constructor(runtime: Runtime, threadId: string, cwd: string) {
    this.#runtime = runtime;
    this.#threadId = threadId;
    this.#cwd = cwd;
  }

  /** The working directory in force. */
  get cwd(): string {
    return this.#cwd;
  }

  /** The last turn that was started here, or null. */
  get lastTurnId(): string | null {
    return this.#lastTurnId;
  }

  /** Starts a turn (`turn/start`). */
  async start<S extends Schema | undefined>(
    input: Input,
    options: TurnOptions<S>,
    site: CallSite,
  ): Promise<TurnHandle<OutputOf<S>>> {
    const { signal, deadlineMs, idleTimeoutMs, keepCommands, sandbox, approvalMode, outputSchema, ...fields } = options;
    signal?.throwIfAborted();
    const output = outputParser(outputSchema);
    const cwd = options.cwd ? this.#runtime.resolvePath(options.cwd) : this.#cwd;
    const params = {
      clientUserMessageId: crypto.randomUUID(),
      ...fields,
      ...(options.cwd ? { cwd } : {}),
      ...turnModeFields({ sandbox, approvalMode }),
      ...(output.wire === undefined ? {} : { outputSchema: output.wire }),
      threadId: this.#threadId,
      input: await toUserInput(input, cwd),
    };
    signal?.throwIfAborted();
    const reservation = this.#runtime.router.reserve(this.#threadId);
    try {
      const stream = await new Promise<TurnStream>((resolve, reject) => {
        this.#runtime
          .request("turn/start", params, {
            site,
            // The slot is filled while the reader still stands at the reply: the turn's first event may be next.
            onResult: ({ turn }) => resolve(this.claim(reservation, turn.id, site)),
          })
          .catch(reject);
      });
      this.#cwd = cwd;
      const limits = { signal, deadlineMs, idleTimeoutMs, keepCommands };
      return new TurnHandle(this.#runtime, stream, { parse: output.parse, cwd, limits });
    } finally {
      reservation.release();
    }
  }

  /** Takes on the turn that a request starts without naming it. */
  async adopt(site: CallSite, begin: () => Promise<unknown>): Promise<TurnHandle> {
    const reservation = this.#runtime.router.reserve(this.#threadId);
    try {
      const started = new Promise<TurnStream>((resolve, reject) => {
        reservation.watch({
          started: (turnId) => resolve(this.claim(reservation, turnId, site)),
          failed: reject,
        });
      });
      started.catch(() => {});
      await begin();
      const stream = await this.#runtime.whileOpen(started);
      return new TurnHandle(this.#runtime, stream, { parse: outputParser(undefined).parse });
    } finally {
      reservation.release();
    }
  }

  /** Fills a reservation with the turn that came of it. */
  claim(reservation: Reservation, turnId: string, site: CallSite): TurnStream {
    const stream = new TurnStream({ threadId: this.#threadId, turnId }, this.streamOptions(site));
    reservation.claim(turnId, stream);
    this.#lastTurnId = turnId;
    return stream;
  }

  /** What a stream of the thread's events begins with. */
  streamOptions(site: CallSite): StreamOptions {
    const bufferBytes = this.#runtime.options.streamBufferBytes ?? DEFAULT_STREAM_BUFFER_BYTES;
    const agents = agentHost(this.#runtime, bufferBytes);
    return { bufferBytes, site, usedBefore: this.#runtime.totals.of(this.#threadId), agents };
  }
}
