import type { CallSite } from "../errors/base.js";
import type { ReviewStartResponse, ReviewTarget as WireReviewTarget } from "../protocol/generated/protocol.js";
import type { EndedTurn, TurnUsage } from "../protocol/shapes.js";
import type { TurnLimits } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TurnEvent } from "../stream/events.js";
import { type ReviewFinding, type ReviewVerdict, readFindings, readReviewJson } from "../validate/reviewTarget.js";
import { LimitWatch, type StartedTurn, startLimited } from "./limits.js";
import type { TurnStarter } from "./startTurn.js";
import { TurnHandle, type TurnOutcome } from "./turn.js";

/** What is reviewed: the working tree, the difference to a branch, one commit, or what instructions say. */
export type ReviewTarget =
  | Exclude<WireReviewTarget, { type: "commit" }>
  | {
      readonly type: "commit";
      readonly sha: string;
      /** Shown in the thread's history, for example the subject of the commit. */
      readonly title?: string | null | undefined;
    };

/** Options of `thread.startReview` and `thread.review`. */
export type ReviewOptions = TurnLimits;

/**
 * What a review has come to. The runtime passes on a rendering for people, from which the findings are read: confidence
 * and correctness are not in it, and are null, unless the thread was started with `experimentalRawEvents` by a client with
 * `optOutNotifications: []`, which brings the reviewer's own JSON.
 */
export interface ReviewResult {
  readonly turn: EndedTurn;
  /** The review as the runtime renders it for the thread; null when it was interrupted or gave none. */
  readonly text: string | null;
  readonly findings: readonly ReviewFinding[];
  /** Null when the reviewer gave nothing. */
  readonly verdict: ReviewVerdict | null;
  /**
   * What the review used; `thread` does not include it, as the runtime counts. Null on a thread that was resumed or
   * forked, or whose connection was lost meanwhile: the runtime tells it to the client that started the thread alone.
   */
  readonly usage: TurnUsage | null;
}

/**
 * A review in flight or ended: a turn of the thread in which a reviewer looks at code. Iterating it yields every event
 * from the first on, for any number of readers at any time; leaving a loop early stops that reader alone.
 */
export class ReviewHandle implements AsyncIterable<TurnEvent> {
  /** The id of the turn. */
  readonly id: string;
  readonly threadId: string;
  readonly #turn: TurnHandle;
  readonly #answers: Promise<string[]>;
  #result: Promise<ReviewResult> | null = null;

  /** @internal */
  constructor(turn: TurnHandle) {
    this.id = turn.id;
    this.threadId = turn.threadId;
    this.#turn = turn;
    this.#answers = rawAnswers(turn);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#turn[Symbol.asyncIterator]();
  }

  /**
   * Resolves with what the reviewer found when the review has completed or was interrupted. Can be called any number of
   * times. Rejects as the result of a turn does.
   */
  result(): Promise<ReviewResult> {
    this.#result ??= this.#read();
    return this.#result;
  }

  /** Resolves when `result()` settles, and never rejects: how the turn ended, and what it produced in every case. */
  outcome(): Promise<TurnOutcome> {
    return this.#turn.outcome();
  }

  /** Interrupts the review (`turn/interrupt`); `result()` then resolves without findings. Nothing happens after its end. */
  interrupt(): Promise<void> {
    return this.#turn.interrupt();
  }

  async #read(): Promise<ReviewResult> {
    const { output: _, ...turn } = await this.#turn.result();
    return readReview(turn, await this.#answers);
  }
}

/** @internal Starts a review as a turn of the thread (`review/start`). */
export async function startReview(
  runtime: Runtime,
  threadId: string,
  target: ReviewTarget,
  options: { readonly limits: ReviewOptions; readonly turns: TurnStarter; readonly site: CallSite },
): Promise<ReviewHandle> {
  const { limits, turns, site } = options;
  const watch = new LimitWatch(runtime, { threadId, method: "review/start", limits, site });
  const params = {
    threadId,
    target: target.type === "commit" ? { ...target, title: target.title ?? null } : target,
  };
  try {
    const { stream, ender } = await startLimited<ReviewStartResponse, StartedTurn>(runtime, watch, {
      threadId,
      send: (sending) => runtime.request("review/start", params, { ...sending, site }),
      claim: (reservation, { turn }) => turns.claim(reservation, turn.id, { site }),
      find: (reservation) => turns.findReview(reservation, site),
    });
    return new ReviewHandle(new TurnHandle(runtime, stream, { parse: async () => undefined, ender }));
  } catch (error) {
    watch.stop();
    throw error;
  }
}

/**
 * The runtime passes on a rendering for people, without confidence and verdict. The reviewer's own JSON is seen in raw
 * events, which a thread has to ask for, or in place of the rendering when the runtime could not read it.
 */
function readReview(turn: EndedTurn, answers: readonly string[]): ReviewResult {
  const { usage } = turn;
  const exit = turn.items.findLast((item) => item.type === "exitedReviewMode");
  if (exit?.type !== "exitedReviewMode" || turn.status === "interrupted") {
    return { turn, text: null, findings: [], verdict: null, usage };
  }
  const text = exit.review;
  for (const answer of [...answers].reverse().concat(text)) {
    const review = readReviewJson(answer);
    if (review !== null) return { turn, text, ...review, usage };
  }
  return { turn, text, ...readFindings(text), usage };
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
