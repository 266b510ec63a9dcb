import { UsageError } from "../errors/base.js";
import { NoActiveTurnError } from "../errors/connection.js";
import type { ThreadGoal, ThreadGoalSetParams, ThreadGoalSetResponse } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TurnEvent } from "../stream/events.js";
import { type GoalResult, GoalStream } from "../stream/goalStream.js";
import type { Reservation } from "../stream/reservation.js";
import type { StreamOptions } from "../stream/turnStream.js";
import { flag, integer, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { Agents } from "./agents.js";
import { Ender, type InterruptOptions } from "./ending.js";
import { LimitWatch, type Started, startLimited } from "./limits.js";
import { type Input, toUserInput } from "./turn.js";

export type { GoalResult } from "../stream/goalStream.js";

import { pause } from "../util/async.js";

/** The runtime's limit, in characters. */
const MAX_OBJECTIVE_CHARS = 4_000;
const ATTEMPTS = 5;
const RETRY_MS = 20;

/** Options of `thread.resumeGoal`. */
export interface ResumeGoalOptions {
  /**
   * Pauses the goal, interrupts its turn and stops its commands when it aborts; the handle then rejects with its reason.
   * Counts from the call, also while the runtime is started or connected again.
   */
  readonly signal?: AbortSignal | undefined;
  /** Leave the thread's commands running when the signal aborts. Default false: they are stopped. */
  readonly keepCommands?: boolean | undefined;
}

/** Options of `thread.startGoal`. */
export interface GoalOptions extends ResumeGoalOptions {
  /** The runtime ends the goal as `budgetLimited` once its turns have used so many tokens. Default: no limit. */
  readonly tokenBudget?: number | undefined;
}

/** @internal */
export const RESUME_GOAL: OptionTable<ResumeGoalOptions> = { signal, keepCommands: flag };
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
  readonly #ender: Ender;

  /** @internal */
  constructor(runtime: Runtime, stream: GoalStream, options: StreamOptions) {
    this.#ender = new Ender(runtime, stream, (sending) => this.#interrupt(sending));
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
    return this.#ender.interrupt();
  }

  /** @internal */
  get started(): Started {
    return { ender: this.#ender, ended: this.#stream.ended, stream: null };
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
    if (this.#stream.isOver) return resumeGoal(this.#runtime, this.threadId, checked, this.#options);
    await this.#runtime.request("thread/goal/set", { threadId: this.threadId, status: "active" });
    return this;
  }

  /** Takes the goal away; the turn in flight runs to its end, and with it this handle. */
  clear(): Promise<boolean> {
    return clearGoal(this.#runtime, this.threadId);
  }

  async #interrupt(options: InterruptOptions): Promise<void> {
    const { threadId } = this;
    const stream = this.#stream;
    if (stream.isOver) return;
    try {
      if (stream.isActive) await pauseGoal(this.#runtime, threadId, options);
      if (stream.lastTurnId === null && (await this.#interruptUnknown(options))) return;
      await this.#onTurn(async (turnId) => {
        if (!stream.isOver) await this.#runtime.request("turn/interrupt", { threadId, turnId }, options);
      });
    } catch (error) {
      if (!stream.isOver) throw error;
    }
  }

  /** Before a turn of the goal was heard of: an empty id stands for the one that runs or is about to. False: none does. */
  async #interruptUnknown(options: InterruptOptions): Promise<boolean> {
    try {
      await this.#runtime.request("turn/interrupt", { threadId: this.threadId, turnId: "" }, options);
      return true;
    } catch (error) {
      if (!NoActiveTurnError.isInstance(error)) throw error;
      return false;
    }
  }

  /** Asks something of the turn in flight, and of the next one when that has just ended. */
  async #onTurn(ask: (turnId: string) => Promise<unknown>): Promise<void> {
    const stream = this.#stream;
    for (let attempt = 1; ; attempt++) {
      while (stream.currentTurnId === null && !stream.isOver) await stream.nextChange();
      const turnId = stream.currentTurnId ?? stream.lastTurnId;
      if (turnId === null) return;
      try {
        await ask(turnId);
        return;
      } catch (error) {
        if (!NoActiveTurnError.isInstance(error) || stream.isOver || attempt === ATTEMPTS) throw error;
        // Between the last item and turn/completed the turn is over for the runtime, but not yet told to be.
        await pause(RETRY_MS * attempt, stream.nextChange());
      }
    }
  }
}

/** @internal */
export async function startGoal(
  runtime: Runtime,
  threadId: string,
  objective: string,
  { tokenBudget, ...limits }: GoalOptions,
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
  return follow(runtime, params, limits, streamOptions);
}

/** @internal */
export function resumeGoal(
  runtime: Runtime,
  threadId: string,
  limits: ResumeGoalOptions,
  streamOptions: StreamOptions,
): Promise<GoalHandle> {
  return follow(runtime, { threadId, status: "active" }, limits, streamOptions);
}

/** @internal */
export async function readGoal(runtime: Runtime, threadId: string): Promise<ThreadGoal | null> {
  const { goal } = await runtime.request("thread/goal/get", { threadId });
  return goal;
}

/** @internal */
export async function pauseGoal(
  runtime: Runtime,
  threadId: string,
  options: InterruptOptions = {},
): Promise<ThreadGoal> {
  const { goal } = await runtime.request("thread/goal/set", { threadId, status: "paused" }, options);
  return goal;
}

/** @internal */
export async function clearGoal(runtime: Runtime, threadId: string): Promise<boolean> {
  const { cleared } = await runtime.request("thread/goal/clear", { threadId });
  return cleared;
}

interface StartedGoal extends Started {
  readonly handle: GoalHandle;
}

/** The reservation is held to the end, so that no other turn can be started between two of the goal's. */
async function follow(
  runtime: Runtime,
  params: ThreadGoalSetParams,
  { signal, keepCommands }: ResumeGoalOptions,
  options: StreamOptions,
): Promise<GoalHandle> {
  const { threadId } = params;
  const { site } = options;
  const watch = new LimitWatch(runtime, {
    threadId,
    method: "thread/goal/set",
    limits: { signal, keepCommands },
    site,
  });
  const claim = (reservation: Reservation, goal: ThreadGoal): StartedGoal => {
    const usedBefore = runtime.totals.of(threadId);
    const stream = new GoalStream(threadId, { ...options, usedBefore }, async () => {
      const { thread } = await runtime.request("thread/read", { threadId, includeTurns: false });
      return thread.status.type !== "active";
    });
    stream.begin(goal);
    reservation.follow(stream);
    void stream.over.then(() => reservation.release());
    const handle = new GoalHandle(runtime, stream, options);
    return { ...handle.started, handle };
  };
  try {
    const { handle } = await startLimited<ThreadGoalSetResponse, StartedGoal>(runtime, watch, {
      threadId,
      send: (sending) => runtime.request("thread/goal/set", params, { ...sending, site }),
      claim: (reservation, { goal }) => claim(reservation, goal),
      find: async (reservation) => {
        const goal = await readGoal(runtime, threadId);
        const isOurs = params.objective === undefined || params.objective === goal?.objective;
        return goal?.status === "active" && isOurs ? claim(reservation, goal) : null;
      },
    });
    return handle;
  } catch (error) {
    watch.stop();
    throw error;
  }
}
