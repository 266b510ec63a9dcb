import type { TurnOutcome } from "../client/turn.js";
import { CodexError, messageOf } from "../errors/base.js";
import { StreamOverflowError } from "../errors/turn.js";
import type { ThreadItem, TokenUsageBreakdown, TurnPlanStep } from "../protocol/generated/protocol.js";
import type { TurnEvent } from "../stream/events.js";
import { onAbort } from "../util/async.js";
import { type Answer, answerOf, type Call, callOf, isCall } from "./calls.js";
import type { Included, UiTurn } from "./options.js";

/** The kinds of growing text. */
export type TextKind = "text" | "reasoning";

/**
 * What a page is told of a turn, before it takes the form of a protocol. Every id is new when it opens, each that opens
 * also closes before the end, and `delta` and `close` name one that is open.
 */
export type Update =
  | { readonly type: "open"; readonly kind: TextKind; readonly id: string; readonly phase: string | null }
  | { readonly type: "delta"; readonly kind: TextKind; readonly id: string; readonly delta: string }
  /** `withdrawn`: the model dropped this text, by a retry or a steer. The page should not show it any longer. */
  | { readonly type: "close"; readonly kind: TextKind; readonly id: string; readonly withdrawn: boolean }
  | { readonly type: "call"; readonly id: string; readonly call: Call }
  | { readonly type: "answer"; readonly id: string; readonly answer: Answer }
  | { readonly type: "plan"; readonly plan: PlanData }
  | { readonly type: "diff"; readonly diff: string }
  | { readonly type: "status"; readonly status: StatusData }
  | { readonly type: "end"; readonly end: EndData };

/** The agent's plan, as it stands. */
export interface PlanData {
  readonly explanation: string | null;
  readonly steps: readonly TurnPlanStep[];
}

/** Why nothing grows for a while. `message` is null unless `include.errors` is set. */
export interface StatusData {
  readonly state: "retrying" | "reconnected";
  readonly message: string | null;
}

/** How a turn ended. `error` is null unless it failed. */
export interface EndData {
  readonly status: "completed" | "interrupted" | "failed";
  readonly usage: TokenUsageBreakdown | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/**
 * Reads a turn from its first event to its end. The updates depend on the turn and on `include` alone, except that a
 * reader that lags gets adjacent deltas as one. Never throws.
 *
 * @param gone - ends the reading, without an `end`, when it aborts.
 */
export async function* updatesOf(turn: UiTurn, include: Included, gone: AbortSignal): AsyncGenerator<Update> {
  const view = new View(include);
  const reader = turn[Symbol.asyncIterator]();
  // The return() of a generator would wait for the next event. That of the reader does not.
  const stopListening = onAbort(gone, () => void reader.return?.());
  let overflow: StreamOverflowError | null = null;
  try {
    for await (const event of reader) yield* view.add(event);
  } catch (error) {
    // Any other error of the reader is that of the outcome.
    if (StreamOverflowError.isInstance(error)) overflow = error;
  } finally {
    stopListening();
  }
  if (gone.aborted) return;
  yield* view.close();
  const end = overflow === null ? endOf(await turn.outcome(), include) : lostEnd(overflow, include);
  yield { type: "end", end };
}

/** The errors of a turn that someone stopped, rather than that it failed: a signal's reason is no error of this SDK. */
const LIMITS: ReadonlySet<string> = new Set(["TURN_DEADLINE", "TURN_STALLED", "BUDGET_EXCEEDED"]);

function endOf({ status, result, error }: TurnOutcome<unknown>, include: Included): EndData {
  const usage = result.usage?.turn ?? null;
  if (status === "completed") return { status, usage, error: null };
  const isLimit = CodexError.isInstance(error) && LIMITS.has(error.code);
  if (status === "interrupted" && !isLimit) return { status, usage, error: null };
  return { status: "failed", usage, error: errorOf(error, include) };
}

function lostEnd(error: StreamOverflowError, include: Included): EndData {
  return { status: "failed", usage: null, error: errorOf(error, include) };
}

const SENTENCES: Readonly<Record<string, string>> = {
  TURN_DEADLINE: "The agent ran out of time.",
  TURN_STALLED: "The agent stopped responding.",
  BUDGET_EXCEEDED: "The agent used up its budget.",
  OUTPUT_INVALID: "The agent's answer is not valid.",
  STREAM_OVERFLOW: "The beginning of this answer is no longer available.",
};

function errorOf(error: unknown, include: Included): { code: string; message: string } {
  const code = CodexError.isInstance(error) ? error.code : "ERROR";
  const general = (Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : undefined) ?? "The agent failed.";
  return { code, message: include.errors ? messageOf(error) : general };
}

/** A text of the model on its way. */
interface Text {
  readonly kind: TextKind;
  readonly phase: string | null;
  /** Null until there is something to show. */
  id: string | null;
  shown: string;
  /** The section of the last delta: the summary of a reasoning has several. */
  section: number;
  /** Deltas were missed, so what follows has to wait for the completed item. */
  isGapped: boolean;
}

/** A text item, and where its text is. */
interface TextItem {
  readonly kind: TextKind;
  readonly text: string;
  readonly phase: string | null;
}

/** What a page shows of a turn so far. */
class View {
  readonly #include: Included;
  readonly #texts = new Map<string, Text>();
  /** The ids of the calls that are not answered, by item. */
  readonly #calls = new Map<string, string>();
  readonly #usedIds = new Set<string>();
  #isGapped = false;

  constructor(include: Included) {
    this.#include = include;
  }

  *add(event: TurnEvent): Generator<Update> {
    switch (event.method) {
      case "item/started":
        return yield* this.#start(event.params.item);
      case "item/completed":
        return yield* this.#complete(event.params.item);
      case "item/agentMessage/delta":
      case "item/plan/delta":
        return yield* this.#grow("text", event.params.itemId, event.params.delta, 0);
      case "item/reasoning/summaryTextDelta": {
        const { itemId, delta, summaryIndex } = event.params;
        return yield* this.#grow("reasoning", itemId, delta, summaryIndex);
      }
      case "turn/plan/updated": {
        const { explanation, plan } = event.params;
        return yield { type: "plan", plan: { explanation, steps: plan } };
      }
      case "turn/diff/updated":
        if (this.#include.diffs) yield { type: "diff", diff: event.params.diff };
        return;
      case "error": {
        if (!event.params.willRetry) return;
        yield* this.#withdraw();
        const message = this.#include.errors ? event.params.error.message : null;
        return yield { type: "status", status: { state: "retrying", message } };
      }
      case "reconnected":
        this.#isGapped = true;
        for (const text of this.#texts.values()) text.isGapped = true;
        return yield { type: "status", status: { state: "reconnected", message: null } };
      default:
        return;
    }
  }

  /** Closes what is open: the turn has ended. What there is of a text stays. */
  *close(): Generator<Update> {
    for (const text of this.#texts.values()) yield* closed(text, false);
    for (const id of this.#calls.values()) {
      const answer: Answer = { output: { status: "interrupted" }, error: "The turn ended before this call." };
      yield { type: "answer", id, answer };
    }
  }

  *#start(item: ThreadItem): Generator<Update> {
    // A steer: the model drops what it was about to say.
    if (item.type === "userMessage") return yield* this.#withdraw();
    const text = textItem(item);
    if (text !== null) {
      for (const [id, other] of this.#texts) {
        if (id === item.id || other.kind === text.kind) yield* this.#drop(id, other);
      }
      this.#texts.set(item.id, { ...text, id: null, shown: "", section: 0, isGapped: false });
    } else if (isCall(item)) {
      yield* this.#call(item);
    }
  }

  *#complete(item: ThreadItem): Generator<Update> {
    const whole = textItem(item);
    if (whole !== null) return yield* this.#completeText(item.id, whole);
    if (!isCall(item)) return;
    const id = this.#calls.get(item.id) ?? (yield* this.#call(item));
    this.#calls.delete(item.id);
    const unreadable: Answer = { output: { status: "unknown" }, error: null };
    yield { type: "answer", id, answer: readable(() => answerOf(item, this.#include), unreadable) };
  }

  *#completeText(itemId: string, whole: TextItem): Generator<Update> {
    let text: Text = this.#texts.get(itemId) ?? { ...whole, id: null, shown: "", section: 0, isGapped: false };
    this.#texts.delete(itemId);
    if (!whole.text.startsWith(text.shown)) {
      yield* closed(text, true);
      text = { ...text, id: null, shown: "" };
    }
    yield* this.#append(itemId, text, whole.text.slice(text.shown.length));
    yield* closed(text, false);
  }

  *#grow(kind: TextKind, itemId: string, delta: string, section: number): Generator<Update> {
    let text = this.#texts.get(itemId);
    if (text === undefined) {
      text = { kind, phase: null, id: null, shown: "", section, isGapped: this.#isGapped };
      this.#texts.set(itemId, text);
    }
    if (text.isGapped || delta === "") return;
    const separator = text.shown !== "" && text.section !== section ? SECTION : "";
    text.section = section;
    yield* this.#append(itemId, text, separator + delta);
  }

  *#append(itemId: string, text: Text, piece: string): Generator<Update> {
    if (piece === "" || (text.kind === "reasoning" && !this.#include.reasoning)) return;
    const { kind, phase } = text;
    if (text.id === null) {
      text.id = this.#newId(itemId);
      yield { type: "open", kind, id: text.id, phase };
    }
    text.shown += piece;
    yield { type: "delta", kind, id: text.id, delta: piece };
  }

  *#call(item: ThreadItem & Parameters<typeof callOf>[0]): Generator<Update, string> {
    const before = this.#calls.get(item.id);
    if (before !== undefined) {
      yield { type: "answer", id: before, answer: { output: { status: "interrupted" }, error: "Withdrawn." } };
    }
    const id = this.#newId(item.id);
    this.#calls.set(item.id, id);
    yield { type: "call", id, call: readable(() => callOf(item, this.#include), { name: item.type, input: {} }) };
    return id;
  }

  *#withdraw(): Generator<Update> {
    for (const [id, text] of this.#texts) yield* this.#drop(id, text);
  }

  *#drop(itemId: string, text: Text): Generator<Update> {
    this.#texts.delete(itemId);
    yield* closed(text, true);
  }

  /** The id of an item, unless it was used before: the model chooses ids, and a retry can use one again. */
  #newId(itemId: string): string {
    let id = itemId;
    for (let count = 2; this.#usedIds.has(id); count += 1) id = `${itemId}#${count}`;
    this.#usedIds.add(id);
    return id;
  }
}

const SECTION = "\n\n";

function* closed({ kind, id }: Text, withdrawn: boolean): Generator<Update> {
  if (id !== null) yield { type: "close", kind, id, withdrawn };
}

function textItem(item: ThreadItem): TextItem | null {
  switch (item.type) {
    case "agentMessage":
      return { kind: "text", text: item.text, phase: item.phase };
    case "plan":
      return { kind: "text", text: item.text, phase: null };
    case "reasoning":
      return { kind: "reasoning", text: item.summary.join(SECTION), phase: null };
    default:
      return null;
  }
}

/** An item of another version of the runtime may lack what this one always has. */
function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
