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
      case "thread/tokenUsage/updated":
        this.#lastUsage = event.params.tokenUsage;
        this.#before ??= subtract(this.#lastUsage.total, this.#lastUsage.last);
        break;
      default:
        break;
    }
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
    if (last === null || this.#before === null) return null;
    return { turn: subtract(last.total, this.#before), thread: last.total, contextWindow: last.modelContextWindow };
  }
}

function subtract(from: TokenUsageBreakdown, what: TokenUsageBreakdown): TokenUsageBreakdown {
  const part = (name: keyof TokenUsageBreakdown) => Math.max(0, from[name] - what[name]);
  return {
    totalTokens: part("totalTokens"),
    inputTokens: part("inputTokens"),
    cachedInputTokens: part("cachedInputTokens"),
    cacheWriteInputTokens: part("cacheWriteInputTokens"),
    outputTokens: part("outputTokens"),
    reasoningOutputTokens: part("reasoningOutputTokens"),
  };
}
