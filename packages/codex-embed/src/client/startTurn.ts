import type { CallSite } from "../errors/base.js";
import type { QueuedSubmission, ThreadItem, Turn, TurnStartResponse } from "../protocol/generated/protocol.js";
import { type TurnOptions, turnModeFields } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { NO_OUTPUT, type OutputOf, planTurnOutput } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import type { AgentHost } from "../stream/agentStream.js";
import { itemsIn, type TurnEvent } from "../stream/events.js";
import type { Reservation } from "../stream/threadRoute.js";
import { type StreamOptions, TurnStream } from "../stream/turnStream.js";
import { listOf, text } from "../validate/kinds.js";
import { turnEnder } from "./ending.js";
import {
  LimitWatch,
  type Started,
  type StartedTurn,
  type StartPlan,
  startLimited,
  untilThreadFree,
  type WatchOptions,
} from "./limits.js";
import { type Input, TurnHandle, toUserInput } from "./turn.js";

const DEFAULT_STREAM_BUFFER_BYTES = 64 * 1024 * 1024;
/** How long the runtime may take to answer a question about an agent's thread. */
const AGENT_REQUEST_MS = 5_000;
/** Holds a turn that was just started, even if another client has started one since. */
const NEWEST_TURNS = { limit: 5, sortDirection: "desc", itemsView: "full" } as const;

/** Starts the turns of one thread, and knows the working directory that the last one set. */
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

  /**
   * Starts a turn (`turn/start`) and resolves when the runtime has accepted it.
   *
   * @param from - when its deadline starts, and what is spent of its budget.
   */
  async start<S extends Schema | undefined>(
    input: Input,
    options: TurnOptions<S>,
    site: CallSite,
    from: Pick<WatchOptions, "sinceMs" | "spentTokens"> = {},
  ): Promise<TurnHandle<OutputOf<S>>> {
    const {
      signal,
      deadlineMs,
      idleTimeoutMs,
      budget,
      keepCommands,
      sandbox,
      approvalMode,
      cwd: given,
      outputSchema,
      ...others
    } = options;
    const threadId = this.#threadId;
    const limits = { signal, deadlineMs, idleTimeoutMs, budget, keepCommands };
    const watch = new LimitWatch(this.#runtime, { threadId, method: "turn/start", limits, site, ...from });
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
      const { stream, ender } = await startLimited<TurnStartResponse, StartedTurn>(this.#runtime, watch, () => ({
        send: (sending) => this.#runtime.request("turn/start", params, { ...sending, site }),
        claim: (reservation, { turn }) => claim(reservation, turn.id),
        find: async (reservation) => {
          const turn = await this.#find((item) => item.type === "userMessage" && item.clientId === userMessageId);
          return turn === null ? null : claim(reservation, turn.id);
        },
      }));
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

  /** Starts a goal or a review under limits. The thread is busy from this call on, also while `load` runs. */
  async begin<R, W extends Started>(
    options: Omit<WatchOptions, "threadId">,
    load: () => StartPlan<R, W> | Promise<StartPlan<R, W>>,
  ): Promise<W> {
    const watch = new LimitWatch(this.#runtime, { ...options, threadId: this.#threadId });
    try {
      return await startLimited(this.#runtime, watch, load);
    } catch (error) {
      watch.stop();
      throw error;
    }
  }

  /** Follows the turn that a request starts without naming it: `thread/compact/start`, `thread/shellCommand`. */
  async adopt(site: CallSite, send: () => Promise<unknown>): Promise<TurnHandle> {
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
      await send();
      const { stream, ender } = await this.#runtime.whileOpen(started);
      return new TurnHandle(this.#runtime, stream, { parse: NO_OUTPUT.parse, ender });
    } finally {
      reservation.release();
    }
  }

  /** Fills a reservation with its turn. */
  claim(
    reservation: Reservation,
    turnId: string,
    from: { readonly site: CallSite; readonly userMessageId?: string | undefined },
  ): StartedTurn {
    const options = { ...this.streamOptions(from.site), userMessageId: from.userMessageId };
    const stream = new TurnStream({ threadId: this.#threadId, turnId }, options);
    reservation.claim(turnId, stream);
    return { stream, ended: stream.ended, meter: stream.meter, ender: turnEnder(this.#runtime, stream) };
  }

  /** What a stream of this thread's events needs. */
  streamOptions(site: CallSite): StreamOptions {
    const bufferBytes = this.#runtime.options.streamBufferBytes ?? DEFAULT_STREAM_BUFFER_BYTES;
    const agents = agentHost(this.#runtime, bufferBytes);
    return { bufferBytes, site, usedBefore: this.#runtime.totals.of(this.#threadId), agents };
  }

  /** Finds the review in flight whose reply was lost, if there is one. */
  async findReview(reservation: Reservation, site: CallSite): Promise<StartedTurn | null> {
    const turn = await this.#find((item) => item.type === "enteredReviewMode");
    return turn === null ? null : this.claim(reservation, turn.id, { site });
  }

  /** The turn in flight that holds an item, or null: used when the reply of a request was lost. */
  async #find(isOurs: (item: ThreadItem) => boolean): Promise<Turn | null> {
    const params = { threadId: this.#threadId, ...NEWEST_TURNS };
    const { data } = await this.#runtime.request("thread/turns/list", params, { timeoutMs: null });
    return data.find((turn) => turn.status === "inProgress" && itemsIn(turn).some(isOurs)) ?? null;
  }
}

/** What the tree of a turn's agents needs of the runtime. */
function agentHost(runtime: Runtime, bufferBytes: number): AgentHost {
  const read = async (threadId: string) => {
    const params = { threadId, includeTurns: false };
    return (await runtime.request("thread/read", params, { timeoutMs: AGENT_REQUEST_MS })).thread;
  };
  return {
    bufferBytes,
    follow: (...of) => runtime.router.follow(...of),
    isActive: async (threadId) => {
      try {
        return (await read(threadId)).status.type === "active";
      } catch {
        // A thread that is not loaded, or a runtime that is gone: nothing runs there.
        return false;
      }
    },
    parentOf: async (threadId) => (await read(threadId)).parentThreadId,
  };
}

/**
 * The events of a turn without a handle (`thread.stream`). The turn starts with the first read. Leaving before its end,
 * by `break`, `return`, `throw` or an error of the reader, ends it and waits until the thread is free.
 */
export class OwnedTurn implements AsyncGenerator<TurnEvent, void, undefined> {
  readonly #start: () => Promise<TurnHandle<unknown>>;
  readonly #keepCommands: boolean;
  #started: Promise<{ readonly turn: TurnHandle<unknown>; readonly reader: AsyncIterator<TurnEvent, void> }> | null =
    null;
  #hasLeft = false;

  constructor(start: () => Promise<TurnHandle<unknown>>, keepCommands: boolean) {
    this.#start = start;
    this.#keepCommands = keepCommands;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<TurnEvent, void>> {
    if (this.#hasLeft) return { done: true, value: undefined };
    this.#started ??= this.#start().then((turn) => ({ turn, reader: turn[Symbol.asyncIterator]() }));
    try {
      const { reader } = await this.#started;
      return await reader.next();
    } catch (error) {
      await this.#leave();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  /** Does not queue behind a pending `next()`, as a generator's `return()` would. */
  async #leave(): Promise<void> {
    this.#hasLeft = true;
    const started = await this.#started?.catch(() => null);
    if (started === null || started === undefined) return;
    await started.reader.return?.();
    await started.turn.leave(this.#keepCommands);
  }
}

/**
 * Inputs that wait for a turn of their own. The runtime starts each by itself when the thread is idle; follow those
 * turns with `codex.on`. Methods reject as `codex.request` does.
 */
export class ThreadQueue {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  readonly #cwd: () => string;

  /** @internal */
  constructor(runtime: Runtime, threadId: string, cwd: () => string) {
    this.#runtime = runtime;
    this.#threadId = threadId;
    this.#cwd = cwd;
  }

  /**
   * Appends an input (`thread/queue/add`) and resolves when the runtime has stored it. It runs at once when the thread
   * is idle.
   *
   * @throws UsageError for an input that cannot be sent; AuthRequiredError when the model provider needs a login and
   * there is none.
   */
  async add(input: Input): Promise<QueuedSubmission> {
    await this.#runtime.login.check(this.#threadId, "thread/queue/add");
    const { queuedSubmission } = await this.#runtime.request("thread/queue/add", {
      threadId: this.#threadId,
      input: await toUserInput(input, this.#cwd()),
      clientUserMessageId: crypto.randomUUID(),
    });
    return queuedSubmission;
  }

  /** The waiting inputs, in order (`thread/queue/list`, all pages). */
  async list(): Promise<QueuedSubmission[]> {
    const waiting: QueuedSubmission[] = [];
    let cursor: string | null = null;
    do {
      const page: { data: QueuedSubmission[]; nextCursor: string | null } = await this.#runtime.request(
        "thread/queue/list",
        { threadId: this.#threadId, cursor },
      );
      waiting.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return waiting;
  }

  /** Removes an input (`thread/queue/delete`). Resolves with false when it is no longer waiting. */
  async remove(id: string): Promise<boolean> {
    text(id, { call: "queue.remove", path: "id" });
    const params = { threadId: this.#threadId, queuedSubmissionId: id };
    return (await this.#runtime.request("thread/queue/delete", params)).deleted;
  }

  /** Reorders the waiting inputs (`thread/queue/reorder`). `ids` must name all of them. */
  async reorder(ids: readonly string[]): Promise<void> {
    listOf(text)(ids, { call: "queue.reorder", path: "ids" });
    const params = { threadId: this.#threadId, queuedSubmissionIds: [...ids] };
    await this.#runtime.request("thread/queue/reorder", params);
  }
}
