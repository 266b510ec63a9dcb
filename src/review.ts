/** Owns code reviews: starting one, and reading the reviewer's answer from what the runtime passes on. */

import type { TurnEvent } from "./events.js";
import type { ReviewTarget as WireReviewTarget } from "./generated/protocol.js";
import { readFindings, readReviewJson, type ReviewFinding, type ReviewVerdict } from "./reviewText.js";
import type { Runtime } from "./runtime.js";
import type { Reservation } from "./stream/reservation.js";
import type { TurnStream } from "./stream/turnStream.js";
import { TurnHandle } from "./turn.js";
import type { EndedTurn } from "./turnResult.js";

/** What is reviewed: the working tree, the difference to a branch, one commit, or what instructions say. */
export type ReviewTarget =
  | Exclude<WireReviewTarget, { type: "commit" }>
  | {
      readonly type: "commit";
      readonly sha: string;
      /** Shown in the thread's history, for example the subject of the commit. */
      readonly title?: string | null | undefined;
    };

/** Options of `thread.review`. */
export interface ReviewOptions {
  /** Interrupts the review when it aborts, which then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a review has come to. The runtime passes on a rendering for people, from which the findings are read: confidence
 * and correctness are not in it, and are null, unless the thread was started with `experimentalRawEvents`, which brings
 * the reviewer's own JSON.
 */
export interface ReviewResult {
  readonly turn: EndedTurn;
  /** The review as the runtime renders it for the thread; null when it was interrupted or gave none. */
  readonly text: string | null;
  readonly findings: readonly ReviewFinding[];
  /** Null when the reviewer gave nothing. */
  readonly verdict: ReviewVerdict | null;
}

/** @internal Runs one review as a turn of the thread. */
export async function reviewThread(
  runtime: Runtime,
  threadId: string,
  target: ReviewTarget,
  options: ReviewOptions & { readonly claim: (reservation: Reservation, turnId: string) => TurnStream },
): Promise<ReviewResult> {
  const { signal, claim } = options;
  signal?.throwIfAborted();
  const params = {
    threadId,
    target: target.type === "commit" ? { ...target, title: target.title ?? null } : target,
  };
  const reservation = runtime.router.reserve(threadId);
  try {
    const stream = await new Promise<TurnStream>((resolve, reject) => {
      runtime
        .request("review/start", params, { onResult: ({ turn }) => resolve(claim(reservation, turn.id)) })
        .catch(reject);
    });
    const handle = new TurnHandle(runtime, stream, { parse: async () => undefined, limits: { signal } });
    const answers = rawAnswers(handle);
    const { output: _, ...turn } = await handle.result();
    return readReview(turn, await answers);
  } finally {
    reservation.release();
  }
}

/**
 * The runtime passes on a rendering for people, without confidence and verdict. The reviewer's own JSON is seen in raw
 * events, which a thread has to ask for, or in place of the rendering when the runtime could not read it.
 */
function readReview(turn: EndedTurn, answers: readonly string[]): ReviewResult {
  const exit = turn.items.findLast((item) => item.type === "exitedReviewMode");
  if (exit?.type !== "exitedReviewMode" || turn.status === "interrupted") {
    return { turn, text: null, findings: [], verdict: null };
  }
  const text = exit.review;
  for (const answer of [...answers].reverse().concat(text)) {
    const review = readReviewJson(answer);
    if (review !== null) return { turn, text, ...review };
  }
  return { turn, text, ...readFindings(text) };
}

async function rawAnswers(turn: AsyncIterable<TurnEvent>): Promise<string[]> {
  const answers: string[] = [];
  try {
    for await (const event of turn) {
      if (event.method !== "rawResponseItem/completed") continue;
      const { item } = event.params;
      if (item.type !== "message" || item.role !== "assistant") continue;
      answers.push(item.content.map((part) => (part.type === "output_text" ? part.text : "")).join(""));
    }
  } catch {
    // How the turn ended is told by its result.
  }
  return answers;
}
