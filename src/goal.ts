/** Owns goals: setting one, and the handle of the turns that the agent runs for it. */

import { setTimeout as sleep } from "node:timers/promises";
import { onAbort } from "./abort.js";
import { Agents, interruptAgents } from "./agents.js";
import { NoActiveTurnError, UsageError } from "./errors/index.js";
import type { TurnEvent } from "./events.js";
import type { ThreadGoal, ThreadGoalSetParams } from "./generated/protocol.js";
import { type Input, toUserInput } from "./input.js";
import type { Runtime } from "./runtime.js";
import { type GoalResult, GoalStream } from "./stream/adoptGoal.js";
import type { StreamOptions } from "./stream/turnStream.js";
import { integer, signal } from "./usage/kinds.js";
import { checkOptions, type OptionTable } from "./usage/options.js";

export type { GoalResult } from "./stream/adoptGoal.js";

/** The runtime's limit, in characters. */
const MAX_OBJECTIVE_CHARS = 4_000;
const ATTEMPTS = 5;
const RETRY_MS = 20;
/** How long an interrupted goal may take to end before its caller is let go. */
const ABORT_GRACE_MS = 5_000;

/** Options of `thread.resumeGoal`. */
export interface ResumeGoalOptions {
  /** Pauses the goal and interrupts its turn when it aborts; the handle then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `thread.startGoal`. */
export interface GoalOptions extends ResumeGoalOptions {
  /** The runtime ends the goal as `budgetLimited` once its turns have used so many tokens. Default: no limit. */
  readonly tokenBudget?: number | undefined;
}

/** @internal */
export const RESUME_GOAL: OptionTable<ResumeGoalOptions> = { signal };
/** @internal */
export const START_GOAL: OptionTable<GoalOptions> = { ...RESUME_GOAL, tokenBudget: integer(1) };

/**
 * All turns that the agent runs for a goal, as one: iterating it yields their events with one `turn/started`, of the
 * first, and one `turn/completed`, of the last. Any number of readers, at any time; a reader ends as the goal ends.
 */
export class GoalHandle implements AsyncIterable<TurnEvent> {
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #stream: GoalStream;
  readonly #options: StreamOptions;
  #interrupting: Promise<void> | null = null;

  /** @internal */
  constructor(runtime: Runtime, stream: GoalStream, options: StreamOptions) {
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#stream = stream;
    this.#options = options;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /** The turn in flight, or null between two turns and at the end. */
  get currentTurnId(): string | null {
    return this.#stream.currentTurnId;
  }

  /**
   * Resolves when the goal is complete, blocked, paused, cleared or out of budget, and its last turn has ended. Can be
   * called any number of times.
   *
   * Rejects with `TurnFailedError` when a turn failed (the runtime then blocks the goal), with `TransportClosedError`
   * when the runtime went away, and with the reason of the signal.
   */
  async result(): Promise<GoalResult> {
    const end = await this.#stream.ended;
    if ("error" in end) throw end.error;
    return end.result;
  }

  /** The sub-agents of all turns, as `TurnHandle.agents` gives those of one. */
  agents(): Agents {
    return new Agents(this.#runtime, this.#stream.agents, this.threadId);
  }

  /**
   * Adds input to the turn in flight, or to the next one when it stands between two.
   *
   * @throws NoActiveTurnError when the goal has ended.
   */
  async steer(input: Input): Promise<void> {
    const wire = await toUserInput(input, undefined);
    await this.#onTurn((expectedTurnId) =>
      this.#runtime.request("turn/steer", {
        threadId: this.threadId,
        expectedTurnId,
        clientUserMessageId: crypto.randomUUID(),
        input: wire,
      }),
    );
  }

  /**
   * Pauses the goal and interrupts its turn; `result()` then resolves with the status `paused`. Does nothing when the
   * goal has ended.
   */
  interrupt(): Promise<void> {
    this.#interrupting ??= this.#interrupt().finally(() => {
      this.#interrupting = null;
    });
    return this.#interrupting;
  }

  /** The goal as the runtime has it now, or null when it was cleared. */
  goal(): Promise<ThreadGoal | null> {
    return readGoal(this.#runtime, this.threadId);
  }

  /** Pauses the goal: the turn in flight runs to its end, and with it this handle. */
  pause(): Promise<ThreadGoal> {
    return pauseGoal(this.#runtime, this.threadId);
  }

  /** Makes the goal active again. Resolves with this handle while its turn still runs, else with a new one. */
  async resume(options: ResumeGoalOptions = {}): Promise<GoalHandle> {
    const checked = checkOptions(options, "resume", RESUME_GOAL);
    if (this.#stream.isEnded) return resumeGoal(this.#runtime, this.threadId, checked, this.#options);
    await this.#runtime.request("thread/goal/set", { threadId: this.threadId, status: "active" });
    return this;
  }

  /** Takes the goal away; the turn in flight runs to its end, and with it this handle. */
  clear(): Promise<boolean> {
    return clearGoal(this.#runtime, this.threadId);
  }

  async #interrupt(): Promise<void> {
    if (this.#stream.isEnded) return;
    if (this.#stream.isActive) await this.pause();
    try {
      await this.#onTurn(async (turnId) => {
        if (this.#stream.isEnded) return;
        await this.#runtime.request("turn/interrupt", { threadId: this.threadId, turnId });
      });
    } catch (error) {
      if (!this.#stream.isEnded) throw error;
    }
  }

  /** Asks something of the turn in flight, and of the next one when that has just ended. */
  async #onTurn(ask: (turnId: string) => Promise<unknown>): Promise<void> {
    const stream = this.#stream;
    for (let attempt = 1; ; attempt++) {
      while (stream.currentTurnId === null && !stream.isEnded) await stream.nextChange();
      const turnId = stream.currentTurnId ?? stream.lastTurnId;
      if (turnId === null) return;
      try {
        await ask(turnId);
        return;
      } catch (error) {
        if (!NoActiveTurnError.isInstance(error) || stream.isEnded || attempt === ATTEMPTS) throw error;
        // Between the last item and turn/completed the turn is over for the runtime, but not yet told to be.
        await Promise.race([stream.nextChange(), sleep(RETRY_MS * attempt, undefined, { ref: false })]);
      }
    }
  }
}

/** @internal */
export async function startGoal(
  runtime: Runtime,
  threadId: string,
  objective: string,
  { tokenBudget, signal }: GoalOptions,
  streamOptions: StreamOptions,
): Promise<GoalHandle> {
  if (objective.trim() === "") throw new UsageError("The objective is empty: say what the agent should achieve.");
  const length = Array.from(objective).length;
  if (length > MAX_OBJECTIVE_CHARS) {
    throw new UsageError(
      `The objective has ${length} characters; the runtime takes ${MAX_OBJECTIVE_CHARS}. Put details in a file and name it.`,
    );
  }
  const params = { threadId, objective, status: "active", tokenBudget: tokenBudget ?? null } as const;
  return follow(runtime, params, signal, streamOptions);
}

/** @internal */
export function resumeGoal(
  runtime: Runtime,
  threadId: string,
  { signal }: ResumeGoalOptions,
  streamOptions: StreamOptions,
): Promise<GoalHandle> {
  return follow(runtime, { threadId, status: "active" }, signal, streamOptions);
}

/** @internal */
export async function readGoal(runtime: Runtime, threadId: string): Promise<ThreadGoal | null> {
  const { goal } = await runtime.request("thread/goal/get", { threadId });
  return goal;
}

/** @internal */
export async function pauseGoal(runtime: Runtime, threadId: string): Promise<ThreadGoal> {
  const { goal } = await runtime.request("thread/goal/set", { threadId, status: "paused" });
  return goal;
}

/** @internal */
export async function clearGoal(runtime: Runtime, threadId: string): Promise<boolean> {
  const { cleared } = await runtime.request("thread/goal/clear", { threadId });
  return cleared;
}

/** The reservation is held to the end, so that no other turn can be started between two of the goal's. */
async function follow(
  runtime: Runtime,
  params: ThreadGoalSetParams,
  signal: AbortSignal | undefined,
  options: StreamOptions,
): Promise<GoalHandle> {
  signal?.throwIfAborted();
  const { threadId } = params;
  const reservation = runtime.router.reserve(threadId);
  const usedBefore = runtime.totals.of(threadId);
  const stream = new GoalStream(threadId, { ...options, usedBefore }, async () => {
    const { thread } = await runtime.request("thread/read", { threadId, includeTurns: false });
    return thread.status.type !== "active";
  });
  reservation.follow(stream);
  void stream.ended.then(() => reservation.release());
  try {
    await runtime.request("thread/goal/set", params, { onResult: ({ goal }) => stream.begin(goal) });
  } catch (error) {
    stream.fail(error);
    throw error;
  }
  const handle = new GoalHandle(runtime, stream, options);
  if (signal?.aborted) void abort(runtime, stream, handle, signal.reason);
  else {
    const stop = onAbort(signal, () => void abort(runtime, stream, handle, signal?.reason));
    void stream.ended.then(stop);
  }
  return handle;
}

async function abort(runtime: Runtime, stream: GoalStream, handle: GoalHandle, reason: unknown): Promise<void> {
  if (stream.isEnded) return;
  const settled = stream.abort(reason);
  const timer = setTimeout(() => stream.fail(reason), ABORT_GRACE_MS);
  try {
    await handle.interrupt();
    await interruptAgents(runtime, stream.agents);
    await Promise.race([settled, stream.ended]);
  } catch {
    // The reason is what the caller is told; that the runtime did not follow in time or is gone changes nothing.
  } finally {
    clearTimeout(timer);
    stream.fail(reason);
  }
}
