import { UsageError } from "../errors/base.js";
import { MAX_TIMER_MS } from "../util/async.js";
import { isRecord } from "../util/json.js";

/** Where a value was given: the call, and the path of the option in the options of that call. */
export interface Place {
  readonly call: string;
  readonly path: string;
}

/** Throws `UsageError` for a value that the option does not accept. */
export interface Check {
  (value: unknown, place: Place): void;
  /** Whether the option must be given. Other checks never see `undefined`: such an option is absent. */
  readonly isRequired?: true;
}

/** Longer names are cut in messages, and are not typos. */
const MAX_NAME_CHARS = 60;

/** Classes that a message names. The names of other classes are the user's own. */
const BUILT_INS: ReadonlySet<string> = new Set([
  "AbortController",
  "AbortSignal",
  "ArrayBuffer",
  "Blob",
  "Buffer",
  "Date",
  "Error",
  "Headers",
  "Map",
  "Promise",
  "RegExp",
  "Set",
  "URL",
  "Uint8Array",
]);

/** Describes the kind of a value, never the value itself. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return value === "" ? "an empty string" : "a string";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const name = classOf(value);
  return name === null ? "an object" : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

function classOf(value: object): string | null {
  try {
    const { constructor } = value;
    return typeof constructor === "function" && BUILT_INS.has(constructor.name) ? constructor.name : null;
  } catch {
    return null;
  }
}

/** Makes the error for a value of the wrong kind. `advice` says what the option accepts. */
export function wrongKind(value: unknown, { call, path }: Place, advice: string): UsageError {
  return new UsageError(`${call}: ${path} is ${kindOf(value)}. ${advice}`);
}

function kind(accepts: (value: unknown) => boolean, advice: string): Check {
  return (value, place) => {
    if (!accepts(value)) throw wrongKind(value, place, advice);
  };
}

export const text = kind((value) => typeof value === "string", "Give a string.");
export const folder = kind((value) => typeof value === "string" || value instanceof URL, "Give a path or a file: URL.");
export const filled = kind((value) => typeof value === "string" && value.trim() !== "", "Give a non-empty string.");
export const flag = kind((value) => typeof value === "boolean", "Give true or false.");
export const callback = kind((value) => typeof value === "function", "Give a function.");
export const record = kind((value) => isObject(value), "Give an object.");
export const list = kind((value) => Array.isArray(value), "Give an array.");
/** For a value that is checked where it is used. */
export const anything: Check = () => {};

/** A signal, also of another realm or a polyfill. A common mistake is to pass its controller. */
export const signal: Check = (value, place) => {
  if (value instanceof EventTarget && "aborted" in value) return;
  const isController = value instanceof AbortController;
  throw wrongKind(value, place, isController ? "Give its .signal." : "Give an AbortSignal.");
};

/** A time that fits a timer. */
export const milliseconds: Check = (value, { call, path }) => {
  if (typeof value === "number" && value > 0 && value <= MAX_TIMER_MS) return;
  throw new UsageError(
    `${call}: ${path} is ${typeof value === "number" ? value : kindOf(value)}; it must be more than 0 and at most ` +
      `${MAX_TIMER_MS} ms. Leave it out for the default.`,
  );
};

/** A time limit. `Infinity` means none. */
export const timeout: Check = (value, { call, path }) => {
  if (typeof value === "number" && value > 0) return;
  throw new UsageError(
    `${call}: ${path} is ${typeof value === "number" ? value : kindOf(value)}; it must be more than 0 ms.`,
  );
};

/** An integer ≥ `least`. */
export function integer(least: number): Check {
  return (value, { call, path }) => {
    if (Number.isSafeInteger(value) && Number(value) >= least) return;
    throw new UsageError(
      `${call}: ${path} is ${typeof value === "number" ? value : kindOf(value)}; it must be an integer ≥ ${least}.`,
    );
  };
}

/** A number in a range. */
export function numberFrom(least: number, most: number = Number.POSITIVE_INFINITY): Check {
  const range = most === Number.POSITIVE_INFINITY ? `≥ ${least}` : `from ${least} to ${most}`;
  return (value, { call, path }) => {
    if (typeof value === "number" && value >= least && value <= most) return;
    throw new UsageError(
      `${call}: ${path} is ${typeof value === "number" ? value : kindOf(value)}; it must be a number ${range}.`,
    );
  };
}

/** One of these strings. */
export function oneOf(known: readonly string[]): Check {
  return (value, place) => {
    if (typeof value === "string" && known.includes(value)) return;
    const { call, path } = place;
    const names = known.map((name) => JSON.stringify(name)).join(", ");
    const near = typeof value === "string" ? didYouMean(value, known) : null;
    const what = typeof value === "string" && value !== "" ? "an unknown string" : kindOf(value);
    const guess = near === null ? "" : ` Did you mean ${JSON.stringify(near)}?`;
    throw new UsageError(`${call}: ${path} is ${what}; it must be one of ${names}.${guess}`);
  };
}

/** An option that must be given. */
export function required(check: Check): Check {
  return Object.assign((value: unknown, place: Place) => check(value, place), { isRequired: true } as const);
}

/** A value that passes a check, or null. */
export function nullable(check: Check): Check {
  return (value, place) => {
    if (value !== null) check(value, place);
  };
}

/** An array whose entries pass a check. */
export function listOf(check: Check): Check {
  return (value, place) => {
    list(value, place);
    // Array.from also visits holes.
    if (Array.isArray(value)) Array.from(value, (entry, index) => check(entry, at(place, `[${index}]`)));
  };
}

/** An object with any keys whose values pass a check. Entries that are undefined count as absent. */
export function recordOf(check: Check): Check {
  return (value, place) => {
    if (!isObject(value)) throw wrongKind(value, place, "Give an object.");
    for (const [key, entry] of Object.entries(value)) {
      if (entry !== undefined) check(entry, at(place, `.${shownKey(key)}`));
    }
  };
}

/** Applies the check of the first branch whose test the value passes, else of the last branch. */
export function either(...branches: readonly (readonly [test: (value: unknown) => boolean, check: Check])[]): Check {
  return (value, place) => {
    const branch = branches.find(([test]) => test(value)) ?? branches.at(-1);
    branch?.[1](value, place);
  };
}

/** Tells whether a value is an object whose properties are its content: not an array, a Map, a Date, …. */
export function isObject(value: unknown): value is object {
  return isRecord(value) && classOf(value) === null;
}

/** Returns the place one step inside another one: `.name` or `[0]`. */
export function at({ call, path }: Place, step: string): Place {
  return { call, path: path === "" ? step.replace(/^\./, "") : `${path}${step}` };
}

/** Writes a key for a message: a plain name as it is, any other quoted. A long one is cut. */
export function shownKey(key: string): string {
  const cut = key.length > MAX_NAME_CHARS ? `${key.slice(0, MAX_NAME_CHARS)}…` : key;
  return /^[\w$-]+$/.test(cut) ? cut : JSON.stringify(cut);
}

/** Returns the candidate that a mistyped word was most likely meant to be; null when none is close, or the word is long. */
export function didYouMean(word: string, candidates: readonly string[]): string | null {
  if (word.length > MAX_NAME_CHARS) return null;
  const limit = Math.max(1, Math.floor(word.replace(/^-+/, "").length / 3));
  let best: { candidate: string; distance: number } | null = null;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance };
  }
  const begun = candidates.filter((candidate) => candidate.startsWith(word));
  return best?.candidate ?? (begun.length === 1 ? (begun[0] ?? null) : null);
}

/** How many letters to add, remove, change or swap with their neighbour. */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        cell(last, column) + 1,
        cell(current, column - 1) + 1,
        cell(last, column - 1) + (same ? 0 : 1),
        swapped ? cell(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return cell(last, to.length);
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
