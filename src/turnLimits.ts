/** Owns what ends a turn from the caller's side: its signal, its deadline, and its silence. */

import { onAbort } from "./abort.js";
import { interruptAgents } from "./agents.js";
import { TurnDeadlineError, TurnStalledError } from "./errors/index.js";
import type { Turn } from "./generated/protocol.js";
import type { TurnLimits } from "./options.js";
import type { Runtime } from "./runtime.js";
import type { TurnStream } from "./stream/turnStream.js";

/** How long an interrupted turn may take to end before its caller is let go. */
const ABORT_GRACE_MS = 5_000;
/** How long the runtime may take to say how a silent turn stands, or to stop its commands. */
const SIDE_REQUEST_MS = 5_000;

/** Watches a turn until it has ended; the first limit that is reached ends it. */
export function watchTurn(
  runtime: Runtime,
  stream: TurnStream,
  limits: TurnLimits,
  interrupt: () => Promise<void>,
): void {
  const { signal, deadlineMs, idleTimeoutMs } = limits;
  const beganMs = performance.now();
  let isEnding = false;
  const end = (reason: unknown): void => {
    if (isEnding || stream.isEnded) return;
    isEnding = true;
    void endTurn(runtime, stream, reason, limits.keepCommands === true ? null : beganMs, interrupt);
  };
  const stops: (() => void)[] = [];
  void stream.ended.then(() => {
    for (const stop of stops) stop();
  });
  if (deadlineMs !== undefined) {
    const timer = setTimeout(() => end(new TurnDeadlineError(stream, deadlineMs)), deadlineMs);
    stops.push(() => clearTimeout(timer));
  }
  if (idleTimeoutMs !== undefined) stops.push(watchSilence(runtime, stream, idleTimeoutMs, end));
  if (signal?.aborted) end(signal.reason);
  else stops.push(onAbort(signal, () => end(signal?.reason)));
}

/** Interrupts once, lets the runtime end the turn (within bounds), stops agents and commands, and lets the caller go. */
async function endTurn(
  runtime: Runtime,
  stream: TurnStream,
  reason: unknown,
  stopCommandsSinceMs: number | null,
  interrupt: () => Promise<void>,
): Promise<void> {
  const settled = stream.abort(reason);
  const timer = setTimeout(() => stream.fail(reason), ABORT_GRACE_MS);
  try {
    await interrupt();
    await interruptAgents(runtime, stream.agents);
    await Promise.race([settled, stream.ended]);
  } catch {
    // The reason is what the caller is told; that the runtime did not follow changes nothing.
  }
  if (stopCommandsSinceMs !== null && !stream.isEnded) await stopCommands(runtime, stream, stopCommandsSinceMs);
  clearTimeout(timer);
  stream.fail(reason);
}

/** That the runtime does not follow changes nothing either. */
async function stopCommands(
  runtime: Runtime,
  { threadId, agents, hasCommands }: TurnStream,
  sinceMs: number,
): Promise<void> {
  const threadIds = [threadId, ...agents.all().map((agent) => agent.threadId)];
  const stop = (id: string) =>
    runtime.request("thread/backgroundTerminals/clean", { threadId: id }, { timeoutMs: SIDE_REQUEST_MS });
  await Promise.allSettled(threadIds.map(stop));
  const killOrphans = () => runtime.killOrphans(threadIds, sinceMs);
  if (hasCommands || threadIds.length > 1) await killOrphans();
  // A command that began in the moment of the abort may be unknown. The caller need not wait for the look.
  else setImmediate(() => void killOrphans());
}

function watchSilence(
  runtime: Runtime,
  stream: TurnStream,
  idleTimeoutMs: number,
  end: (reason: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout;
  const arm = (delayMs: number): void => {
    timer = setTimeout(check, delayMs);
  };
  const check = (): void => {
    const leftMs = stream.lastActivityMs + idleTimeoutMs - performance.now();
    if (isWaiting(runtime, stream) || runtime.status === "reconnecting") arm(idleTimeoutMs);
    else if (leftMs > 0) arm(leftMs);
    else void reconcile();
  };
  const reconcile = async (): Promise<void> => {
    const turn = await findTurn(runtime, stream);
    if (stream.isEnded) return;
    if (turn === null || turn.status === "inProgress") {
      const isSilent = stream.lastActivityMs + idleTimeoutMs <= performance.now();
      if (!isSilent || isWaiting(runtime, stream)) return check();
      end(new TurnStalledError(stream, stream.lastMethod, idleTimeoutMs));
    } else {
      runtime.router.settle(stream.threadId, turn);
    }
  };
  arm(idleTimeoutMs);
  return () => clearTimeout(timer);
}

/** Whether a decision or a tool is awaited, of the turn or of one of its sub-agents. */
function isWaiting({ broker }: Runtime, { threadId, turnId, agents }: TurnStream): boolean {
  const turns = [{ threadId, activeTurnId: turnId }, ...agents.all()];
  return turns.some((turn) => turn.activeTurnId !== null && broker.isWaiting(turn.threadId, turn.activeTurnId));
}

/** How the runtime says that a turn stands; null when it does not say. */
async function findTurn(runtime: Runtime, { threadId, turnId }: TurnStream): Promise<Turn | null> {
  try {
    const { thread } = await runtime.request(
      "thread/read",
      { threadId, includeTurns: true },
      { timeoutMs: SIDE_REQUEST_MS },
    );
    return thread.turns.find((turn) => turn.id === turnId) ?? null;
  } catch {
    return null;
  }
}
