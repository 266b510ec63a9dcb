import { captureCallSite, UsageError } from "../errors/base.js";
import { TransportClosedError } from "../errors/connection.js";
import type {
  ResponseItem,
  ThreadGoal,
  ThreadGoalSetParams,
  ThreadItemEntry,
  Thread as ThreadRecord,
  ThreadSampleResponse,
  Turn,
} from "../protocol/generated/protocol.js";
import type { TurnResult } from "../protocol/shapes.js";
import type {
  ForkThreadOptions,
  ResumeThreadOptions,
  RunOptions,
  StartThreadOptions,
  ThreadUpdateOptions,
  TurnLimits,
  TurnOptions,
} from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import type { OutputOf } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import type { TurnEvent } from "../stream/events.js";
import type { TraceContext } from "../trace/messages.js";
import { flag, list, required, signal, text } from "../validate/kinds.js";
import { checkOptions, checkReviewTarget } from "../validate/options.js";
import type { GoalHandle, GoalResult } from "./goal.js";
import {
  itemsOf,
  THREAD_ITEMS,
  THREAD_TURNS,
  type ThreadItemsOptions,
  type ThreadTurnsOptions,
  turnsOf,
} from "./history.js";
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
  UPDATE_THREAD,
} from "./knownOptions.js";
import { untilThreadFree } from "./limits.js";
import type { ExternalMessage, TurnInput } from "./external.js";
import type { OpenedThread } from "./openThread.js";
import { activeTurn, deliver } from "./runningTurn.js";
import { OwnedTurn } from "./ownedTurn.js";
import { ThreadQueue } from "./queue.js";
import { TurnStarter } from "./startTurn.js";
import type { ReviewHandle, ReviewOptions, ReviewResult, ReviewTarget, ShellCommandItem } from "./threadActions.js";
import { injectItems, type TurnHandle } from "./turn.js";

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
  constructor(runtime: Runtime, opened: OpenedThread, countsReviews = false) {
    this.#countsReviews = countsReviews;
    this.id = opened.thread.id;
    this.model = opened.model;
    this.#runtime = runtime;
    this.#turns = new TurnStarter(runtime, opened);
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
    input: TurnInput,
    options: RunOptions<S> = {},
  ): Promise<TurnResult<OutputOf<S>>> {
    return this.#turns.run(input, checkOptions(options, "run", RUN), captureCallSite());
  }

  /**
   * Starts a turn (`turn/start`) and resolves with its handle as soon as the runtime has accepted it.
   *
   * @throws TurnInProgressError when the thread has a turn in flight; UsageError for an invalid input, mode or schema;
   * AuthRequiredError when the model provider needs a login and there is none; TurnDeadlineError, TurnStalledError or
   * the signal's reason when a limit is reached before the runtime has answered.
   */
  async startTurn<S extends Schema | undefined = undefined>(
    input: TurnInput,
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
    input: TurnInput,
    options: TurnOptions<S> = {},
  ): AsyncGenerator<TurnEvent, void, undefined> {
    const site = captureCallSite();
    const checked = checkOptions(options, "stream", TURN);
    if (checked.checkpoint) {
      throw new UsageError(
        "stream: checkpoint needs a result to report in. Use startTurn, and read the handle's events.",
      );
    }
    return new OwnedTurn(() => this.#turns.start(input, checked, site), checked.keepCommands ?? false);
  }

  /**
   * Takes up the turn that runs in the thread, whoever started it: another client of the runtime, a program that is gone,
   * or the queue. Null when none runs, or when a call of this client is still starting one. The handle yields the items
   * that are complete (`thread/resume`), a `reconnected` event because earlier deltas are missing, and then what follows.
   * Returns at once, and the same handle for every call during one turn; for a turn of this client, the handle it has.
   *
   * What the runtime asks from now on reaches the handlers in the async context of this call. The limits count from this
   * call, and end the turn for everybody. `usage` is null, because what the turn used before is unknown, and `output` is
   * only defined for a turn that this client started with an `outputSchema`.
   *
   * @throws UsageError when the events of the thread do not arrive, or the turn belongs to a goal of this client; the
   * signal's reason when it has aborted.
   */
  activeTurn(options: TurnLimits = {}): TurnHandle<unknown> | null {
    const limits = checkOptions(options, "activeTurn", TURN_LIMITS);
    return activeTurn(this.#runtime, this.#turns, limits, captureCallSite());
  }

  /**
   * Delivers a message from outside (`turn/start` with `toolOutput`): joins the turn that runs, whoever started it, or
   * starts one. Resolves with the handle of that turn when the runtime has accepted the message; see `activeTurn` for a
   * turn of another client. The model reads the message with the authority of a tool's output, after its current answer
   * or tool call.
   *
   * @throws UsageError for an empty source or content, and during a goal of this client; UnsupportedError for a runtime
   * older than 0.151.0; InternalRpcError during a review or a compaction, which take no message; AuthRequiredError when
   * the model provider needs a login and there is none.
   */
  async deliver(message: ExternalMessage): Promise<TurnHandle<unknown>> {
    return this.#turns.track(deliver(this.#runtime, this.#turns, message, captureCallSite()));
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

  /**
   * Yields the stored turns (`thread/turns/list`), the oldest first. Each page of `limit` turns is read when the loop
   * reaches it; leaving the loop reads no more. Reads are repeated on a new connection when theirs is lost.
   *
   * @throws UsageError for a thread that is ephemeral and stores no turns, and for options that are unknown or cannot work.
   */
  turns(options: ThreadTurnsOptions = {}): AsyncGenerator<Turn, void, undefined> {
    return turnsOf(this.#runtime, this.id, checkOptions(options, "turns", THREAD_TURNS), captureCallSite());
  }

  /**
   * Yields the stored items (`thread/items/list`), each with its turn and its times, the oldest first. Pages and rejects as
   * `turns` does.
   */
  items(options: ThreadItemsOptions = {}): AsyncGenerator<ThreadItemEntry, void, undefined> {
    return itemsOf(this.#runtime, this.id, checkOptions(options, "items", THREAD_ITEMS), captureCallSite());
  }

  /**
   * Changes settings of the thread from its next turn on (`thread/settings/update`), without starting one. A turn in flight
   * keeps its own. The thread keeps the new settings over crashes, reconnections and resumes, once it has run a turn.
   *
   * @throws UsageError for options that are unknown or cannot work; ThreadNotFoundError when the runtime has not loaded
   * the thread; InvalidRequestError for settings that it refuses.
   */
  async update(options: ThreadUpdateOptions): Promise<void> {
    const checked = checkOptions(options, "update", UPDATE_THREAD);
    const { updateThread } = await import("./threadSettings.js");
    const cwd = await updateThread(this.#runtime, this.id, checked);
    if (cwd !== null) this.#turns.cwd = cwd;
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
    const turn = await this.#turns.adopt({ kind: "compact", input: null, site }, (trace) => {
      return this.#runtime.request("thread/compact/start", { threadId: this.id }, { trace });
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
    const call = { kind: "review", input: target, method: "review/start", limits, site } as const;
    const { handle } = await this.#turns.begin(call, async (origin) => {
      const { reviewPlan } = await import("./threadActions.js");
      return reviewPlan(this.#runtime, this.#turns, { threadId: this.id, target }, origin);
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
    const send = (trace?: TraceContext) =>
      this.#runtime.request("thread/shellCommand", { threadId: this.id, command }, { trace });
    if (this.#runtime.router.isBusy(this.id)) {
      const { shellCommandAlongside } = await import("./threadActions.js");
      return shellCommandAlongside(this.#runtime, this.id, () => send());
    }
    const turn = await this.#turns.adopt({ kind: "shellCommand", input: command, site }, send);
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
    const input = params.objective ?? null;
    const call = { kind: "goal", input, method: "thread/goal/set", limits, site } as const;
    const { handle } = await this.#turns.begin(call, async (origin) => {
      const { goalPlan } = await import("./goal.js");
      return goalPlan(this.#runtime, this.#turns, params, origin);
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
