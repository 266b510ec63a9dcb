import { atCallSite, captureCallSite, UsageError } from "../errors/base.js";
import { TransportClosedError } from "../errors/connection.js";
import { BudgetExceededError, OutputValidationError } from "../errors/turn.js";
import type {
  ResponseItem,
  ThreadGoal,
  ThreadGoalSetParams,
  Thread as ThreadRecord,
  ThreadSampleResponse,
} from "../protocol/generated/protocol.js";
import type { TurnResult } from "../protocol/shapes.js";
import type {
  ForkThreadOptions,
  ResumeThreadOptions,
  RunOptions,
  StartThreadOptions,
  TurnOptions,
} from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { type OutputOf, repairRequest } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import type { TurnEvent } from "../stream/events.js";
import { flag, list, required, signal, text } from "../validate/kinds.js";
import { checkOptions, checkReviewTarget } from "../validate/options.js";
import type { GoalHandle, GoalResult } from "./goal.js";
import {
  checkObjective,
  FORK_THREAD,
  type GoalOptions,
  RESUME_GOAL,
  type ResumeGoalOptions,
  RUN,
  START_GOAL,
  TURN,
  TURN_LIMITS,
} from "./knownOptions.js";
import { untilThreadFree } from "./limits.js";
import { OwnedTurn, ThreadQueue, TurnStarter } from "./startTurn.js";
import type { ReviewHandle, ReviewOptions, ReviewResult, ReviewTarget, ShellCommandItem } from "./threadActions.js";
import { type Input, injectItems, type TurnHandle } from "./turn.js";

/**
 * A conversation with the agent. Its turns run one after another; different threads run side by side.
 *
 * Every method that sends a request also rejects as `codex.request` does: with `JsonRpcError` or a subclass,
 * `RequestTimeoutError` or `TransportClosedError`.
 */
export class Thread implements AsyncDisposable {
  readonly id: string;
  /** The model in force when the thread was opened. */
  readonly model: string;
  readonly #runtime: Runtime;
  readonly #turns: TurnStarter;

  /** Whether the runtime reports the usage of reviews: to the client that started the thread, if that asked for it. */
  readonly #countsReviews: boolean;

  /** @internal */
  constructor(
    runtime: Runtime,
    opened: { thread: { id: string }; cwd: string; model: string },
    countsReviews: boolean = false,
  ) {
    this.#countsReviews = countsReviews;
    this.id = opened.thread.id;
    this.model = opened.model;
    this.#runtime = runtime;
    this.#turns = new TurnStarter(runtime, opened.thread.id, opened.cwd);
  }

  /** The working directory in force: from when the thread was opened, or as the last turn set it. */
  get cwd(): string {
    return this.#turns.cwd;
  }

  /**
   * Runs one turn and resolves with its result: `startTurn` and `result()` in one. With an `outputSchema`, `output` is
   * the validated answer, and up to `repairAttempts` further turns ask the model to correct an answer that does not
   * conform. The deadline and the budget cover all of them.
   *
   * Rejects as `startTurn` and `TurnHandle.result` do, above all with `TurnFailedError`, which has the partial result.
   */
  async run<S extends Schema | undefined = undefined>(
    input: Input,
    options: RunOptions<S> = {},
  ): Promise<TurnResult<OutputOf<S>>> {
    const { repairAttempts = 0, ...turnOptions } = checkOptions(options, "run", RUN);
    const site = captureCallSite();
    const sinceMs = performance.now();
    const tokens = options.budget?.tokens ?? Number.POSITIVE_INFINITY;
    let spentTokens = 0;
    for (let next = input, attempt = 0; ; attempt++) {
      const turn = await this.#turns.start(next, turnOptions, site, { sinceMs, spentTokens });
      try {
        return await turn.result();
      } catch (error) {
        if (!OutputValidationError.isInstance(error) || attempt >= repairAttempts || turn.wasInterrupted) throw error;
        spentTokens += turn.spentTokens;
        if (spentTokens >= tokens) {
          const { result } = await turn.outcome();
          const unsent = { threadId: this.id, turnId: null, result, cause: error };
          throw atCallSite(new BudgetExceededError(unsent, { tokens }, { tokens: spentTokens }), site);
        }
        next = repairRequest(error);
      }
    }
  }

  /**
   * Starts a turn (`turn/start`) and resolves with its handle as soon as the runtime has accepted it.
   *
   * @throws TurnInProgressError when the thread has a turn in flight; UsageError for an invalid input, mode or schema;
   * AuthRequiredError when the model provider needs a login and there is none; TurnDeadlineError, TurnStalledError or
   * the signal's reason when a limit is reached before the runtime has answered.
   */
  async startTurn<S extends Schema | undefined = undefined>(
    input: Input,
    options: TurnOptions<S> = {},
  ): Promise<TurnHandle<OutputOf<S>>> {
    const checked = checkOptions(options, "startTurn", TURN);
    return this.#turns.start(input, checked, captureCallSite());
  }

  /**
   * Runs one turn and yields its events. The turn starts with the first read. A failed turn throws `TurnFailedError`
   * after its last event. Leaving the loop early interrupts the turn, stops its commands and waits until the thread is
   * free: to read some events and keep the turn, use `startTurn`.
   */
  stream<S extends Schema | undefined = undefined>(
    input: Input,
    options: TurnOptions<S> = {},
  ): AsyncGenerator<TurnEvent, void, undefined> {
    const site = captureCallSite();
    const checked = checkOptions(options, "stream", TURN);
    return new OwnedTurn(() => this.#turns.start(input, checked, site), checked.keepCommands ?? false);
  }

  /**
   * Reads the thread's record (`thread/read`).
   *
   * @param options - `includeTurns`: read its turns too. Default false.
   * @throws InvalidRequestError for the turns of an ephemeral thread, which are not stored.
   */
  async read(options: { readonly includeTurns?: boolean | undefined } = {}): Promise<ThreadRecord> {
    const { includeTurns } = checkOptions(options, "read", { includeTurns: flag });
    const { readThread } = await import("./openThread.js");
    return readThread(this.#runtime, this.id, includeTurns);
  }

  /** Names the thread (`thread/name/set`). The runtime refuses a blank name. */
  async setName(name: string): Promise<void> {
    text(name, { call: "setName", path: "name" });
    await this.#runtime.request("thread/name/set", { threadId: this.id, name });
  }

  /**
   * Summarizes the history to free the context window (`thread/compact/start`). Resolves when the turn that does this
   * has ended. Rejects as `TurnHandle.result` does, and with `TurnInProgressError` when the thread is busy.
   */
  async compact(): Promise<TurnResult> {
    const site = captureCallSite();
    await this.#runtime.login.check(this.id, "thread/compact/start");
    const turn = await this.#turns.adopt(site, () => {
      return this.#runtime.request("thread/compact/start", { threadId: this.id });
    });
    return turn.result();
  }

  /**
   * Starts a code review as a turn of this thread (`review/start`) and resolves with its handle as soon as the runtime
   * has accepted it. The limits are those of a turn. Rejects as `startTurn` does, and with `UsageError` for a budget on a
   * thread that was resumed or forked: the runtime does not report the tokens of its reviews.
   */
  async startReview(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewHandle> {
    const site = captureCallSite();
    checkReviewTarget(target, "startReview");
    const limits = checkOptions(options, "startReview", TURN_LIMITS);
    if (limits.budget?.tokens !== undefined && !this.#countsReviews) {
      throw new UsageError(
        "startReview: budget.tokens cannot be counted here. The runtime reports the tokens of a review only on a thread " +
          "that this client has started, not resumed or forked, and with experimentalApi. Start a thread for the review, " +
          "or use deadlineMs.",
      );
    }
    const { handle } = await this.#turns.begin({ method: "review/start", limits, site }, async () => {
      const { reviewPlan } = await import("./threadActions.js");
      return reviewPlan(this.#runtime, this.#turns, { threadId: this.id, target }, site);
    });
    return handle;
  }

  /** Reviews code and resolves with the findings: `startReview` and `result()` in one. Rejects as both do. */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    return (await this.startReview(target, options)).result();
  }

  /**
   * Sets a goal (`thread/goal/set`) and resolves with a handle of the turns that follow. The thread is busy until the
   * goal ends.
   *
   * @throws UsageError for an empty or too long objective; TurnInProgressError when the thread is busy;
   * InvalidRequestError with the code `GOALS_NEED_STORED_THREAD` or `GOALS_DISABLED`; AuthRequiredError when the model
   * provider needs a login and there is none.
   */
  async startGoal(objective: string, options: GoalOptions = {}): Promise<GoalHandle> {
    checkObjective(objective, "startGoal");
    const { tokenBudget = null, ...limits } = checkOptions(options, "startGoal", START_GOAL);
    return this.#followGoal({ threadId: this.id, objective, status: "active", tokenBudget }, limits);
  }

  /** Sets a goal and resolves with its result: `startGoal` and `result()` in one. Rejects as both do. */
  async runGoal(objective: string, options: GoalOptions = {}): Promise<GoalResult> {
    return (await this.startGoal(objective, options)).result();
  }

  /** Reads the thread's goal (`thread/goal/get`); null when it has none. */
  async goal(): Promise<ThreadGoal | null> {
    const { goal } = await this.#runtime.request("thread/goal/get", { threadId: this.id });
    return goal;
  }

  /** Pauses the goal (`thread/goal/set`): the turn in flight runs to its end, and no other follows. */
  async pauseGoal(): Promise<ThreadGoal> {
    const { goal } = await this.#runtime.request("thread/goal/set", { threadId: this.id, status: "paused" });
    return goal;
  }

  /**
   * Makes the goal active again (`thread/goal/set`) and resolves with a handle of the turns that follow. Rejects as
   * `startGoal` does.
   */
  async resumeGoal(options: ResumeGoalOptions = {}): Promise<GoalHandle> {
    const limits = checkOptions(options, "resumeGoal", RESUME_GOAL);
    return this.#followGoal({ threadId: this.id, status: "active" }, limits);
  }

  /**
   * Removes the goal (`thread/goal/clear`) and resolves with whether there was one. The turn in flight runs to its end.
   */
  async clearGoal(): Promise<boolean> {
    const { cleared } = await this.#runtime.request("thread/goal/clear", { threadId: this.id });
    return cleared;
  }

  /** Inputs that wait for a turn of their own (`thread/queue/*`). */
  get queue(): ThreadQueue {
    return new ThreadQueue(this.#runtime, this.id, () => this.#turns.cwd);
  }

  /**
   * Asks the model about the conversation up to its latest finished turn, whoever started that, without adding to it
   * (`thread/sample`): no turn, no tools, no events.
   *
   * @throws UsageError when the thread has no finished turn, or stores none because it is ephemeral; MethodNotFoundError for
   * a runtime that is older than 0.164.0; AuthRequiredError when the model provider needs a login and there is none; the
   * signal's reason when it aborts.
   */
  async sample(
    prompt: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ThreadSampleResponse> {
    text(prompt, { call: "sample", path: "prompt" });
    const checked = checkOptions(options, "sample", { signal });
    await this.#runtime.login.check(this.id, "thread/sample");
    const { sampleThread } = await import("./threadActions.js");
    return sampleThread(this.#runtime, this.id, prompt, checked.signal);
  }

  /**
   * Runs a shell command on the user's behalf (`thread/shellCommand`), outside the sandbox, and resolves with its item
   * when it has ended. The agent sees the command and its output. It is a turn of its own, or runs alongside the turn in
   * flight.
   */
  async runShellCommand(command: string): Promise<ShellCommandItem> {
    const site = captureCallSite();
    text(command, { call: "runShellCommand", path: "command" });
    if (command.trim() === "") throw new UsageError("runShellCommand: command is empty. Pass a shell command.");
    await untilThreadFree(this.#runtime, this.id, site);
    const send = () => this.#runtime.request("thread/shellCommand", { threadId: this.id, command });
    if (this.#runtime.router.isBusy(this.id)) {
      const { shellCommandAlongside } = await import("./threadActions.js");
      return shellCommandAlongside(this.#runtime, this.id, send);
    }
    const turn = await this.#turns.adopt(site, send);
    const result = await turn.result();
    const { shellCommandOf } = await import("./threadActions.js");
    return shellCommandOf(result);
  }

  /**
   * Appends items to the history that the model sees (`thread/inject_items`).
   *
   * @throws UsageError for an item that the runtime would accept and drop.
   */
  async injectItems(items: readonly ResponseItem[]): Promise<void> {
    list(items, { call: "injectItems", path: "items" });
    return injectItems(this.#runtime, this.id, items);
  }

  /** Removes a turn and everything after it from the history (`thread/revert`). Files stay as they are. */
  async revert(options: { readonly beforeTurnId: string }): Promise<void> {
    const { beforeTurnId } = checkOptions(options, "revert", { beforeTurnId: required(text) });
    await this.#runtime.request("thread/revert", { threadId: this.id, beforeTurnId });
  }

  /** Copies the thread's history into a new thread (`thread/fork`). Rejects as `codex.forkThread` does. */
  async fork(options: ForkThreadOptions = {}): Promise<Thread> {
    return Thread.fork(this.#runtime, this.id, checkOptions(options, "fork", FORK_THREAD));
  }

  /** Archives the thread (`thread/archive`): it is unloaded, and cannot be resumed until it is unarchived. */
  async archive(): Promise<void> {
    await this.#runtime.request("thread/archive", { threadId: this.id });
  }

  /**
   * Ends the subscription (`thread/unsubscribe`): the runtime may unload the thread. It can be resumed later. A turn in
   * flight continues in the runtime, but its events no longer arrive: its handle rejects with `UsageError`.
   */
  async unsubscribe(): Promise<void> {
    await this.#runtime.request("thread/unsubscribe", { threadId: this.id });
    this.#runtime.recovery.release(this.id);
    this.#runtime.broker.detach(this.id);
    this.#runtime.router.detach(this.id);
  }

  /**
   * Unsubscribes (`thread/unsubscribe`), for `await using thread = …`. The runtime frees the thread's memory, about 2 MB,
   * and its open files 60 s later (`thread_unload_delay_secs`). Does nothing if the runtime is gone.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#runtime.isClosed) return;
    try {
      await this.unsubscribe();
    } catch (error) {
      if (!TransportClosedError.isInstance(error)) throw error;
    }
  }

  /** Programs without goals do not load them. The thread is busy from the call on, also while they load. */
  async #followGoal(params: ThreadGoalSetParams, limits: ResumeGoalOptions): Promise<GoalHandle> {
    const site = captureCallSite();
    const { handle } = await this.#turns.begin({ method: "thread/goal/set", limits, site }, async () => {
      const { goalPlan } = await import("./goal.js");
      return goalPlan(this.#runtime, this.#turns, params, site);
    });
    return handle;
  }

  /** @internal */
  static async start(runtime: Runtime, options: StartThreadOptions): Promise<Thread> {
    const { openNewThread } = await import("./openThread.js");
    const countsReviews = runtime.countsResponses || options.experimentalRawEvents === true;
    return new Thread(runtime, await openNewThread(runtime, options), countsReviews);
  }

  /** @internal */
  static async resume(runtime: Runtime, threadId: string, options: ResumeThreadOptions): Promise<Thread> {
    const { openStoredThread } = await import("./openThread.js");
    return new Thread(runtime, await openStoredThread(runtime, threadId, options));
  }

  /** @internal */
  static async fork(runtime: Runtime, threadId: string, options: ForkThreadOptions): Promise<Thread> {
    const { openFork } = await import("./openThread.js");
    return new Thread(runtime, await openFork(runtime, threadId, options));
  }
}
