import { atCallSite, type CallSite, UsageError } from "../errors/base.js";
import { BudgetExceededError, OutputValidationError } from "../errors/turn.js";
import type { ThreadItem, Turn, TurnStartResponse } from "../protocol/generated/protocol.js";
import type { TurnResult } from "../protocol/shapes.js";
import type { RunOptions, TurnOptions } from "../runtime/options.js";
import { turnModeFields } from "../runtime/settings.js";
import type { Runtime } from "../runtime/runtime.js";
import { NO_OUTPUT, type OutputOf, planTurnOutput, repairRequest } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import type { AgentHost } from "../stream/agentStream.js";
import { itemsIn } from "../stream/events.js";
import type { Reservation } from "../stream/reservation.js";
import { type StreamOptions, TurnStream } from "../stream/turnStream.js";
import type { TraceContext, TurnChannelMessage } from "../trace/messages.js";
import type { TurnTrace } from "../trace/tracer.js";
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
import { TurnRecording } from "./recording.js";
import type { PlanOptions } from "./threadSettings.js";
import type { OpenedThread } from "./openThread.js";
import { type TurnInput, toTurnInput } from "./external.js";
import { TurnHandle } from "./turn.js";

const DEFAULT_STREAM_BUFFER_BYTES = 64 * 1024 * 1024;
/** How long the runtime may take to answer a question about an agent's thread. */
const AGENT_REQUEST_MS = 5_000;
/** Holds a turn that was just started, even if another client has started one since. */
const NEWEST_TURNS = { limit: 5, sortDirection: "desc", itemsView: "full" } as const;

/** Where work was asked for, and who watches it. */
export interface Origin {
  readonly site: CallSite;
  /** Null when nobody does. */
  readonly trace: TurnTrace | null;
}

/** What a turn takes over from the call that it belongs to. */
export interface StartFrom extends Pick<WatchOptions, "sinceMs" | "spentTokens"> {
  /** Of an earlier turn of the same call. */
  readonly recording?: TurnRecording | null;
}

/** Starts the turns of one thread, and knows the working directory that the last one set. */
export class TurnStarter {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  /** Whether it is the thread of a sub-agent. */
  readonly isAgent: boolean;
  #cwd: string;
  #model: string;
  /** Resolves when the inputs and schemas of the calls so far are ready: the call that comes first is sent first. */
  #prepared: Promise<void> = Promise.resolve();
  #settled: Promise<void> = Promise.resolve();

  constructor(runtime: Runtime, { thread, cwd, model }: OpenedThread) {
    this.#runtime = runtime;
    this.#threadId = thread.id;
    this.isAgent = thread.parentThreadId !== null;
    this.#cwd = cwd;
    this.#model = model;
  }

  get threadId(): string {
    return this.#threadId;
  }

  /** The working directory in force. */
  get cwd(): string {
    return this.#cwd;
  }

  set cwd(cwd: string) {
    this.#cwd = cwd;
  }

  /**
   * Starts a turn (`turn/start`) and resolves when the runtime has accepted it.
   *
   * @param from - when its deadline starts, what is spent of its budget, and the recording of an earlier turn of the same `run`.
   */
  start<S extends Schema | undefined>(
    input: TurnInput,
    options: TurnOptions<S>,
    site: CallSite,
    from: StartFrom = {},
  ): Promise<TurnHandle<OutputOf<S>>> {
    return this.track(
      this.#traced({ kind: "turn", settings: { ...options }, input }, (trace) =>
        this.#start(input, options, { site, trace }, from),
      ),
    );
  }

  /** Runs turns until one ends with an answer that conforms: a turn, and up to `repairAttempts` corrections. */
  async run<S extends Schema | undefined>(
    input: TurnInput,
    { repairAttempts = 0, ...options }: RunOptions<S>,
    site: CallSite,
  ): Promise<TurnResult<OutputOf<S>>> {
    const sinceMs = performance.now();
    const tokens = options.budget?.tokens ?? Number.POSITIVE_INFINITY;
    let spentTokens = 0;
    let recording: TurnRecording | null = null;
    for (let next = input, attempt = 0; ; attempt++) {
      const turn: TurnHandle<OutputOf<S>> = await this.start(next, options, site, { sinceMs, spentTokens, recording });
      recording = turn.recording;
      try {
        return await turn.result();
      } catch (error) {
        if (!OutputValidationError.isInstance(error) || attempt >= repairAttempts || turn.wasInterrupted) throw error;
        spentTokens += turn.spentTokens;
        if (spentTokens >= tokens) {
          const { result } = await turn.outcome();
          const unsent = { threadId: this.#threadId, turnId: null, result, cause: error };
          throw atCallSite(new BudgetExceededError(unsent, { tokens }, { tokens: spentTokens }), site);
        }
        next = repairRequest(error);
      }
    }
  }

  /** Runs the start of work on this thread for those who watch. */
  #traced<T>(
    about: Pick<TurnChannelMessage, "kind" | "settings" | "input">,
    begin: (trace: TurnTrace | null) => Promise<T>,
  ): Promise<T> {
    const { model } = about.settings;
    return this.#runtime.tracer.start(
      { ...about, threadId: this.#threadId, model: typeof model === "string" ? model : this.#model },
      begin,
    );
  }

  /** Resolves when the calls so far that start or join a turn were answered or have failed. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Counts a call among those that start or join a turn. */
  track<T>(call: Promise<T>): Promise<T> {
    this.#settled = bothSettled(this.#settled, call);
    return call;
  }

  async #start<S extends Schema | undefined>(
    input: TurnInput,
    options: TurnOptions<S>,
    origin: Origin,
    { recording: earlier = null, ...from }: StartFrom,
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
      planMode,
      outputSchema,
      checkpoint = false,
      ...others
    } = options;
    const threadId = this.#threadId;
    const limits = { signal, deadlineMs, idleTimeoutMs, budget, keepCommands };
    const watch = new LimitWatch(this.#runtime, { threadId, method: "turn/start", limits, ...origin, ...from });
    let recording = earlier;
    try {
      const fields = { ...others, ...this.#runtime.paths.cwdField(given) };
      const cwd = fields.cwd ? this.#runtime.paths.resolve(fields.cwd) : this.#cwd;
      if (checkpoint !== false) {
        recording ??= new TurnRecording(this.#runtime, cwd, checkpoint === true ? {} : checkpoint);
      }
      const parts = [planTurnOutput(outputSchema), toTurnInput(input, cwd), this.#planField(planMode, others)] as const;
      const [output, inputFields, planFields] = await watch.race(this.#inOrder(watch.race(Promise.all(parts))));
      if (inputFields.toolOutput !== undefined && fields.toolOutput) {
        throw new UsageError("An external message is sent as toolOutput. Remove the option toolOutput.");
      }
      const params = {
        clientUserMessageId: crypto.randomUUID(),
        ...fields,
        ...planFields,
        ...turnModeFields({ sandbox, approvalMode }),
        ...(output.wire === undefined ? {} : { outputSchema: output.wire }),
        threadId,
        ...inputFields,
      };
      const { toolOutput } = params;
      const userMessageId = (params.input.length > 0 && params.clientUserMessageId) || undefined;
      const isOurs = (item: ThreadItem) =>
        item.type === "functionCallOutput"
          ? userMessageId === undefined && item.name === toolOutput?.name
          : item.type === "userMessage" && userMessageId !== undefined && item.clientId === userMessageId;
      const claim = (reservation: Reservation, turnId: string): StartedTurn => {
        this.#cwd = cwd;
        this.#model = fields.model ?? this.#model;
        return this.claim(reservation, turnId, { ...origin, userMessageId });
      };
      const plan: StartPlan<TurnStartResponse, StartedTurn> = {
        send: (sending) => this.#runtime.request("turn/start", params, { ...sending, site: origin.site }),
        claim: (reservation, { turn }) => claim(reservation, turn.id),
        find: async (reservation) => {
          const turn = await this.#find(isOurs);
          return turn === null ? null : claim(reservation, turn.id);
        },
      };
      // While the thread is reserved: an aborted turn before this one may write until it has ended.
      const load = recording === null ? () => plan : recordedFirst(recording, plan, watch, origin.site);
      const { stream, ender } = await startLimited(this.#runtime, watch, load);
      return new TurnHandle(this.#runtime, stream, { parse: output.parse, cwd, ender, recording });
    } catch (error) {
      void recording?.discard();
      watch.stop();
      throw UsageError.isInstance(error) ? atCallSite(error, origin.site) : error;
    }
  }

  async #planField(planMode: boolean | undefined, options: Omit<PlanOptions, "planMode">) {
    if (planMode === undefined) return {};
    const { planModeField } = await import("./threadSettings.js");
    return planModeField(this.#runtime, this.#threadId, "turn/start", { ...options, planMode });
  }

  /** Awaits a preparation after those of earlier calls. */
  #inOrder<T>(preparation: Promise<T>): Promise<T> {
    const earlier = this.#prepared;
    this.#prepared = bothSettled(earlier, preparation);
    return earlier.then(() => preparation);
  }

  /** Starts a goal or a review under limits. The thread is busy from this call on, also while `load` runs. */
  begin<R, W extends Started>(
    { kind, input, ...options }: Omit<WatchOptions, "threadId" | "trace"> & Pick<TurnChannelMessage, "kind" | "input">,
    load: (origin: Origin) => StartPlan<R, W> | Promise<StartPlan<R, W>>,
  ): Promise<W> {
    return this.#traced({ kind, input, settings: { ...options.limits } }, async (trace) => {
      const watch = new LimitWatch(this.#runtime, { ...options, trace, threadId: this.#threadId });
      try {
        return await startLimited(this.#runtime, watch, () => load({ site: options.site, trace }));
      } catch (error) {
        watch.stop();
        throw error;
      }
    });
  }

  /** Follows the turn that a request starts without naming it: `thread/compact/start`, `thread/shellCommand`. */
  adopt(
    about: Pick<TurnChannelMessage, "kind" | "input"> & { readonly site: CallSite },
    send: (trace: TraceContext | undefined) => Promise<unknown>,
  ): Promise<TurnHandle> {
    const { kind, input, site } = about;
    return this.#traced({ kind, input, settings: {} }, (trace) => this.#adopt({ site, trace }, send));
  }

  async #adopt(origin: Origin, send: (trace: TraceContext | undefined) => Promise<unknown>): Promise<TurnHandle> {
    const { site, trace } = origin;
    await untilThreadFree(this.#runtime, this.#threadId, site);
    const reservation = this.#runtime.router.reserve(this.#threadId);
    trace?.requested();
    try {
      const started = new Promise<StartedTurn>((resolve, reject) => {
        reservation.watch({
          started: (turnId) => resolve(this.claim(reservation, turnId, origin)),
          failed: reject,
        });
      });
      started.catch(() => {});
      await send(trace?.context);
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
    from: Origin & { readonly userMessageId?: string | undefined },
  ): StartedTurn {
    const options = { ...this.streamOptions(from), userMessageId: from.userMessageId };
    const stream = new TurnStream({ threadId: this.#threadId, turnId }, options);
    from.trace?.accepted(turnId, stream.ended);
    reservation.claim(turnId, stream);
    return { stream, ended: stream.ended, meter: stream.meter, ender: turnEnder(this.#runtime, stream) };
  }

  /** What a stream of this thread's events needs. */
  streamOptions({ site, trace }: Origin): StreamOptions {
    const bufferBytes = this.#runtime.options.streamBufferBytes ?? DEFAULT_STREAM_BUFFER_BYTES;
    const agents = agentHost(this.#runtime, bufferBytes, trace);
    return { bufferBytes, site, usedBefore: this.#runtime.totals.of(this.#threadId), agents };
  }

  /** Finds the review in flight whose reply was lost, if there is one. */
  async findReview(reservation: Reservation, origin: Origin): Promise<StartedTurn | null> {
    const turn = await this.#find((item) => item.type === "enteredReviewMode");
    return turn === null ? null : this.claim(reservation, turn.id, origin);
  }

  /** The turn in flight that holds an item, or null: used when the reply of a request was lost. */
  async #find(isOurs: (item: ThreadItem) => boolean): Promise<Turn | null> {
    const params = { threadId: this.#threadId, ...NEWEST_TURNS };
    const { data } = await this.#runtime.request("thread/turns/list", params, { timeoutMs: null });
    return data.find((turn) => turn.status === "inProgress" && itemsIn(turn).some(isOurs)) ?? null;
  }
}

/** Makes the plan of a turn once the state before it is recorded. */
function recordedFirst<P>(recording: TurnRecording, plan: P, watch: LimitWatch, site: CallSite): () => Promise<P> {
  return async () => {
    try {
      await watch.beforeRequest(recording.begin());
      return plan;
    } catch (error) {
      throw error instanceof Error ? atCallSite(error, site) : error;
    }
  };
}

/** Keeps no results: a chain of these lasts as long as its thread. */
async function bothSettled(first: Promise<void>, second: Promise<unknown>): Promise<void> {
  await Promise.allSettled([first, second]);
}

/** What the tree of a turn's agents needs of the runtime. */
function agentHost(runtime: Runtime, bufferBytes: number, trace: TurnTrace | null): AgentHost {
  const read = async (threadId: string) => {
    const params = { threadId, includeTurns: false };
    return (await runtime.request("thread/read", params, { timeoutMs: AGENT_REQUEST_MS })).thread;
  };
  return {
    bufferBytes,
    began: (agent) => trace?.agent(agent, agent.prompt, agent.ended),
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
