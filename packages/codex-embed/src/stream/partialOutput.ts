import { MAX_READ_LEVELS } from "../util/json.js";
import type { TurnEvent } from "./events.js";

/** The shortest time between two looks at the value. */
const THROTTLE_MS = 50;
/** A look costs a copy of the value; the copies of a large one are kept to a small part of the time. */
const COPY_SHARE = 0.05;

/** Yields what can be read of the agent's answer so far, and the whole of it when it is complete. */
export async function* partialOutputOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<unknown, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  const pace = new Pace();
  let growing: Growing | null = null;
  let coming = iterator.next();
  try {
    for (;;) {
      const result = await (pace.due === null ? coming : Promise.race([coming, pace.due]));
      if (result === "due") {
        if (growing !== null) yield pace.look(growing);
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
          if (pace.mayLook()) yield pace.look(growing);
        }
      } else if (event.method === "item/completed") {
        const { item } = event.params;
        if (item.type === "agentMessage" && item.phase !== "commentary") {
          if (growing?.itemId !== item.id) growing = grow(item.id);
          growing.json.push(item.text.slice(growing.text.length));
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
    // Who stops reading does not care how the turn ends.
    coming.catch(() => {});
    await iterator.return?.();
  }
}

/** How often the value is looked at; what has grown since the last look is seen when the next one is due. */
class Pace {
  /** Resolves when the next look is due; null when nothing waits for it. */
  due: Promise<"due"> | null = null;
  #nextMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Whether it is time; if not, a look falls due. */
  mayLook(): boolean {
    const leftMs = this.#nextMs - performance.now();
    if (leftMs <= 0) return true;
    this.due ??= new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve("due"), leftMs);
    });
    return false;
  }

  look({ json }: Growing): unknown {
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

interface Growing {
  readonly itemId: string;
  readonly json: PartialJson;
  text: string;
  /** Whether pieces of it were missed, so that only the whole adds to it. */
  isCut: boolean;
}

function grow(itemId: string): Growing {
  return { itemId, json: new PartialJson(), text: "", isCut: false };
}

/** What may come next, outside of a string, a number or a literal. */
type Expected = "value" | "itemOrEnd" | "keyOrEnd" | "key" | "colon" | "commaOrEnd" | "nothing";

/** An object or a list that is open, and the property or the place that is being filled. */
type Frame =
  | { readonly kind: "object"; readonly target: Record<string, unknown>; key: string }
  | { readonly kind: "array"; readonly target: unknown[] };

/** A string that is being read: its decoded text, and what is not sure yet. */
interface OpenString {
  readonly isKey: boolean;
  text: string;
  escape: string;
  highSurrogate: string;
}

/** Everything from the space on, but for the quotation mark and the backslash. */
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
 * Reads a JSON text piece by piece, at a cost that is linear in its length: no piece is read twice.
 *
 * What is there so far is always a beginning of the final value: an unfinished string is there as far as it goes (never
 * half an escape or half a surrogate pair), an unfinished key, number or literal is not there yet. What is not JSON,
 * or is nested more than 1,000 levels deep, ends the reading; what was read before it stays.
 */
export class PartialJson {
  #state: "growing" | "complete" | "invalid" = "growing";
  #expected: Expected = "value";
  #root: unknown = undefined;
  readonly #stack: Frame[] = [];

  #string: OpenString | null = null;
  /** The number or literal that is being read, as it came: joining it for each piece would copy it each time. */
  #scalar: string[] = [];

  /** Whether the text is a whole JSON value (`complete`), cannot become one (`invalid`), or neither yet. */
  get state(): "growing" | "complete" | "invalid" {
    return this.#state;
  }

  /**
   * What is there so far; undefined when nothing is. It is the same object each time and goes on growing with `push`:
   * a copy for each look would make the cost quadratic. Copy it (`structuredClone`) to keep it, and do not change it.
   */
  value(): unknown {
    return this.#root;
  }

  /** Reads the next piece of the text, however it is cut. */
  push(text: string): void {
    let at = 0;
    while (at < text.length && this.#state !== "invalid") {
      if (this.#string !== null) at = this.#readString(this.#string, text, at);
      else if (this.#scalar.length > 0) at = this.#readScalar(text, at);
      else at = this.#readMark(text, at);
    }
    if (this.#string !== null && !this.#string.isKey) this.#replace(this.#string.text);
  }

  /** Says that the text is over: a number at its end is then whole, and a text that is not whole is invalid. */
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

  /** A literal is over with its last letter; a number with the first character that is none of its own. */
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

  /** Adds to a string, but for a high surrogate at its end: it is half a character until the low one is there. */
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

  /** Puts a new value where the next one belongs. */
  #place(value: unknown): void {
    const frame = this.#stack.at(-1);
    if (frame?.kind === "array") frame.target.push(value);
    else this.#replace(value);
  }

  /** Puts a value in place of the one that was put last. */
  #replace(value: unknown): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) this.#root = value;
    else if (frame.kind === "array") frame.target[frame.target.length - 1] = value;
    else if (frame.key !== "__proto__") frame.target[frame.key] = value;
    else {
      // As JSON.parse does: a property of this name, not another prototype.
      Object.defineProperty(frame.target, frame.key, { value, writable: true, enumerable: true, configurable: true });
    }
  }
}

/** Where a run of characters ends that begins at `from`. */
function endOf(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  sticky.test(text);
  return Math.max(from, sticky.lastIndex);
}
