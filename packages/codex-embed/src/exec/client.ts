import { checkReviewTarget } from "../validate/options.js";
import { type ReviewContent, readFindings, readReviewJson } from "../validate/review.js";
import {
  CODEX,
  type CodexOptions,
  checkExecOptions,
  RESUME_LAST,
  REVIEW,
  type ResumeLastOptions,
  type ReviewOptions,
  THREAD,
  type ThreadOptions,
} from "./options.js";
import { Thread } from "./thread.js";
import type { Turn } from "./turn.js";

/**
 * Runs the agent with `codex exec`, one process per turn. A drop-in replacement for the `Codex` of `@openai/codex-sdk`.
 * The constructor starts no process and does not look for the runtime.
 */
export class Codex {
  readonly #options: CodexOptions;

  /**
   * @param options - how to find and start the runtime. All of them are optional.
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  constructor(options: CodexOptions = {}) {
    this.#options = checkExecOptions(options, "new Codex", CODEX);
  }

  /**
   * Starts a new thread. The runtime creates it in the first turn.
   *
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  startThread(options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "startThread", THREAD), { kind: "new" });
  }

  /**
   * Resumes a thread that is stored in `$CODEX_HOME/sessions` (`codex exec resume`).
   *
   * @param id - the id or the name of the thread. The first turn rejects with `ExecExitError` if there is no such
   * thread.
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  resumeThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "resumeThread", THREAD), { kind: "resume", id });
  }

  /**
   * Resumes the most recent thread of the working directory, or of `all` directories (`codex exec resume --last`). If
   * there is none, the first turn creates a new thread.
   *
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  resumeLast(options: ResumeLastOptions = {}): Thread {
    const { all = false, ...threadOptions } = checkExecOptions(options, "resumeLast", RESUME_LAST);
    return new Thread(this.#options, threadOptions, { kind: "resumeLast", all });
  }

  /**
   * Starts a new thread with a copy of another thread's history (`codex exec fork`). The other thread does not change.
   *
   * @param id - the id or the name of the other thread. The first turn rejects with `ExecExitError` if there is no such
   * thread.
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  forkThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "forkThread", THREAD), { kind: "fork", id });
  }

  /**
   * Reviews code on a new thread (`codex exec review`).
   *
   * @returns the findings, once the process has exited.
   * @throws UsageError for an invalid target, an unknown option or a value of the wrong kind; otherwise as
   * `thread.run`.
   */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    const { signal, outputLastMessage, ...threadOptions } = checkExecOptions(options, "review", REVIEW);
    const { args, prompt } = reviewRequest(target);
    const thread = new Thread(this.#options, threadOptions, { kind: "review", args });
    const turn = await thread.run(prompt, { signal, outputLastMessage });
    return readReview(turn, thread.id);
  }
}

/** What to review: uncommitted changes, the difference from a branch, one commit, or what the instructions say. */
export type ReviewTarget =
  | { type: "uncommittedChanges" }
  | { type: "baseBranch"; branch: string }
  | {
      type: "commit";
      sha: string;
      /** A title for the reviewer, for example the subject of the commit. */
      title?: string | null | undefined;
    }
  | { type: "custom"; instructions: string };

/**
 * The result of a review. The findings are parsed from the text that the runtime renders for people, which omits
 * confidence and correctness. They are null, except if the runtime could not parse the reviewer's answer and passed its
 * JSON on.
 */
export type ReviewResult = ReviewContent & {
  turn: Turn;
  /** The id for `resumeThread`, for example to have the findings fixed. Null if the runtime reported none. */
  threadId: string | null;
  /** The review as the runtime rendered it. */
  text: string;
};

/** The arguments and the prompt of a review. */
export interface ReviewRequest {
  readonly args: readonly string[];
  readonly prompt: string;
}

/**
 * Converts a target to arguments of `codex exec review`.
 *
 * @throws UsageError for an invalid or empty target.
 */
export function reviewRequest(target: ReviewTarget): ReviewRequest {
  checkReviewTarget(target, "review");
  switch (target.type) {
    case "uncommittedChanges":
      return { args: ["--uncommitted"], prompt: "" };
    case "baseBranch":
      return { args: ["--base", target.branch], prompt: "" };
    case "commit":
      return { args: ["--commit", target.sha, ...(target.title ? ["--title", target.title] : [])], prompt: "" };
    case "custom":
      return { args: ["-"], prompt: target.instructions };
  }
}

/** Reads the result of a review from its turn. */
export function readReview(turn: Turn, threadId: string | null): ReviewResult {
  const text = turn.finalResponse;
  return { turn, threadId, text, ...(readReviewJson(text) ?? readFindings(text)) };
}
