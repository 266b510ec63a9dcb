/** Owns code reviews by `codex exec review`: what is reviewed, how that is said, and what it comes to. */

import { UsageError } from "../errors/index.js";
import { type ReviewContent, readFindings, readReviewJson } from "../reviewText.js";
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
  switch (target.type) {
    case "uncommittedChanges":
      return { args: ["--uncommitted"], prompt: "" };
    case "baseBranch":
      return { args: ["--base", filled(target.branch, "branch")], prompt: "" };
    case "commit":
      return {
        args: ["--commit", filled(target.sha, "sha"), ...(target.title ? ["--title", target.title] : [])],
        prompt: "",
      };
    case "custom":
      return { args: ["-"], prompt: filled(target.instructions, "instructions") };
    default:
      throw new UsageError(
        `The target of the review is of the type ${JSON.stringify(Object(target).type)}. Give "uncommittedChanges", ` +
          '"baseBranch", "commit" or "custom".',
      );
  }
}

/** Reads what a review has come to from its turn. */
export function readReview(turn: Turn, threadId: string | null): ReviewResult {
  const text = turn.finalResponse;
  return { turn, threadId, text, ...(readReviewJson(text) ?? readFindings(text)) };
}

function filled(value: unknown, name: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new UsageError(`The ${name} of the review's target is no text, or empty. Give it, or another type of target.`);
}
