import { captureCallSite, UsageError } from "../errors/base.js";
import { TransportClosedError } from "../errors/connection.js";
import { OutputValidationError } from "../errors/turn.js";
import type {
  ResponseItem,
  ThreadGoal,
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
import { checkOptions } from "../validate/options.js";
import { checkReviewTarget } from "../validate/reviewTarget.js";
import {
  clearGoal,
  type GoalHandle,
  type GoalOptions,
  type GoalResult,
  pauseGoal,
  RESUME_GOAL,
  type ResumeGoalOptions,
  readGoal,
  resumeGoal,
  START_GOAL,
  startGoal,
} from "./goal.js";
import { FORK_THREAD, RUN, TURN, TURN_LIMITS } from "./knownOptions.js";
import { untilThreadFree } from "./limits.js";
import { openFork, openNewThread, openStoredThread, readThread } from "./openThread.js";
import { type ReviewHandle, type ReviewOptions, type ReviewResult, type ReviewTarget, startReview } from "./review.js";
import { TurnStarter } from "./startTurn.js";
import {
  injectItems,
  type ShellCommandItem,
  sampleThread,
  shellCommandAlongside,
  shellCommandOf,
  ThreadQueue,
} from "./threadActions.js";
import { type Input, OwnedTurn, type TurnHandle } from "./turn.js";

/** A conversation with the agent. Its turns run one after another; different threads run side by side. */
export class Thread implements AsyncDisposable {
  readonly id: string;
  /** The model in force when the thread was opened. */
  readonly model: string;
  readonly #runtime: Runtime;
  readonly #turns: TurnStarter;

  /** @internal */
  constructor(runtime: Runtime, opened: { thread: { id: string }; cwd: string; model: string }) {
    this.id = opened.thread.id;
    this.model = opened.model;
    this.#runtime = runtime;
    this.#turns = new TurnStarter(runtime, opened.thread.id, opened.cwd);
  }

  /** The working directory in force: as the thread was opened, or as the last turn has set it. */
  get cwd(): string {
    return this.#turns.cwd;
  }

  /**
   * Runs one turn and resolves with its result: `startTurn` and `result()` in one. With an `outputSchema`, `output` is
   * the validated answer; `repairAttempts` further turns ask the model to correct one that does not conform.
   *
   * Rejects as both of them do; above all with `TurnFailedError`, which carries the partial result.
   */
  async run<S extends Schema | undefined = undefined>(
    input: Input,
    options: RunOptions<S> = {},
  ): Promise<TurnResult<OutputOf<S>>> {
    const { repairAttempts = 0, ...turnOptions } = checkOptions(options, "run", RUN);
    const site = captureCallSite();
    const sinceMs = performance.now();
    for (let next = input, attempt = 0; ; attempt++) {
      const turn = await this.#turns.start(next, turnOptions, site, sinceMs);
      try {
        return await turn.result();
      } catch (error) {
        if (!OutputValidationError.isInstance(error) || attempt >= repairAttempts || turn.wasInterrupted) throw error;
        next = repairRequest(error);
      }
    }
  }

  /**
   * Starts a turn (`turn/start`) and resolves with its handle as soon as the runtime has accepted it.
   *
   * @throws TurnInProgressError when the thread has a turn in flight; UsageError for a bad input, mode or schema;
   * AuthRequiredError when the model provider needs a login and there is none.
   */
  async startTurn<S extends Schema | undefined = undefined>(
    input: Input,
    options: TurnOptions<S> = {},
  ): Promise<TurnHandle<OutputOf<S>>> {
    const checked = checkOptions(options, "startTurn", TURN);
    return this.#turns.start(input, checked, captureCallSite());
  }

  /**
   * Runs one turn and yields its events; it starts with the first read. A turn that fails throws `TurnFailedError` after
   * its last event. Leaving the loop early interrupts the turn, stops its commands and waits until the thread is free:
   * to read some events and keep the turn, use `startTurn`.
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
   * Reads the thread's record (`thread/read`), with its turns on request.
   *
   * @throws InvalidRequestError for the turns of an ephemeral thread, which are not kept.
   */
  async read(options: { readonly includeTurns?: boolean | undefined } = {}): Promise<ThreadRecord> {
    const { includeTurns } = checkOptions(options, "read", { includeTurns: flag });
    return readThread(this.#runtime, this.id, includeTurns);
  }

  /** Names the thread (`thread/name/set`). The runtime refuses a blank name. */
  async setName(name: string): Promise<void> {
    text(name, { call: "setName", path: "name" });
    await this.#runtime.request("thread/name/set", { threadId: this.id, name });
  }

  /**
   * Summarises the history to free the context window (`thread/compact/start`). Resolves when the turn that does it
   * has ended; rejects as a turn does, and with `TurnInProgressError` when the thread is busy.
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
   * Starts a review of code, as a turn of this thread (`review/start`), and resolves with its handle. The limits are
   * those of a turn. Rejects as `startTurn` does.
   */
  async startReview(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewHandle> {
    const site = captureCallSite();
    checkReviewTarget(target, "startReview");
    const limits = checkOptions(options, "startReview", TURN_LIMITS);
    return startReview(this.#runtime, this.id, target, { limits, turns: this.#turns, site });
  }

  /** Reviews code and resolves with what the reviewer found: `startReview` and `result()` in one. */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    return (await this.startReview(target, options)).result();
  }

  /**
   * Gives the thread a goal (`thread/goal/set`); the thread is busy with the turns that follow until the goal ends.
   * @throws UsageError, TurnInProgressError, InvalidRequestError (`GOALS_NEED_STORED_THREAD`, `GOALS_DISABLED`).
   */
  async startGoal(objective: string, options: GoalOptions = {}): Promise<GoalHandle> {
    text(objective, { call: "startGoal", path: "objective" });
    const checked = checkOptions(options, "startGoal", START_GOAL);
    const site = captureCallSite();
    return startGoal(this.#runtime, this.id, objective, checked, this.#turns.streamOptions(site));
  }

  /** Gives the thread a goal and resolves with what came of it: `startGoal` and `result()` in one. */
  async runGoal(objective: string, options: GoalOptions = {}): Promise<GoalResult> {
    return (await this.startGoal(objective, options)).result();
  }

  /** The thread's goal (`thread/goal/get`), or null. */
  goal(): Promise<ThreadGoal | null> {
    return readGoal(this.#runtime, this.id);
  }

  /** Pauses the goal: the turn in flight runs to its end, and no other follows. */
  pauseGoal(): Promise<ThreadGoal> {
    return pauseGoal(this.#runtime, this.id);
  }

  /** Makes the goal active again and resolves with a handle of the turns that follow. Rejects as `startGoal` does. */
  async resumeGoal(options: ResumeGoalOptions = {}): Promise<GoalHandle> {
    const checked = checkOptions(options, "resumeGoal", RESUME_GOAL);
    const site = captureCallSite();
    return resumeGoal(this.#runtime, this.id, checked, this.#turns.streamOptions(site));
  }

  /** Takes the goal away and resolves with whether there was one. The turn in flight runs to its end. */
  clearGoal(): Promise<boolean> {
    return clearGoal(this.#runtime, this.id);
  }

  /** Inputs that wait for a turn of their own. */
  get queue(): ThreadQueue {
    return new ThreadQueue(this.#runtime, this.id, () => this.#turns.cwd);
  }

  /**
   * Asks the model about the conversation up to its latest finished turn, whoever started that, without adding to it
   * (`thread/sample`): no turn, no tools, no events.
   *
   * @throws UsageError when the thread has no finished turn, or stores none because it is ephemeral.
   */
  async sample(
    prompt: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ThreadSampleResponse> {
    text(prompt, { call: "sample", path: "prompt" });
    const checked = checkOptions(options, "sample", { signal });
    await this.#runtime.login.check(this.id, "thread/sample");
    return sampleThread(this.#runtime, this.id, prompt, checked.signal);
  }

  /**
   * Runs a command on the user's behalf (`thread/shellCommand`), outside the sandbox, and resolves with its item when it
   * has ended. The agent sees the command and its output. It is a turn of its own, or runs alongside the one in flight.
   */
  async runShellCommand(command: string): Promise<ShellCommandItem> {
    const site = captureCallSite();
    text(command, { call: "runShellCommand", path: "command" });
    if (command.trim() === "") throw new UsageError("The shell command is empty.");
    await untilThreadFree(this.#runtime, this.id, site);
    const begin = () => this.#runtime.request("thread/shellCommand", { threadId: this.id, command });
    if (this.#runtime.router.isBusy(this.id)) return shellCommandAlongside(this.#runtime, this.id, begin);
    const turn = await this.#turns.adopt(site, begin);
    return shellCommandOf(await turn.result());
  }

  /**
   * Appends items to the history that the model sees (`thread/inject_items`).
   *
   * @throws UsageError for an item that the runtime would drop without a word.
   */
  async injectItems(items: readonly ResponseItem[]): Promise<void> {
    list(items, { call: "injectItems", path: "items" });
    return injectItems(this.#runtime, this.id, items);
  }

  /** Drops a turn and everything after it from the history (`thread/revert`). Files are left as they are. */
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
   * flight goes on in the runtime, but is not heard of any more: its handle rejects with `UsageError`.
   */
  async unsubscribe(): Promise<void> {
    await this.#runtime.request("thread/unsubscribe", { threadId: this.id });
    this.#runtime.recovery.release(this.id);
    this.#runtime.broker.detach(this.id);
    this.#runtime.router.detach(this.id);
  }

  /**
   * Unsubscribes (`thread/unsubscribe`), for `await using thread = …`. The runtime frees the thread's memory, about 2 MB, and
   * its open files 60 s later (`thread_unload_delay_secs`). Does nothing if the runtime is gone.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#runtime.isClosed) return;
    try {
      await this.unsubscribe();
    } catch (error) {
      if (!TransportClosedError.isInstance(error)) throw error;
    }
  }

  /** @internal */
  static async start(runtime: Runtime, options: StartThreadOptions): Promise<Thread> {
    return new Thread(runtime, await openNewThread(runtime, options));
  }

  /** @internal */
  static async resume(runtime: Runtime, threadId: string, options: ResumeThreadOptions): Promise<Thread> {
    return new Thread(runtime, await openStoredThread(runtime, threadId, options));
  }

  /** @internal */
  static async fork(runtime: Runtime, threadId: string, options: ForkThreadOptions): Promise<Thread> {
    return new Thread(runtime, await openFork(runtime, threadId, options));
  }
}
