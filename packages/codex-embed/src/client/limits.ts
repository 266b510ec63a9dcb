import { atCallSite, type CallSite } from "../errors/base.js";
import { RequestTimeoutError, TransportClosedError } from "../errors/connection.js";
import { BudgetExceededError, TurnDeadlineError, TurnInProgressError, TurnStalledError } from "../errors/turn.js";
import type { Turn } from "../protocol/generated/protocol.js";
import type { TurnLimits } from "../runtime/options.js";
import { DEFAULT_REQUEST_TIMEOUT_MS, type RequestOptions } from "../runtime/requestPolicy.js";
import type { Runtime } from "../runtime/runtime.js";
import type { Unfinished } from "../stream/eventStream.js";
import type { Reservation } from "../stream/reservation.js";
import type { TokenMeter } from "../stream/tokenMeter.js";
import type { TurnStream } from "../stream/turnStream.js";
import type { TurnTrace } from "../trace/tracer.js";
import { MAX_TIMER_MS, watchLimits } from "../util/async.js";
import { type Ender, trackEnding } from "./ending.js";

/** How long the runtime may take to report the state of a silent turn. */
const SIDE_REQUEST_MS = 5_000;

/** Makes what a limit rejects a call with, from what there is of the turn by then. */
export type Reason = (unfinished: Unfinished) => unknown;

/** Work that the runtime has accepted. */
export interface Started {
  readonly ender: Ender;
  /** Settles when the work has ended for its caller. Never rejects. */
  readonly ended: Promise<unknown>;
  readonly meter: TokenMeter;
  /** Null for a goal. */
  readonly stream: TurnStream | null;
}

/** A turn or a review that the runtime has accepted. */
export interface StartedTurn extends Started {
  readonly stream: TurnStream;
}

/** How a call is watched. */
export interface WatchOptions {
  readonly threadId: string;
  /** The request that starts the work. The runtime has `requestTimeoutMs` to answer it. */
  readonly method: string;
  readonly limits: TurnLimits;
  readonly site: CallSite;
  /** Of those who watch; null when nobody does. */
  readonly trace: TurnTrace | null;
  /** When the deadline starts, on the clock of `performance.now()`. Default: now. */
  readonly sinceMs?: number | undefined;
  /** How much of the budget earlier turns of the call have spent. Default 0. */
  readonly spentTokens?: number | undefined;
}

/**
 * The limits of one call. They count from the call: also while the runtime starts, reconnects or does not answer. The
 * first limit that is reached ends the call, and the turn as soon as there is one.
 */
export class LimitWatch {
  /** Resolves when a limit is reached. Never rejects. */
  readonly fired: Promise<Reason>;
  readonly #runtime: Runtime;
  readonly #options: WatchOptions;
  readonly #stops: (() => void)[] = [];
  readonly #answerMs: number;
  #lastActivityMs: number;
  #work: Started | null = null;
  #reason: Reason | null = null;
  #isStopped = false;
  #stopStart: () => void = () => {};
  #markFired: (reason: Reason) => void = () => {};

  /** Throws the reason of a signal that has already aborted. */
  constructor(runtime: Runtime, options: WatchOptions) {
    const { deadlineMs, idleTimeoutMs } = options.limits;
    const guard = runtime.guards?.signalOf(options.threadId);
    const signals = [options.limits.signal, guard].filter((given) => given !== undefined);
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    signal?.throwIfAborted();
    this.#runtime = runtime;
    this.#options = options;
    this.#lastActivityMs = performance.now();
    this.fired = new Promise((resolve) => {
      this.#markFired = resolve;
    });
    const nowMs = performance.now();
    const timeoutMs = deadlineMs && Math.max(1, (options.sinceMs ?? nowMs) + deadlineMs - nowMs);
    const outOfTime = this.#located((turn) => new TurnDeadlineError(turn, deadlineMs ?? 0));
    this.#stops.push(
      watchLimits({ signal, timeoutMs }, (limit) => this.#fire(limit === "signal" ? () => signal?.reason : outOfTime)),
    );
    if (idleTimeoutMs !== undefined) this.#watchSilence(idleTimeoutMs);
    this.#answerMs = runtime.options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.#stopStart = this.#watchStart(this.#answerMs);
    this.#stops.push(() => this.#stopStart());
  }

  /** The limit that ended the call; null while none has. */
  get reason(): Reason | null {
    return this.#reason;
  }

  get threadId(): string {
    return this.#options.threadId;
  }

  /** The request that starts the work. */
  get method(): string {
    return this.#options.method;
  }

  get trace(): TurnTrace | null {
    return this.#options.trace;
  }

  get keepCommands(): boolean {
    return this.#options.limits.keepCommands ?? false;
  }

  /** The request was answered: a limit ends this work from now on, and at once if one has been reached already. */
  attach(work: Started): void {
    this.#stopStart();
    this.#work = work;
    if (this.#reason !== null) void work.ender.end(this.#reason, this.keepCommands);
    else this.#watchBudget(work.meter);
    void work.ended.then(() => this.stop());
  }

  /** The call is over: stops all timers and listeners. */
  stop(): void {
    this.#isStopped = true;
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Awaits a step before the request. Rejects when a limit is reached first. */
  async race<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.fired.then((reason) => Promise.reject(this.errorOf(reason, false)))]);
  }

  /** Awaits work of this program before the request. It does not count as time that the runtime has to answer. */
  async beforeRequest<T>(work: Promise<T>): Promise<T> {
    this.#stopStart();
    try {
      return await work;
    } finally {
      if (!this.#isStopped) this.#stopStart = this.#watchStart(this.#answerMs);
    }
  }

  /** Throws if a limit was reached before the request was sent. */
  throwIfFired(): void {
    if (this.#reason !== null) throw this.errorOf(this.#reason, false);
  }

  /** The error of a call that a limit ends before its request is answered. */
  errorOf(reason: Reason, maybeAccepted: boolean, cause: Error | undefined = this.#runtime.outage): unknown {
    const { threadId } = this.#options;
    return reason({ threadId, turnId: null, result: null, maybeAccepted, cause });
  }

  #fire(reason: Reason): void {
    if (this.#reason !== null || this.#isStopped) return;
    this.#reason = reason;
    this.stop();
    this.#markFired(reason);
    void this.#work?.ender.end(reason, this.keepCommands);
  }

  #located(reasonOf: (unfinished: Unfinished) => Error): Reason {
    const { site } = this.#options;
    return (unfinished) => {
      const cause = unfinished.cause ?? this.#runtime.outage;
      return atCallSite(reasonOf({ ...unfinished, cause }), site);
    };
  }

  /** Time during which the runtime starts does not count: `startupTimeoutMs` limits that. */
  #watchStart(timeoutMs: number): () => void {
    if (timeoutMs > MAX_TIMER_MS) return () => {};
    const { method } = this.#options;
    const reason = this.#located(({ maybeAccepted }) => new RequestTimeoutError(method, timeoutMs, maybeAccepted));
    const check = (): void => {
      if (this.#runtime.status === "starting") timer = setTimeout(check, timeoutMs);
      else this.#fire(reason);
    };
    let timer = setTimeout(check, timeoutMs);
    return () => clearTimeout(timer);
  }

  #watchBudget(meter: TokenMeter): void {
    const { limits, spentTokens = 0 } = this.#options;
    const tokens = limits.budget?.tokens;
    if (tokens === undefined) return;
    const reason = this.#located((turn) => {
      return new BudgetExceededError(turn, { tokens }, { tokens: spentTokens + meter.spent });
    });
    meter.limit(tokens - spentTokens, () => this.#fire(reason));
  }

  #watchSilence(idleTimeoutMs: number): void {
    let timer: NodeJS.Timeout;
    const arm = (delayMs: number): void => {
      if (!this.#isStopped) timer = setTimeout(check, Math.max(1, delayMs));
    };
    const leftMs = (): number => {
      const lastMs = Math.max(this.#lastActivityMs, this.#work?.stream?.lastActivityMs ?? 0);
      return lastMs + idleTimeoutMs - performance.now();
    };
    const check = (): void => {
      const stream = this.#work?.stream ?? null;
      if (stream !== null && isWaiting(this.#runtime, stream)) arm(idleTimeoutMs);
      else if (leftMs() > 0) arm(leftMs());
      else if (stream === null || this.#runtime.status !== "ready") fire(stream);
      else void reconcile(stream);
    };
    const fire = (stream: TurnStream | null): void => {
      const last = stream?.lastMethod ?? null;
      this.#fire(this.#located((turn) => new TurnStalledError(turn, last, idleTimeoutMs)));
    };
    const reconcile = async (stream: TurnStream): Promise<void> => {
      const turn = await findTurn(this.#runtime, stream);
      if (this.#isStopped) return;
      if (turn !== null && turn.status !== "inProgress") {
        this.#runtime.router.settle(stream.threadId, turn);
      } else if (leftMs() > 0 || isWaiting(this.#runtime, stream)) {
        check();
      } else {
        fire(stream);
      }
    };
    arm(leftMs());
    this.#stops.push(() => clearTimeout(timer));
  }
}

/** Whether the turn or one of its agents waits for a decision or a tool of this program. */
function isWaiting({ broker }: Runtime, { threadId, turnId, agents }: TurnStream): boolean {
  const turns = [{ threadId, activeTurnId: turnId }, ...agents.all()];
  return turns.some((turn) => turn.activeTurnId !== null && broker.isWaiting(turn.threadId, turn.activeTurnId));
}

/** The runtime's record of a turn (`thread/read`); null when it cannot be read. */
async function findTurn(runtime: Runtime, { threadId, turnId }: TurnStream): Promise<Turn | null> {
  try {
    const params = { threadId, includeTurns: true };
    const { thread } = await runtime.request("thread/read", params, { timeoutMs: SIDE_REQUEST_MS });
    return thread.turns.find((turn) => turn.id === turnId) ?? null;
  } catch {
    return null;
  }
}

/** A request that starts work on a thread. */
export interface StartPlan<R, W extends Started> {
  readonly send: (options: RequestOptions<R>) => Promise<R>;
  /** Turns the reply into work, while the reader is still at the reply: the next message may be the first event. */
  readonly claim: (reservation: Reservation, reply: R) => W;
  /** Finds work whose reply was lost with the connection; null when the runtime has started none. */
  readonly find: (reservation: Reservation) => Promise<W | null>;
}

/**
 * Starts work under limits. Rejects as soon as one is reached: a request that was not sent never will be, and work that
 * was started is ended when the reply comes, however late. Until then other work on the thread waits.
 *
 * @param load - makes the plan once the thread is reserved: the thread is busy while a plan's module is imported.
 */
export async function startLimited<R, W extends Started>(
  runtime: Runtime,
  watch: LimitWatch,
  load: () => StartPlan<R, W> | Promise<StartPlan<R, W>>,
): Promise<W> {
  const { threadId } = watch;
  if (!runtime.login.isOpen(threadId)) await watch.race(runtime.login.check(threadId, watch.method));
  await untilFree(runtime, threadId, watch);
  watch.throwIfFired();
  const reservation = runtime.router.reserve(threadId);
  watch.trace?.requested();
  const unsent = new AbortController();
  let isSent = false;
  const plan = load();
  const replied = new Promise<W>((resolve, reject) => {
    const start = ({ send, claim }: StartPlan<R, W>): void => {
      const onResult = (reply: R): void => {
        const work = claim(reservation, reply);
        watch.attach(work);
        resolve(work);
      };
      const onSent = (): void => {
        isSent = true;
      };
      const trace = watch.trace?.context;
      send({ timeoutMs: null, signal: unsent.signal, onSent, onResult, trace }).catch(reject);
    };
    // Without an await where none is needed: requests go out in the order of their calls.
    if (plan instanceof Promise) plan.then(start).catch(reject);
    else start(plan);
  });
  const first = await Promise.race([settled(replied), watch.fired]);
  if (typeof first !== "function") {
    if ("work" in first) return first.work;
    watch.stop();
    reservation.release();
    throw first.error;
  }
  if (isSent) void trackEnding(runtime, threadId, endLate(runtime, watch, plan, reservation, replied));
  else reservation.release();
  const error = watch.errorOf(first, isSent);
  // Withdraws a request that still waits for a connection.
  if (!isSent) unsent.abort(error);
  replied.catch(() => {});
  throw error;
}

type Settled<W> = { readonly work: W } | { readonly error: unknown };

function settled<W>(promise: Promise<W>): Promise<Settled<W>> {
  return promise.then(
    (work) => ({ work }),
    (error: unknown) => ({ error }),
  );
}

/**
 * Waits until aborted work on the thread has ended, within the limits of the call.
 *
 * @throws TurnInProgressError when `requestTimeoutMs` passes first.
 */
async function untilFree(runtime: Runtime, threadId: string, watch: LimitWatch): Promise<void> {
  for (let ending = runtime.endings.get(threadId); ending !== undefined; ending = runtime.endings.get(threadId)) {
    const reason = await Promise.race([ending, watch.fired]);
    if (typeof reason !== "function") continue;
    const busy = new TurnInProgressError(threadId, null, "ending");
    const error = watch.errorOf(reason, false, busy);
    throw RequestTimeoutError.isInstance(error) ? busy : error;
  }
}

/** Waits until aborted work on the thread has ended, for a call without limits. */
export async function untilThreadFree(runtime: Runtime, threadId: string, site: CallSite): Promise<void> {
  if (!runtime.endings.has(threadId)) return;
  const watch = new LimitWatch(runtime, { threadId, method: "", limits: {}, site, trace: null });
  try {
    await untilFree(runtime, threadId, watch);
  } finally {
    watch.stop();
  }
}

/** The caller is gone: ends what its request has started. */
async function endLate<R, W extends Started>(
  runtime: Runtime,
  watch: LimitWatch,
  plan: StartPlan<R, W> | Promise<StartPlan<R, W>>,
  reservation: Reservation,
  replied: Promise<W>,
): Promise<void> {
  const { reason } = watch;
  try {
    const first = await settled(replied);
    const work = "work" in first ? first.work : await findLost(runtime, plan, reservation, first.error);
    if (work !== null && reason !== null) await work.ender.end(reason, watch.keepCommands);
  } finally {
    reservation.release();
  }
}

async function findLost<R, W extends Started>(
  runtime: Runtime,
  plan: StartPlan<R, W> | Promise<StartPlan<R, W>>,
  reservation: Reservation,
  error: unknown,
): Promise<W | null> {
  const isLost = TransportClosedError.isInstance(error) && error.maybeAccepted;
  // Only a reconnect leads back to the same runtime.
  if (!isLost || !runtime.reconnects) return null;
  const { find } = await plan;
  return find(reservation).catch(() => null);
}
