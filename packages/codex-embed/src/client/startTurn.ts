import type { CallSite } from "../errors/base.js";
import type { ThreadItem, Turn, TurnStartResponse } from "../protocol/generated/protocol.js";
import { type TurnOptions, turnModeFields } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { NO_OUTPUT, type OutputOf, planTurnOutput } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import { itemsIn } from "../stream/events.js";
import type { Reservation } from "../stream/reservation.js";
import { type StreamOptions, TurnStream } from "../stream/turnStream.js";
import { agentHost } from "./agents.js";
import { turnEnder } from "./ending.js";
import { LimitWatch, type StartedTurn, startLimited, untilThreadFree } from "./limits.js";
import { type Input, TurnHandle, toUserInput } from "./turn.js";

const DEFAULT_STREAM_BUFFER_BYTES = 64 * 1024 * 1024;
/** A turn that was started a moment ago is among them, also when another client has started one since. */
const NEWEST_TURNS = { limit: 5, sortDirection: "desc", itemsView: "full" } as const;

/** Starts the turns of one thread, and keeps what they leave in force. */
export class TurnStarter {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  #cwd: string;
  /** Resolves when the inputs and schemas of the calls so far are ready: the call that comes first is sent first. */
  #prepared: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, threadId: string, cwd: string) {
    this.#runtime = runtime;
    this.#threadId = threadId;
    this.#cwd = cwd;
  }

  /** The working directory in force. */
  get cwd(): string {
    return this.#cwd;
  }

  /** Starts a turn (`turn/start`). */
  async start<S extends Schema | undefined>(
    input: Input,
    options: TurnOptions<S>,
    site: CallSite,
    sinceMs = performance.now(),
  ): Promise<TurnHandle<OutputOf<S>>> {
    const {
      signal,
      deadlineMs,
      idleTimeoutMs,
      keepCommands,
      sandbox,
      approvalMode,
      cwd: given,
      outputSchema,
      ...others
    } = options;
    const limits = { signal, deadlineMs, idleTimeoutMs, keepCommands };
    const threadId = this.#threadId;
    const watch = new LimitWatch(this.#runtime, { threadId, method: "turn/start", limits, site, sinceMs });
    try {
      const fields = { ...others, ...this.#runtime.paths.cwdField(given) };
      const cwd = fields.cwd ? this.#runtime.paths.resolve(fields.cwd) : this.#cwd;
      const prepared = watch.race(Promise.all([planTurnOutput(outputSchema), toUserInput(input, cwd)]));
      const [output, userInput] = await watch.race(this.#inOrder(prepared));
      const params = {
        clientUserMessageId: crypto.randomUUID(),
        ...fields,
        ...turnModeFields({ sandbox, approvalMode }),
        ...(output.wire === undefined ? {} : { outputSchema: output.wire }),
        threadId,
        input: userInput,
      };
      const userMessageId = params.clientUserMessageId ?? undefined;
      const claim = (reservation: Reservation, turnId: string): StartedTurn => {
        this.#cwd = cwd;
        return this.claim(reservation, turnId, { site, userMessageId });
      };
      const { stream, ender } = await startLimited<TurnStartResponse, StartedTurn>(this.#runtime, watch, {
        threadId,
        send: (sending) => this.#runtime.request("turn/start", params, { ...sending, site }),
        claim: (reservation, { turn }) => claim(reservation, turn.id),
        find: async (reservation) => {
          const turn = await this.#find((item) => item.type === "userMessage" && item.clientId === userMessageId);
          return turn === null ? null : claim(reservation, turn.id);
        },
      });
      return new TurnHandle(this.#runtime, stream, { parse: output.parse, cwd, ender });
    } catch (error) {
      watch.stop();
      throw error;
    }
  }

  /** Awaits a preparation after those of earlier calls. */
  #inOrder<T>(preparation: Promise<T>): Promise<T> {
    const earlier = this.#prepared;
    this.#prepared = Promise.allSettled([earlier, preparation]);
    return earlier.then(() => preparation);
  }

  /** Takes on the turn that a request starts without naming it. */
  async adopt(site: CallSite, begin: () => Promise<unknown>): Promise<TurnHandle> {
    await untilThreadFree(this.#runtime, this.#threadId, site);
    const reservation = this.#runtime.router.reserve(this.#threadId);
    try {
      const started = new Promise<StartedTurn>((resolve, reject) => {
        reservation.watch({
          started: (turnId) => resolve(this.claim(reservation, turnId, { site })),
          failed: reject,
        });
      });
      started.catch(() => {});
      await begin();
      const { stream, ender } = await this.#runtime.whileOpen(started);
      return new TurnHandle(this.#runtime, stream, { parse: NO_OUTPUT.parse, ender });
    } finally {
      reservation.release();
    }
  }

  /** Fills a reservation with the turn that came of it. */
  claim(
    reservation: Reservation,
    turnId: string,
    from: { readonly site: CallSite; readonly userMessageId?: string | undefined },
  ): StartedTurn {
    const options = { ...this.streamOptions(from.site), userMessageId: from.userMessageId };
    const stream = new TurnStream({ threadId: this.#threadId, turnId }, options);
    reservation.claim(turnId, stream);
    return { stream, ended: stream.ended, ender: turnEnder(this.#runtime, stream) };
  }

  /** What a stream of the thread's events begins with. */
  streamOptions(site: CallSite): StreamOptions {
    const bufferBytes = this.#runtime.options.streamBufferBytes ?? DEFAULT_STREAM_BUFFER_BYTES;
    const agents = agentHost(this.#runtime, bufferBytes);
    return { bufferBytes, site, usedBefore: this.#runtime.totals.of(this.#threadId), agents };
  }

  /** Takes on the review in flight whose reply got lost, if there is one. */
  async findReview(reservation: Reservation, site: CallSite): Promise<StartedTurn | null> {
    const turn = await this.#find((item) => item.type === "enteredReviewMode");
    return turn === null ? null : this.claim(reservation, turn.id, { site });
  }

  /** The turn in flight that holds an item, or null: of a request whose reply got lost. */
  async #find(isOurs: (item: ThreadItem) => boolean): Promise<Turn | null> {
    const params = { threadId: this.#threadId, ...NEWEST_TURNS };
    const { data } = await this.#runtime.request("thread/turns/list", params, { timeoutMs: null });
    return data.find((turn) => turn.status === "inProgress" && itemsIn(turn).some(isOurs)) ?? null;
  }
}
