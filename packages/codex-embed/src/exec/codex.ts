/** Owns the client of `codex exec`: the options that its threads share. */

import { checkExecOptions, CODEX, RESUME_LAST, REVIEW, THREAD } from "./knownOptions.js";
import type { CodexOptions, ResumeLastOptions, ThreadOptions } from "./options.js";
import { type ReviewOptions, type ReviewResult, type ReviewTarget, readReview, reviewRequest } from "./review.js";
import { Thread } from "./thread.js";

/**
 * Runs the agent by `codex exec`, one process for each turn. It takes the programs that were written for
 * `@openai/codex-sdk` as they are. Making one starts nothing and looks for nothing.
 */
export class Codex {
  readonly #options: CodexOptions;

  /** @throws UsageError for options that are not known. */
  constructor(options: CodexOptions = {}) {
    this.#options = checkExecOptions(options, "new Codex", CODEX);
  }

  /** Makes a new thread. The runtime creates it with the first turn. */
  startThread(options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "startThread", THREAD), { kind: "new" });
  }

  /**
   * Takes a thread up again, from `$CODEX_HOME/sessions`.
   *
   * @param id - the id of the thread, or its name. The first turn rejects when there is none such.
   */
  resumeThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "resumeThread", THREAD), { kind: "resume", id });
  }

  /** Takes the most recent thread up again, of this working directory or of `all`; a new one when there is none. */
  resumeLast(options: ResumeLastOptions = {}): Thread {
    const { all = false, ...threadOptions } = checkExecOptions(options, "resumeLast", RESUME_LAST);
    return new Thread(this.#options, threadOptions, { kind: "resumeLast", all });
  }

  /**
   * Makes a thread that begins with all that another one has had. The other one stays as it is.
   *
   * @param id - the id of the other thread, or its name. The first turn rejects when there is none such.
   */
  forkThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "forkThread", THREAD), { kind: "fork", id });
  }

  /**
   * Reviews code, on a thread of its own.
   *
   * @returns what the reviewer found, when its process is gone.
   * @throws UsageError for a target that is none; else as `thread.run`.
   */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    const { signal, outputLastMessage, ...threadOptions } = checkExecOptions(options, "review", REVIEW);
    const { args, prompt } = reviewRequest(target);
    const thread = new Thread(this.#options, threadOptions, { kind: "review", args });
    const turn = await thread.run(prompt, { signal, outputLastMessage });
    return readReview(turn, thread.id);
  }
}
