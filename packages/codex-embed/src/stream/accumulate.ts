import { UsageError } from "../errors/base.js";
import type { ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, Turn } from "../protocol/generated/protocol.js";
import type { PlanStep, TurnSnapshot, TurnUsage } from "../protocol/shapes.js";
import { deferred } from "../util/async.js";
import type { Over } from "./eventStream.js";
import { itemsIn, type TurnEvent } from "./events.js";

/** Adds up the events of one turn. */
export class TurnAccumulator {
  readonly #threadId: string;
  readonly #turnId: string;
  readonly #items: ThreadItem[] = [];
  #before: TokenUsageBreakdown | null;
  #lastUsage: ThreadTokenUsage | null = null;
  /** The sum over the model's responses. Null when there was none, or some may have been missed. */
  #counted: TokenUsageBreakdown | null = null;
  #isGapped = false;
  #diff: string | null = null;
  #plan: readonly PlanStep[] | null = null;
  #startedAt: number | null = null;

  /** @param before - what the thread had used before the turn, if known. */
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
      case "turn/diff/updated":
        this.#diff = event.params.diff;
        break;
      case "turn/plan/updated":
        this.#plan = event.params.plan;
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
        // After a gap this may not be the first response of the turn.
        if (!this.#isGapped) this.#before ??= subtract(this.#lastUsage.total, this.#lastUsage.last);
        break;
      default:
        break;
    }
  }

  /** Adds what one response of the model used. Counts only where the runtime reports no total, which is in reviews. */
  count(usage: TokenUsageBreakdown): void {
    if (!this.#isGapped) this.#counted = add(this.#counted ?? NOTHING, usage);
  }

  /**
   * The tokens that the turn has used so far. The larger of two counts, because the runtime reports a response when it
   * has ended, and the total of the thread when the tools of the response have run.
   */
  get spentTokens(): number {
    const { total } = this.#lastUsage ?? {};
    const grown = total === undefined || this.#before === null ? 0 : total.totalTokens - this.#before.totalTokens;
    return Math.max(grown, this.#counted?.totalTokens ?? 0);
  }

  /**
   * What the turn has produced so far.
   *
   * @param turn - the record that ends the turn, or null while it runs.
   * @param events - the events of the turn, read for the text of an unfinished message.
   */
  snapshot(turn: Turn | null, events: Iterable<TurnEvent>): TurnSnapshot {
    const completed = messagesIn(this.#items);
    const messages = completed.length > 0 ? completed : messagesIn(itemsIn(turn));
    const unfinished = turn?.status === "completed" ? "" : unfinishedText(events);
    const snapshot = {
      id: this.#turnId,
      threadId: this.#threadId,
      status: turn?.status ?? "inProgress",
      startedAt: turn?.startedAt ?? this.#startedAt,
      completedAt: turn?.completedAt ?? null,
      durationMs: turn?.durationMs ?? null,
      // The last message that is neither commentary nor empty. The runtime uses the same rule (measured).
      finalResponse: messages.at(-1) ?? null,
      text: [...messages, ...(unfinished === "" ? [] : [unfinished])].join("\n\n"),
      items: [...this.#items],
      usage: this.#usage(),
      diff: this.#diff,
      plan: this.#plan,
      changes: null,
    };
    return setUndo(snapshot, undoNothing);
  }

  /**
   * The runtime counts per thread, so the turn's usage is a difference. In a turn whose model reports no usage it repeats
   * the last total, so a known total from before is better than one inferred from the turn's first count.
   */
  #usage(): TurnUsage | null {
    const last = this.#lastUsage;
    if (last === null && this.#counted !== null) {
      // The runtime does not add a review to the total of its thread.
      return { turn: this.#counted, thread: this.#before ?? NOTHING, contextWindow: null };
    }
    if (last === null || this.#before === null) return null;
    return { turn: subtract(last.total, this.#before), thread: last.total, contextWindow: last.modelContextWindow };
  }
}

/** Adds up the turns that one thread runs one after another, of a goal or a sub-agent. */
export class TurnSeries {
  readonly #threadId: string;
  readonly #usedBefore: TokenUsageBreakdown | null;
  readonly #turns: TurnSnapshot[] = [];
  #current: { readonly id: string; readonly accumulator: TurnAccumulator } | null = null;
  #over = deferred<Over>();
  /** By the turns before the one in flight. */
  #spentTokens = 0;

  /** @param usedBefore - what the thread had used before its first turn here, if known. */
  constructor(threadId: string, usedBefore: TokenUsageBreakdown | null) {
    this.#threadId = threadId;
    this.#usedBefore = usedBefore;
  }

  /** The turns that have ended, in order. */
  get turns(): readonly TurnSnapshot[] {
    return this.#turns;
  }

  /** The turn in flight, or null. */
  get currentId(): string | null {
    return this.#current?.id ?? null;
  }

  /** Resolves when the turn in flight is over, or the next one when there is none. Never rejects. */
  get over(): Promise<Over> {
    return this.#over.promise;
  }

  /** The final response of the last turn that has one. */
  get finalResponse(): string | null {
    return this.#turns.findLast(({ finalResponse }) => finalResponse !== null)?.finalResponse ?? null;
  }

  /** The tokens that all turns have used so far. */
  get spentTokens(): number {
    return this.#spentTokens + (this.#current?.accumulator.spentTokens ?? 0);
  }

  /** The turn in flight as far as it has come, otherwise the last one; null when none has started. */
  latest(events: Iterable<TurnEvent>): TurnSnapshot | null {
    return this.#current?.accumulator.snapshot(null, events) ?? this.#turns.at(-1) ?? null;
  }

  /** `turn` is the sum over all turns. Null when the model reported no usage. */
  get usage(): TurnUsage | null {
    const used = this.#turns.flatMap(({ usage }) => usage ?? []);
    const last = used.at(-1);
    if (last === undefined) return null;
    const turn = used.reduce((total, usage) => add(total, usage.turn), NOTHING);
    return { turn, thread: last.thread, contextWindow: last.contextWindow };
  }

  /** Takes the next event of the thread. The end of a turn goes to `complete`. */
  add(event: TurnEvent): void {
    if (event.method === "turn/started") {
      const id = event.params.turn.id;
      const before = this.#turns.findLast(({ usage }) => usage !== null)?.usage?.thread ?? this.#usedBefore;
      this.abandon();
      this.#current = { id, accumulator: new TurnAccumulator({ threadId: this.#threadId, turnId: id }, before) };
    }
    this.#current?.accumulator.add(event);
  }

  /** Adds what one response of the model used, to the turn in flight. */
  count(turnId: string, usage: TokenUsageBreakdown): void {
    if (this.#current?.id === turnId) this.#current.accumulator.count(usage);
  }

  /** Ends the turn in flight. Null, and nothing changes, when another one is in flight or none. */
  complete(turn: Turn, events: Iterable<TurnEvent>): TurnSnapshot | null {
    if (this.#current?.id !== turn.id) return null;
    const snapshot = this.#current.accumulator.snapshot(turn, events);
    this.#turns.push(snapshot);
    this.#spentTokens = this.spentTokens;
    this.#current = null;
    this.#over.resolve("ended");
    this.#over = deferred();
    return snapshot;
  }

  /** No more events of the turn in flight will arrive. */
  abandon(): void {
    this.#spentTokens = this.spentTokens;
    this.#current = null;
    this.#over.resolve("lost");
  }
}

/** Sets `undo` where a structured clone of the result does not stumble over it. */
export function setUndo<T extends object>(result: T, undo: TurnSnapshot["undo"]): T & Pick<TurnSnapshot, "undo"> {
  Object.defineProperty(result, "undo", { value: undo, configurable: true, writable: true });
  // Keeps the property as it was defined: not enumerable.
  return Object.assign(result, { undo });
}

function undoNothing(): Promise<never> {
  const advice = "Run the turn with { checkpoint: true } to be able to undo it.";
  return Promise.reject(new UsageError(`undo: the turn was run without a checkpoint. ${advice}`));
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

/**
 * Yields the text of the agent's messages piece by piece, without commentary. Text that the deltas of a message did not
 * bring comes from its completed item. An empty line separates two messages.
 */
export async function* textOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<string, void, undefined> {
  const seen = new Map<string, string>();
  let isGapped = false;
  /** The messages that started after the last gap, so no delta of them is missing. */
  const whole = new Set<string>();
  const commentary = new Set<string>();
  let current: string | null = null;
  const piece = (itemId: string, text: string): string => {
    const separator = current !== null && current !== itemId ? "\n\n" : "";
    current = itemId;
    return separator + text;
  };
  for await (const event of events) {
    if (event.method === "item/started") {
      const { item } = event.params;
      if (item.type !== "agentMessage") continue;
      seen.set(item.id, "");
      whole.add(item.id);
      // A retry may start the message again under the same id.
      if (current === item.id) current = "";
      if (item.phase === "commentary") commentary.add(item.id);
      else commentary.delete(item.id);
    } else if (event.method === "item/agentMessage/delta") {
      const { itemId, delta } = event.params;
      if (commentary.has(itemId) || delta === "" || (isGapped && !whole.has(itemId))) continue;
      seen.set(itemId, (seen.get(itemId) ?? "") + delta);
      yield piece(itemId, delta);
    } else if (event.method === "item/completed") {
      const { item } = event.params;
      if (item.type !== "agentMessage" || item.phase === "commentary") continue;
      const before = seen.get(item.id) ?? "";
      if (item.text.length > before.length && item.text.startsWith(before)) {
        yield piece(item.id, item.text.slice(before.length));
      }
      seen.delete(item.id);
    } else if (event.method === "reconnected") {
      isGapped = true;
      whole.clear();
    }
  }
}

/** The texts of the agent's completed messages, without commentary and empty ones. */
function messagesIn(items: readonly ThreadItem[]): string[] {
  return items.flatMap((item) =>
    item.type === "agentMessage" && item.phase !== "commentary" && item.text !== "" ? item.text : [],
  );
}

/** The text so far of a message that is not complete. Empty when there is none, or when it is commentary. */
function unfinishedText(events: Iterable<TurnEvent>): string {
  let itemId: string | null = null;
  let isCommentary = false;
  let text = "";
  for (const event of events) {
    if (event.method === "item/started" && event.params.item.type === "agentMessage") {
      itemId = event.params.item.id;
      isCommentary = event.params.item.phase === "commentary";
      text = "";
    } else if (event.method === "item/agentMessage/delta") {
      // The log of a long turn may have dropped the start of the message.
      if (event.params.itemId !== itemId) {
        itemId = event.params.itemId;
        isCommentary = false;
        text = "";
      }
      text += event.params.delta;
    } else if (event.method === "item/completed" && event.params.item.id === itemId) {
      text = "";
    }
  }
  return isCommentary ? "" : text;
}
