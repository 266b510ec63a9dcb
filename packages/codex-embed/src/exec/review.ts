/** Owns code reviews by `codex exec review`: what is reviewed, how that is said, and what it comes to. */

import { checkReviewTarget, type ReviewContent, readFindings, readReviewJson } from "../reviewText.js";
import type { ThreadOptions, TurnOptions } from "./options.js";
import type { Turn } from "./turn.js";

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

/** Options of `codex.review`: those of the new thread that the review is run on, and of its turn. */
export type ReviewOptions = ThreadOptions & Pick<TurnOptions, "signal" | "outputLastMessage">;

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
