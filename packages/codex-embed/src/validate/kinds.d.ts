import { UsageError } from "../errors/base.js";
import { MAX_TIMER_MS } from "../util/async.js";
/** Where a value was given: the call that took it, and the path of the option in the options of that call. */
export interface Place {
  readonly call: string;
  readonly path: string;
}
/** Throws `UsageError` for a value that the option does not take. */
export interface Check {
  (value: unknown, place: Place): void;
  /** Whether the option must be given. Other checks never see `undefined`: such an option is absent. */
  readonly isRequired?: true;
}
export { MAX_TIMER_MS };
/** A longer name is nobody's slip. */
export declare const MAX_KEY_CHARS = 60;
/** Describes what kind of value this is, never the value itself. */
export declare function kindOf(value: unknown): string;
/** The error for a value of the wrong kind. `advice` says what the option takes. */
export declare function wrongKind(value: unknown, { call, path }: Place, advice: string): UsageError;
export declare const text: Check;
export declare const folder: Check;
export declare const filled: Check;
export declare const flag: Check;
export declare const callback: Check;
export declare const record: Check;
export declare const list: Check;
/** For what is checked where it is used. */
export declare const anything: Check;
/** A signal, from another realm or a polyfill as well. Its controller is a common slip. */
export declare const signal: Check;
/** A time that a timer can hold. */
export declare const milliseconds: Check;
/** A time after which a wait is given up. `Infinity` never gives up. */
export declare const timeout: Check;
/** An integer from `least` on. */
export declare function integer(least: number): Check;
/** A number in a range. */
export declare function numberFrom(least: number, most?: number): Check;
/** One of these strings. */
export declare function oneOf(known: readonly string[]): Check;
/** An option that must be given. */
export declare function required(check: Check): Check;
/** The check, or null. */
export declare function nullable(check: Check): Check;
/** An array whose entries pass the check. */
export declare function listOf(check: Check): Check;
/** An object whose values pass the check, whatever its keys. Entries that are undefined are absent. */
export declare function recordOf(check: Check): Check;
/** The first check whose test the value passes; else the last. */
export declare function either(
  ...branches: readonly (readonly [test: (value: unknown) => boolean, check: Check])[]
): Check;
/** An object with members of its own: no array, and nothing like a Map or a Date, whose content would get lost. */
export declare function isObject(value: unknown): value is object;
/** A place inside another one. */
export declare function at({ call, path }: Place, step: string): Place;
/** A key as it is shown in a message: as it is when it is a plain name, else quoted; cut when it is long. */
export declare function shownKey(key: string): string;
/** The candidate that a mistyped word was most likely meant to be, or null when none is near. */
export declare function nearest(word: string, candidates: readonly string[]): string | null;
/** How many letters have to be added, removed, changed or swapped with their neighbour. */
export declare function editDistance(from: string, to: string): number;
