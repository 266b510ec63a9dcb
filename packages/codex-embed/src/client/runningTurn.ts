/** Turns that this client did not start, or that it adds to while they run. */

import { type CallSite, UsageError } from "../errors/base.js";
import type { TurnStartResponse } from "../protocol/generated/protocol.js";
import type { TurnLimits } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { NO_OUTPUT } from "../schema/prepare.js";
import type { Reservation } from "../stream/reservation.js";
import type { RunningTurn } from "../stream/threadRoute.js";
import { TurnStream } from "../stream/turnStream.js";
import { deferred } from "../util/async.js";
import { type ExternalMessage, toToolOutput } from "./external.js";
import { LimitWatch, untilThreadFree } from "./limits.js";
import type { TurnStarter } from "./startTurn.js";
import { TurnHandle } from "./turn.js";

/** The handle of the turn in flight; null when none runs, or when a call of this client is about to get its handle. */
export function activeTurn(
  runtime: Runtime,
  turns: TurnStarter,
  limits: TurnLimits,
  site: CallSite,
): TurnHandle<unknown> | null {
  const { threadId } = turns;
  limits.signal?.throwIfAborted();
  runtime.router.refuseLost(threadId);
  const running = runtime.router.running(threadId);
  if (running === null) return null;
  const reservation = runtime.router.reservationOf(threadId);
  refuseGoal(reservation, threadId, "activeTurn");
  if (running.sink === null && reservation !== null) return null;
  const turn = handleOf(runtime, turns, running, site);
  if (Object.values(limits).some((limit) => limit !== undefined)) {
    new LimitWatch(runtime, { threadId, method: "thread/resume", limits, site, trace: null }).attach(turn.limited);
  }
  return turn;
}

/** Delivers a message to the turn in flight, or starts one with it. */
export async function deliver(
  runtime: Runtime,
  turns: TurnStarter,
  message: ExternalMessage,
  site: CallSite,
): Promise<TurnHandle<unknown>> {
  const { threadId, settled } = turns;
  const toolOutput = await toToolOutput(message, "deliver");
  // A call that came first is sent first.
  await settled;
  if (!runtime.login.isOpen(threadId)) await runtime.login.check(threadId, "turn/start");
  const reservation = await claimed(runtime, threadId, site);
  const handle = deferred<TurnHandle<unknown>>();
  const onResult = ({ turn }: TurnStartResponse): void => {
    const running = runtime.router.running(threadId);
    if (running !== null && running.id === null) runtime.router.identify(threadId, turn);
    const isJoined = running !== null && [null, turn.id].includes(running.id);
    handle.resolve(
      isJoined
        ? handleOf(runtime, turns, { ...running, id: turn.id }, site)
        : new TurnHandle(
            runtime,
            turns.claim(reservation, turn.id, { site, trace: null }).stream,
            handleOptions(turns),
          ),
    );
  };
  try {
    await runtime.request("turn/start", { threadId, input: [], toolOutput }, { site, onResult });
    return await handle.promise;
  } finally {
    reservation.release();
  }
}

/** Claims the turn that a message joins or starts. Waits for calls that are starting or ending another one. */
async function claimed(runtime: Runtime, threadId: string, site: CallSite): Promise<Reservation> {
  for (;;) {
    const other = runtime.router.reservationOf(threadId);
    refuseGoal(other, threadId, "deliver");
    if (runtime.endings.has(threadId)) await untilThreadFree(runtime, threadId, site);
    else if (other !== null) await other.ended;
    else return runtime.router.reserve(threadId, true);
  }
}

/** The handle of a running turn: the one there is, or a new one that takes the turn up. */
function handleOf(runtime: Runtime, turns: TurnStarter, running: RunningTurn, site: CallSite): TurnHandle<unknown> {
  const { id, rootId, sink } = running;
  const { threadId } = turns;
  const known = sink === null ? undefined : TurnHandle.of(sink);
  if (known !== undefined) return known;
  if (sink instanceof TurnStream) return new TurnHandle(runtime, sink, handleOptions(turns));
  if (id === null) {
    throw new UsageError(
      `Thread ${threadId} runs a turn of another client, and the runtime does not say which. Wait for its end, or ` +
        "resume the thread again.",
    );
  }
  // The events of a review name the turn around the reviewer's. The root of a sub-agent's turn is in another thread.
  const turnId = turns.isAgent ? id : (rootId ?? id);
  const stream = new TurnStream(
    { threadId, turnId },
    { ...turns.streamOptions({ site, trace: null }), usedBefore: null, runningAs: id },
  );
  runtime.router.takeUp(threadId, turnId, stream);
  const isReplayed = runtime.catchUp(threadId);
  if (!isReplayed) stream.push({ method: "reconnected", params: { threadId, turnId } }, 0);
  return new TurnHandle(runtime, stream, handleOptions(turns));
}

function handleOptions({ cwd }: TurnStarter) {
  return { parse: NO_OUTPUT.parse, cwd };
}

function refuseGoal(reservation: Reservation | null, threadId: string, call: string): void {
  if (reservation === null || reservation.follower === null) return;
  throw new UsageError(`${call}: thread ${threadId} runs a goal of this client. Use the handle of the goal.`);
}
