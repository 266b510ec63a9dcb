import { CodexError, UsageError } from "../errors/base.js";
import { InvalidRequestError } from "../errors/connection.js";
import type {
  ReviewStartResponse,
  ThreadItem,
  ThreadSampleResponse,
  ReviewTarget as WireReviewTarget,
} from "../protocol/generated/protocol.js";
import type { EndedTurn, TurnUsage } from "../protocol/shapes.js";
import type { TurnLimits } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { itemKey, type TurnEvent } from "../stream/events.js";
import { type ReviewFinding, type ReviewVerdict, readFindings, readReviewJson } from "../validate/review.js";
import type { StartedTurn, StartPlan } from "./limits.js";
import type { Origin, TurnStarter } from "./startTurn.js";
import { TurnHandle, type TurnOutcome } from "./turn.js";

/** What to review: the working tree, the difference to a branch, one commit, or what the instructions say. */
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
 * The result of a review. The runtime forwards a rendering for people, and the findings are parsed from it: confidence
 * and correctness are not in it, and are null, unless the thread was started with `experimentalRawEvents` by a client
 * with `optOutNotifications: []`, which brings the reviewer's own JSON.
 */
export interface ReviewResult {
  readonly turn: EndedTurn;
  /** The review as the runtime renders it for the thread; null when it was interrupted or returned none. */
  readonly text: string | null;
  readonly findings: readonly ReviewFinding[];
  /** Null when the reviewer gave none. */
  readonly verdict: ReviewVerdict | null;
  /**
   * The tokens that the review used. The runtime does not add them to the thread's usage. Null on a thread that was
   * resumed or forked, or whose connection was lost meanwhile: the runtime reports them only to the client that started
   * the thread.
   */
  readonly usage: TurnUsage | null;
}

/**
 * A review in flight or ended: a turn of the thread in which a reviewer reads code. Iterating it yields every event
 * from the first on, for any number of readers at any time. Leaving a loop early stops that reader only.
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
   * Resolves with the findings when the review has completed or was interrupted. Can be called any number of times.
   * Rejects as `TurnHandle.result` does.
   */
  result(): Promise<ReviewResult> {
    this.#result ??= this.#read();
    return this.#result;
  }

  /** Resolves when `result()` settles, and never rejects: how the turn ended, and what it produced in every case. */
  outcome(): Promise<TurnOutcome> {
    return this.#turn.outcome();
  }

  /**
   * Interrupts the review (`turn/interrupt`) and resolves when the runtime has accepted that; `result()` then resolves
   * without findings. Does nothing when the review has ended. Rejects as a request does.
   */
  interrupt(): Promise<void> {
    return this.#turn.interrupt();
  }

  async #read(): Promise<ReviewResult> {
    const { output: _, ...turn } = await this.#turn.result();
    return readReview(turn, await this.#answers);
  }
}

interface StartedReview extends StartedTurn {
  readonly handle: ReviewHandle;
}

/** Starts a review as a turn of the thread (`review/start`). */
export function reviewPlan(
  runtime: Runtime,
  turns: TurnStarter,
  params: { readonly threadId: string; readonly target: ReviewTarget },
  origin: Origin,
): StartPlan<ReviewStartResponse, StartedReview> {
  const { threadId, target } = params;
  const wire = {
    threadId,
    target: target.type === "commit" ? { ...target, title: target.title ?? null } : target,
  };
  const withHandle = (turn: StartedTurn): StartedReview => {
    const { stream, ender } = turn;
    return {
      ...turn,
      handle: new ReviewHandle(new TurnHandle(runtime, stream, { parse: async () => undefined, ender })),
    };
  };
  return {
    send: (sending) => runtime.request("review/start", wire, { ...sending, site: origin.site }),
    claim: (reservation, { turn }) => withHandle(turns.claim(reservation, turn.id, origin)),
    find: async (reservation) => {
      const found = await turns.findReview(reservation, origin);
      return found === null ? null : withHandle(found);
    },
  };
}

/**
 * The reviewer's own JSON, with confidence and verdict, is in raw events, which a thread has to ask for, or in place of
 * the rendering when the runtime could not parse it.
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
    // `result()` reports how the turn ended.
  }
  return answers;
}

/** A command that was run on the user's behalf, as the thread records it. */
export type ShellCommandItem = Extract<ThreadItem, { type: "commandExecution" }>;

/** How often `thread/sample` is sent when further turns end meanwhile. */
const SAMPLE_ATTEMPTS = 3;

/** Asks the model on the side (`thread/sample`). The request has to name the latest finished turn, whoever started it. */
export async function sampleThread(
  runtime: Runtime,
  threadId: string,
  prompt: string,
  signal: AbortSignal | undefined,
): Promise<ThreadSampleResponse> {
  let expectedTurnId = await latestFinishedTurn(runtime, threadId, signal);
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.request("thread/sample", { threadId, expectedTurnId, prompt }, { signal });
    } catch (error) {
      if (!InvalidRequestError.isInstance(error) || attempt === SAMPLE_ATTEMPTS) throw error;
      const latest = await latestFinishedTurn(runtime, threadId, signal);
      if (latest === expectedTurnId) throw error;
      expectedTurnId = latest;
    }
  }
}

async function latestFinishedTurn(
  runtime: Runtime,
  threadId: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const params = { threadId, limit: 5, sortDirection: "desc", itemsView: "notLoaded" } as const;
  try {
    const { data } = await runtime.request("thread/turns/list", params, { signal });
    const finished = data.find(({ status }) => status !== "inProgress");
    if (finished !== undefined) return finished.id;
  } catch (error) {
    if (!InvalidRequestError.isInstance(error)) throw error;
    throw new UsageError(
      `Thread ${threadId} has no stored turn to sample from. Run a turn first; an ephemeral thread stores none.`,
      { cause: error },
    );
  }
  throw new UsageError(`Thread ${threadId} has no finished turn to sample from. Await one first.`);
}

/** Runs a command of the user alongside the turn in flight, and waits for its end. */
export async function shellCommandAlongside(
  runtime: Runtime,
  threadId: string,
  send: () => Promise<unknown>,
): Promise<ShellCommandItem> {
  let key: string | null = null;
  let settle: (item: ShellCommandItem) => void = () => {};
  const completed = new Promise<ShellCommandItem>((resolve) => {
    settle = resolve;
  });
  using _started = runtime.listeners.on("item/started", ({ params }) => {
    if (params.threadId === threadId && isUserShell(params.item))
      key ??= itemKey({ ...params, itemId: params.item.id });
  });
  using _completed = runtime.listeners.on("item/completed", ({ params }) => {
    if (isUserShell(params.item) && itemKey({ ...params, itemId: params.item.id }) === key) settle(params.item);
  });
  await send();
  return await runtime.whileOpen(completed);
}

/** The command of the user in the turn that ran it. */
export function shellCommandOf(turn: EndedTurn): ShellCommandItem {
  const item = turn.items.find(isUserShell);
  if (item === undefined)
    throw new CodexError("COMMAND_LOST", `Turn ${turn.id} ended without the item of its shell command.`);
  return item;
}

function isUserShell(item: ThreadItem): item is ShellCommandItem {
  return item.type === "commandExecution" && item.source === "userShell";
}
