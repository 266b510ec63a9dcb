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

/** What is reviewed: the working tree, the difference to a branch, one commit, or what instructions say. */
export type ReviewTarget =
  | { type: "uncommittedChanges" }
  | { type: "baseBranch"; branch: string }
  | {
      type: "commit";
      sha: string;
      /** Told to the reviewer, for example the subject of the commit. */
      title?: string | null | undefined;
    }
  | { type: "custom"; instructions: string };

/**
 * What a review has come to. The findings are read from the runtime's rendering for people, which leaves confidence and
 * correctness out: they are null, but for a reviewer whose answer the runtime could not read.
 */
export type ReviewResult = ReviewContent & {
  turn: Turn;
  /** What `resumeThread` takes, to have the findings mended for example. Null when the runtime named none. */
  threadId: string | null;
  /** The review as the runtime renders it. */
  text: string;
};

/** How a review is asked for: the arguments of the runtime, and the prompt. */
export interface ReviewRequest {
  readonly args: readonly string[];
  readonly prompt: string;
}

/**
 * Brings a target to the form that the runtime takes.
 *
 * @throws UsageError for one that is none, or has nothing in it.
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

/** Reads what a review has come to from its turn. */
export function readReview(turn: Turn, threadId: string | null): ReviewResult {
  const text = turn.finalResponse;
  return { turn, threadId, text, ...(readReviewJson(text) ?? readFindings(text)) };
}
