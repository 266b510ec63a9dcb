import { itemsIn, type TurnEvent } from "../events.js";
import type { ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, Turn } from "../generated/protocol.js";
import type { TurnSnapshot, TurnUsage } from "../turnResult.js";
import { messagesIn, unfinishedText } from "./text.js";

/** Adds up the events of one turn. */
export class TurnAccumulator {
  readonly #threadId: string;
  readonly #turnId: string;
  readonly #items: ThreadItem[] = [];
  #before: TokenUsageBreakdown | null;
  #lastUsage: ThreadTokenUsage | null = null;
  /** The sum over the model's responses; null when there was none, or some may have been missed. */
  #counted: TokenUsageBreakdown | null = null;
  #isGapped = false;
  #startedAt: number | null = null;

  /** @param before - what the thread had used before the turn, when that is known. */
  constructor(turn: { threadId: string; turnId: string }, before: TokenUsageBreakdown | null) {
    this.#threadId = turn.threadId;
    this.#turnId = turn.turnId;
    this.#before = before;
  }

  /** Takes the next event of the turn. */
  add(event: TurnEvent): void {
    switch (event.method) {
      case "turn/started":
        this.#startedAt = event.params.turn.startedAt;
        break;
      case "item/completed":
        this.#items.push(event.params.item);
        break;
      case "rawResponse/completed":
        if (event.params.usage !== null) this.count(event.params.usage);
        break;
      case "reconnected":
        this.#isGapped = true;
        this.#counted = null;
        break;
      case "thread/tokenUsage/updated":
        this.#lastUsage = event.params.tokenUsage;
        this.#before ??= subtract(this.#lastUsage.total, this.#lastUsage.last);
        break;
      default:
        break;
    }
  }

  /** Takes what one response of the model used. Read where the runtime tells nothing else, which is in reviews. */
  count(usage: TokenUsageBreakdown): void {
    if (!this.#isGapped) this.#counted = add(this.#counted ?? NOTHING, usage);
  }

  /**
   * What the turn has produced.
   *
   * @param turn - the runtime's closing record, null while there is none.
   * @param events - the events of the turn, read for the text of an unfinished message.
   */
  snapshot(turn: Turn | null, events: Iterable<TurnEvent>): TurnSnapshot {
    const completed = messagesIn(this.#items);
    const messages = completed.length > 0 ? completed : messagesIn(itemsIn(turn));
    const unfinished = turn?.status === "completed" ? "" : unfinishedText(events);
    return {
      id: this.#turnId,
      threadId: this.#threadId,
      status: turn?.status ?? "inProgress",
      startedAt: turn?.startedAt ?? this.#startedAt,
      completedAt: turn?.completedAt ?? null,
      durationMs: turn?.durationMs ?? null,
      // The last message that is neither commentary nor empty: the runtime's own rule, measured.
      finalResponse: messages.at(-1) ?? null,
      text: [...messages, ...(unfinished === "" ? [] : [unfinished])].join("\n\n"),
      items: [...this.#items],
      usage: this.#usage(),
    };
  }

  /**
   * The runtime counts per thread, so the turn's part is a difference. It repeats the last count in a turn whose model
   * reports none, so the total before is better known than told from the first count of the turn.
   */
  #usage(): TurnUsage | null {
    const last = this.#lastUsage;
    if (last === null && this.#counted !== null) {
      // The runtime does not count a review for its thread.
      return { turn: this.#counted, thread: this.#before ?? NOTHING, contextWindow: null };
    }
    if (last === null || this.#before === null) return null;
    return { turn: subtract(last.total, this.#before), thread: last.total, contextWindow: last.modelContextWindow };
  }
}

const NOTHING: TokenUsageBreakdown = {
  totalTokens: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0,
};

function add(first: TokenUsageBreakdown, second: TokenUsageBreakdown): TokenUsageBreakdown {
  return combine((name) => first[name] + second[name]);
}

function subtract(from: TokenUsageBreakdown, what: TokenUsageBreakdown): TokenUsageBreakdown {
  return combine((name) => Math.max(0, from[name] - what[name]));
}

function combine(part: (name: keyof TokenUsageBreakdown) => number): TokenUsageBreakdown {
  return {
    totalTokens: part("totalTokens"),
    inputTokens: part("inputTokens"),
    cachedInputTokens: part("cachedInputTokens"),
    cacheWriteInputTokens: part("cacheWriteInputTokens"),
    outputTokens: part("outputTokens"),
    reasoningOutputTokens: part("reasoningOutputTokens"),
  };
}
