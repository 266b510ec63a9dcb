import { trackEnding } from "./ending.js";
import type { CallSite } from "./errors/callSite.js";
import { RequestTimeoutError, TransportClosedError, TurnInProgressError } from "./errors/index.js";
import type { RequestOptions } from "./clientRequests.js";
import type { Runtime } from "./runtime.js";
import type { Reservation } from "./stream/reservation.js";
import { LimitWatch, type Started } from "./turnLimits.js";

/** A request that starts work on a thread. */
export interface StartPlan<R, W extends Started> {
  readonly threadId: string;
  readonly send: (options: RequestOptions<R>) => Promise<R>;
  /** Takes the work on, while the reader still stands at the reply: the first event may be next. */
  readonly claim: (reservation: Reservation, reply: R) => W;
  /** Finds work whose reply got lost with the connection; null when the runtime has started none. */
  readonly find: (reservation: Reservation) => Promise<W | null>;
}

/**
 * Starts work under limits. Rejects as soon as one is reached: what was not sent never will be, and what was is ended
 * when its reply comes, however late. Until then other work on the thread waits.
 */
export async function startLimited<R, W extends Started>(
  runtime: Runtime,
  watch: LimitWatch,
  plan: StartPlan<R, W>,
): Promise<W> {
  if (!runtime.login.isOpen(plan.threadId)) await watch.race(runtime.login.check(plan.threadId, watch.method));
  await untilFree(runtime, plan.threadId, watch);
  watch.throwIfFired();
  const reservation = runtime.router.reserve(plan.threadId);
  const unsent = new AbortController();
  let isSent = false;
  const replied = new Promise<W>((resolve, reject) => {
    const onResult = (reply: R): void => {
      const work = plan.claim(reservation, reply);
      watch.attach(work);
      resolve(work);
    };
    const onSent = (): void => {
      isSent = true;
    };
    plan.send({ timeoutMs: null, signal: unsent.signal, onSent, onResult }).catch(reject);
  });
  const first = await Promise.race([settled(replied), watch.fired]);
  if (typeof first !== "function") {
    if ("work" in first) return first.work;
    watch.stop();
    reservation.release();
    throw first.error;
  }
  if (isSent) void trackEnding(runtime, plan.threadId, endLate(runtime, watch, plan, reservation, replied));
  else reservation.release();
  const error = watch.errorOf(first, isSent);
  // A request that still waits for a connection is taken back.
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
 * @throws TurnInProgressError when `requestTimeoutMs` is over first.
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
  const watch = new LimitWatch(runtime, { threadId, method: "", limits: {}, site });
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
  plan: StartPlan<R, W>,
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
  plan: StartPlan<R, W>,
  reservation: Reservation,
  error: unknown,
): Promise<W | null> {
  const isLost = TransportClosedError.isInstance(error) && error.maybeAccepted;
  // Only a connection that is made again leads back to the same runtime.
  if (!isLost || !runtime.reconnects) return null;
  return plan.find(reservation).catch(() => null);
}
