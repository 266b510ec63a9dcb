import { captureCallSite } from "../errors/base.js";
import { NoActiveTurnError } from "../errors/connection.js";
import type { ThreadGoal, ThreadGoalSetParams, ThreadGoalSetResponse } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TurnEvent } from "../stream/events.js";
import { type GoalResult, GoalStream } from "../stream/goalStream.js";
import type { Reservation } from "../stream/reservation.js";
import type { StreamOptions } from "../stream/turnStream.js";
import type { TurnTrace } from "../trace/tracer.js";
import { checkOptions } from "../validate/options.js";
import { Agents, Ender, type InterruptOptions, interruptTurn, whileTurnEnds } from "./ending.js";
import { RESUME_GOAL, type ResumeGoalOptions } from "./knownOptions.js";
import type { Started, StartPlan } from "./limits.js";
import type { Origin, TurnStarter } from "./startTurn.js";
import { type Input, toUserInput } from "./turn.js";

export type { GoalResult } from "../stream/goalStream.js";

/**
 * All turns that the agent runs for a goal, as one. Iterating it yields their events with one `turn/started`, of the
 * first turn, and one `turn/completed`, of the last, for any number of readers at any time. A reader ends when the goal
 * ends.
 */
export class GoalHandle implements AsyncIterable<TurnEvent> {
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #turns: TurnStarter;
  readonly #stream: GoalStream;
  readonly #ender: Ender;

  /** @internal */
  constructor(runtime: Runtime, turns: TurnStarter, stream: GoalStream) {
    this.#ender = new Ender(runtime, stream, (sending) => this.#interrupt(sending));
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#turns = turns;
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /** The turn in flight; null between two turns and at the end. */
  get currentTurnId(): string | null {
    return this.#stream.currentTurnId;
  }

  /**
   * Resolves when the goal is complete, blocked, paused, cleared or out of budget, and its last turn has ended. Can be
   * called any number of times.
   *
   * @throws TurnFailedError when a turn failed (the runtime then blocks the goal); TransportClosedError when the runtime
   * is gone; BudgetExceededError when its budget is spent; the signal's reason when the goal's signal aborts.
   */
  async result(): Promise<GoalResult> {
    const end = await this.#stream.ended;
    if ("error" in end) throw end.error;
    return end.result;
  }

  /** The sub-agents of all turns, as `TurnHandle.agents` returns those of one. */
  agents(): Agents {
    return new Agents(this.#runtime, this.#stream.agents, this.threadId);
  }

  /**
   * Adds input to the turn in flight (`turn/steer`), or, between two turns, to the next one. Resolves when the runtime
   * has accepted it.
   *
   * @throws NoActiveTurnError when the goal has ended; UsageError for an input that cannot be sent.
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
   * Pauses the goal (`thread/goal/set`) and interrupts its turn (`turn/interrupt`). Resolves when the runtime has
   * accepted both; `result()` then resolves with the status `paused`. Does nothing when the goal has ended.
   */
  interrupt(): Promise<void> {
    return this.#ender.interrupt();
  }

  /** Reads the goal (`thread/goal/get`); null when it was cleared. */
  async goal(): Promise<ThreadGoal | null> {
    return readGoal(this.#runtime, this.threadId);
  }

  /** Pauses the goal (`thread/goal/set`): the turn in flight runs to its end, and this handle ends with it. */
  pause(): Promise<ThreadGoal> {
    return this.#pause({});
  }

  /**
   * Makes the goal active again (`thread/goal/set`). Resolves with this handle while its turn still runs, otherwise with
   * a new one; the options are for that one. Rejects as `thread.resumeGoal` does.
   */
  async resume(options: ResumeGoalOptions = {}): Promise<GoalHandle> {
    const limits = checkOptions(options, "resume", RESUME_GOAL);
    const site = captureCallSite();
    const params = { threadId: this.threadId, status: "active" } as const;
    if (!this.#stream.isOver) {
      await this.#runtime.request("thread/goal/set", params);
      return this;
    }
    const started = await this.#turns.begin(
      { kind: "goal", input: null, method: "thread/goal/set", limits, site },
      (origin) => goalPlan(this.#runtime, this.#turns, params, origin),
    );
    return started.handle;
  }

  /** Removes the goal (`thread/goal/clear`): the turn in flight runs to its end, and this handle ends with it. */
  async clear(): Promise<boolean> {
    const { cleared } = await this.#runtime.request("thread/goal/clear", { threadId: this.threadId });
    return cleared;
  }

  async #pause(options: InterruptOptions): Promise<ThreadGoal> {
    const params = { threadId: this.threadId, status: "paused" } as const;
    const { goal } = await this.#runtime.request("thread/goal/set", params, options);
    return goal;
  }

  /** Pauses before it interrupts: an active goal would start its next turn. */
  async #interrupt(options: InterruptOptions): Promise<void> {
    const stream = this.#stream;
    const send = (turnId: string) =>
      interruptTurn(this.#runtime, { threadId: this.threadId, turnId }, { ...options, over: stream.turnOver });
    if (stream.isOver) return;
    try {
      if (stream.isActive) await this.#pause(options);
      if (stream.lastTurnId === null && (await isAccepted(send("")))) return;
      await this.#onTurn(async (turnId) => {
        if (!stream.isOver) await send(turnId);
      });
    } catch (error) {
      if (!stream.isOver) throw error;
    }
  }

  /** Sends a request about the turn in flight, or about the next one when that has just ended. */
  async #onTurn(send: (turnId: string) => Promise<unknown>): Promise<void> {
    const stream = this.#stream;
    await whileTurnEnds(
      stream,
      () => stream.nextChange(),
      async () => {
        while (stream.currentTurnId === null && !stream.isOver) await stream.nextChange();
        const turnId = stream.currentTurnId ?? stream.lastTurnId;
        if (turnId !== null) await send(turnId);
      },
    );
  }

  /** @internal */
  get started(): Started {
    const { ended, meter } = this.#stream;
    return { ender: this.#ender, ended, meter, stream: null };
  }
}

/** An empty turn id stands for the turn that runs or is about to start (measured); false when there is none. */
async function isAccepted(interrupt: Promise<unknown>): Promise<boolean> {
  try {
    await interrupt;
    return true;
  } catch (error) {
    if (!NoActiveTurnError.isInstance(error)) throw error;
    return false;
  }
}

async function readGoal(runtime: Runtime, threadId: string): Promise<ThreadGoal | null> {
  const { goal } = await runtime.request("thread/goal/get", { threadId });
  return goal;
}

function goalObserver(trace: TurnTrace): StreamOptions["turns"] {
  return {
    started: (turnId) => trace.turnStarted(turnId),
    ended: (snapshot, error) => trace.turnEnded(snapshot, error),
  };
}

interface StartedGoal extends Started {
  readonly handle: GoalHandle;
}

/**
 * Sets a goal (`thread/goal/set`) and follows its turns. The reservation is held to the end, so that no other turn can be
 * started between two of the goal's.
 */
export function goalPlan(
  runtime: Runtime,
  turns: TurnStarter,
  params: ThreadGoalSetParams,
  origin: Origin,
): StartPlan<ThreadGoalSetResponse, StartedGoal> {
  const { threadId } = params;
  const claim = (reservation: Reservation, goal: ThreadGoal): StartedGoal => {
    const { trace } = origin;
    const observer = trace === null ? undefined : goalObserver(trace);
    const stream = new GoalStream(threadId, { ...turns.streamOptions(origin), turns: observer }, async () => {
      const { thread } = await runtime.request("thread/read", { threadId, includeTurns: false });
      return thread.status.type !== "active";
    });
    trace?.accepted(null, stream.ended);
    stream.begin(goal);
    reservation.follow(stream);
    void stream.over.then(() => reservation.release());
    const handle = new GoalHandle(runtime, turns, stream);
    return { ...handle.started, handle };
  };
  return {
    send: (sending) => runtime.request("thread/goal/set", params, { ...sending, site: origin.site }),
    claim: (reservation, { goal }) => claim(reservation, goal),
    find: async (reservation) => {
      const goal = await readGoal(runtime, threadId);
      const isOurs = params.objective === undefined || params.objective === goal?.objective;
      return goal?.status === "active" && isOurs ? claim(reservation, goal) : null;
    },
  };
}
