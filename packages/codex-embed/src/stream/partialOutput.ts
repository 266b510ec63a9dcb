import { MAX_READ_LEVELS } from "../util/json.js";
import type { TurnEvent } from "./events.js";

/** The shortest time between two values. */
const THROTTLE_MS = 50;
/** The share of the time that may be spent on copying the value, which a large one would exceed every 50 ms. */
const COPY_SHARE = 0.05;

/** Yields the readable part of the agent's JSON answer while it grows, and the whole answer when it is complete. */
export async function* partialOutputOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<unknown, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  const pace = new Pace();
  let growing: Growing | null = null;
  let coming = iterator.next();
  try {
    for (;;) {
      const result = await (pace.due === null ? coming : Promise.race([coming, pace.due]));
      if (result === "due") {
        if (growing !== null) yield pace.take(growing);
        continue;
      }
      if (result.done) return;
      const event = result.value;
      if (event.method === "item/started") {
        const { item } = event.params;
        const isAnswer = item.type === "agentMessage" && item.phase !== "commentary";
        if (isAnswer) {
          pace.cancel();
          growing = grow(item.id);
        }
      } else if (event.method === "item/agentMessage/delta") {
        const { itemId, delta } = event.params;
        if (growing?.itemId === itemId && !growing.isCut) {
          growing.json.push(delta);
          growing.text += delta;
          if (pace.mayTake()) yield pace.take(growing);
        }
      } else if (event.method === "item/completed") {
        const { item } = event.params;
        if (item.type === "agentMessage" && item.phase !== "commentary") {
          if (growing?.itemId !== item.id) growing = grow(item.id);
          growing.json.push(item.text.slice(growing.text.length));
          growing.json.end();
          pace.cancel();
          yield growing.json.value();
          growing = null;
        }
      } else if (event.method === "reconnected" && growing !== null) {
        growing.isCut = true;
      }
      coming = iterator.next();
    }
  } finally {
    pace.cancel();
    // A reader that has left does not care how the turn ends.
    coming.catch(() => {});
    await iterator.return?.();
  }
}

/** Limits how often a value is yielded. Text that arrives too soon after the last value is shown when the next is due. */
class Pace {
  /** Resolves when the next value is due; null when nothing new waits for it. */
  due: Promise<"due"> | null = null;
  #nextMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Whether a value may be taken now. If not, starts the timer of `due`. */
  mayTake(): boolean {
    const leftMs = this.#nextMs - performance.now();
    if (leftMs <= 0) return true;
    this.due ??= new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve("due"), leftMs);
    });
    return false;
  }

  /** A copy of the value so far. */
  take({ json }: Growing): unknown {
    this.cancel();
    const beganMs = performance.now();
    const value: unknown = structuredClone(json.value());
    const endedMs = performance.now();
    this.#nextMs = endedMs + Math.max(THROTTLE_MS, (endedMs - beganMs) / COPY_SHARE);
    return value;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.due = null;
  }
}

/** The message whose text is growing. */
interface Growing {
  readonly itemId: string;
  readonly json: PartialJson;
  text: string;
  /** Whether deltas were missed, so that only the completed item adds to it. */
  isCut: boolean;
}

function grow(itemId: string): Growing {
  return { itemId, json: new PartialJson(), text: "", isCut: false };
}

/** What may come next outside of a string, a number or a literal. */
type Expected = "value" | "itemOrEnd" | "keyOrEnd" | "key" | "colon" | "commaOrEnd" | "nothing";

/** An open object or array, and the key that is being filled. */
type Frame =
  | { readonly kind: "object"; readonly target: Record<string, unknown>; key: string }
  | { readonly kind: "array"; readonly target: unknown[] };

/** A string that is being read: its decoded text, and what may still change. */
interface OpenString {
  readonly isKey: boolean;
  text: string;
  escape: string;
  highSurrogate: string;
}

/** Every character from the space on, except the quotation mark and the backslash. */
const PLAIN_TEXT = /[ !#-[\]-\uffff]*/y;
const SCALAR = /[-+.0-9A-Za-z]*/y;
const SPACE = /[ \t\n\r]*/y;
const NUMBER_START = /^[-0-9]/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const HEX = /^[0-9a-fA-F]$/;
const LITERALS = new Map<string, boolean | null>([
  ["true", true],
  ["false", false],
  ["null", null],
]);
const ESCAPES = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }),
);

/**
 * Parses a JSON text piece by piece, in time linear in its length: no piece is read twice.
 *
 * The value so far is always a beginning of the final value. It includes an unfinished string as far as it goes (never half
 * an escape or half a surrogate pair), but no unfinished key, number or literal. Text that is not JSON, or is nested more
 * than 1,000 levels deep, ends the parsing; what was read before stays.
 */
export class PartialJson {
  #state: "growing" | "complete" | "invalid" = "growing";
  #expected: Expected = "value";
  #root: unknown = undefined;
  readonly #stack: Frame[] = [];

  #string: OpenString | null = null;
  /** The pieces of the number or literal that is being read: joining them for each piece would copy them each time. */
  #scalar: string[] = [];

  /** `complete`: the text is a whole JSON value. `invalid`: it cannot become one. `growing`: neither. */
  get state(): "growing" | "complete" | "invalid" {
    return this.#state;
  }

  /**
   * The value so far; undefined when there is none. The same object each time, which `push` extends: a copy for each call
   * would make the cost quadratic. Do not change it; copy it (`structuredClone`) to keep it.
   */
  value(): unknown {
    return this.#root;
  }

  /** Reads the next piece of the text, which may be cut anywhere. */
  push(text: string): void {
    let at = 0;
    while (at < text.length && this.#state !== "invalid") {
      if (this.#string !== null) at = this.#readString(this.#string, text, at);
      else if (this.#scalar.length > 0) at = this.#readScalar(text, at);
      else at = this.#readMark(text, at);
    }
    if (this.#string !== null && !this.#string.isKey) this.#replace(this.#string.text);
  }

  /** Marks the end of the text: a number at its end is then complete, and a text that is not complete is invalid. */
  end(): void {
    if (this.#scalar.length > 0) this.#endScalar();
    if (this.#state === "growing") this.#state = "invalid";
  }

  #readMark(text: string, from: number): number {
    const at = endOf(SPACE, text, from);
    const mark = text[at];
    if (mark === undefined) return at;
    const frame = this.#stack.at(-1);
    const wantsValue = this.#expected === "value" || this.#expected === "itemOrEnd";
    const wantsKey = this.#expected === "key" || this.#expected === "keyOrEnd";
    const mayEnd = this.#expected === "commaOrEnd";
    if (mark === '"' && (wantsValue || wantsKey)) {
      if (wantsValue) this.#place("");
      this.#string = { isKey: wantsKey, text: "", escape: "", highSurrogate: "" };
    } else if ((mark === "{" || mark === "[") && wantsValue) {
      this.#open(mark);
    } else if (mark === "}" && frame?.kind === "object" && (mayEnd || this.#expected === "keyOrEnd")) {
      this.#stack.pop();
      this.#endValue();
    } else if (mark === "]" && frame?.kind === "array" && (mayEnd || this.#expected === "itemOrEnd")) {
      this.#stack.pop();
      this.#endValue();
    } else if (mark === "," && mayEnd) {
      this.#expected = frame?.kind === "object" ? "key" : "value";
    } else if (mark === ":" && this.#expected === "colon") {
      this.#expected = "value";
    } else if (wantsValue) {
      const end = this.#readScalar(text, at);
      if (end === at) this.#state = "invalid";
      return end;
    } else {
      this.#state = "invalid";
    }
    return at + 1;
  }

  #open(mark: "{" | "["): void {
    if (this.#stack.length === MAX_READ_LEVELS) {
      this.#state = "invalid";
    } else if (mark === "{") {
      const target = {};
      this.#place(target);
      this.#stack.push({ kind: "object", target, key: "" });
      this.#expected = "keyOrEnd";
    } else {
      const target: unknown[] = [];
      this.#place(target);
      this.#stack.push({ kind: "array", target });
      this.#expected = "itemOrEnd";
    }
  }

  /** A literal ends with its last letter, a number before the first character that cannot belong to it. */
  #readScalar(text: string, from: number): number {
    const end = endOf(SCALAR, text, from);
    if (end > from) this.#scalar.push(text.slice(from, end));
    const [start] = this.#scalar;
    if (start === undefined) return end;
    if (NUMBER_START.test(start)) {
      if (end < text.length) this.#endScalar();
      return end;
    }
    const literal = this.#scalar.join("");
    if (![...LITERALS.keys()].some((each) => each.startsWith(literal))) this.#state = "invalid";
    else if (end < text.length || LITERALS.has(literal)) this.#endScalar();
    return end;
  }

  #endScalar(): void {
    const text = this.#scalar.join("");
    this.#scalar = [];
    const literal = LITERALS.get(text);
    if (literal !== undefined) this.#place(literal);
    else if (NUMBER.test(text)) this.#place(Number(text));
    else {
      this.#state = "invalid";
      return;
    }
    this.#endValue();
  }

  #readString(string: OpenString, text: string, from: number): number {
    if (string.escape !== "") return this.#readEscape(string, text, from);
    const end = endOf(PLAIN_TEXT, text, from);
    if (end > from) this.#append(string, text.slice(from, end));
    const mark = text[end];
    if (mark === undefined) return end;
    if (mark === "\\") string.escape = mark;
    else if (mark === '"') this.#endString(string);
    else this.#state = "invalid";
    return end + 1;
  }

  #readEscape(string: OpenString, text: string, at: number): number {
    const mark = text.charAt(at);
    if (string.escape === "\\" && mark !== "u") {
      const decoded = ESCAPES.get(mark);
      if (decoded === undefined) this.#state = "invalid";
      else this.#append(string, decoded);
      string.escape = "";
      return at + 1;
    }
    if (string.escape !== "\\" && !HEX.test(mark)) {
      this.#state = "invalid";
      return at;
    }
    string.escape += mark;
    if (string.escape.length === "\\u0000".length) {
      this.#append(string, String.fromCharCode(Number.parseInt(string.escape.slice(2), 16)));
      string.escape = "";
    }
    return at + 1;
  }

  /** Adds to a string, except a high surrogate at the end: it is half a character until the low one arrives. */
  #append(string: OpenString, piece: string): void {
    const text = string.highSurrogate + piece;
    const last = text.charCodeAt(text.length - 1);
    const isHalf = last >= 0xd800 && last <= 0xdbff;
    string.text += isHalf ? text.slice(0, -1) : text;
    string.highSurrogate = isHalf ? text.slice(-1) : "";
  }

  #endString(string: OpenString): void {
    const text = string.text + string.highSurrogate;
    this.#string = null;
    const frame = this.#stack.at(-1);
    if (!string.isKey) {
      this.#replace(text);
      this.#endValue();
    } else if (frame?.kind === "object") {
      frame.key = text;
      this.#expected = "colon";
    }
  }

  #endValue(): void {
    if (this.#stack.length > 0) this.#expected = "commaOrEnd";
    else {
      this.#expected = "nothing";
      this.#state = "complete";
    }
  }

  /** Adds a new value in the next place. */
  #place(value: unknown): void {
    const frame = this.#stack.at(-1);
    if (frame?.kind === "array") frame.target.push(value);
    else this.#replace(value);
  }

  /** Replaces the value that was added last. */
  #replace(value: unknown): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) this.#root = value;
    else if (frame.kind === "array") frame.target[frame.target.length - 1] = value;
    else if (frame.key !== "__proto__") frame.target[frame.key] = value;
    else {
      // As in JSON.parse: a property of this name, not another prototype.
      Object.defineProperty(frame.target, frame.key, { value, writable: true, enumerable: true, configurable: true });
    }
  }
}

/** The end of the match that starts at `from`; `from` if there is none. */
function endOf(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  sticky.test(text);
  return Math.max(from, sticky.lastIndex);
}
