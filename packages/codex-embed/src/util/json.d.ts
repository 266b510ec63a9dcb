/** How deep a JSON text from a model may be nested: what reads, copies or checks one calls itself for each level. */
/** The runtime refuses a message that is nested deeper on stderr alone, and never answers it (measured). */
export declare const MAX_MESSAGE_LEVELS = 127;
/** Narrows to an object with string keys; arrays are not. */
export declare function isRecord(value: unknown): value is Readonly<Record<string, unknown>>;
export declare const MAX_READ_LEVELS = 1000;
/** One value that JSON, or the runtime's reader of JSON, cannot carry. */
export interface JsonFault {
  /** Where it is: property names and array indices. */
  readonly path: readonly (string | number)[];
  /** What is wrong with it, as a predicate: "is a function". Never its content. */
  readonly problem: string;
  /** The value itself, unless it is nested too deep. */
  readonly value?: unknown;
}
/** What a value is held against. */
export interface JsonRules {
  /** How deep objects and arrays may be nested; a value that contains itself is refused as well. */
  readonly maxLevels: number;
  /** Accepts text with an unpaired surrogate. Default false. */
  readonly unpairedSurrogates?: boolean;
  /** Accepts names that the runtime's reader keeps for itself, for JSON that is sent as a text. Default false. */
  readonly reservedNames?: boolean;
  /** Accepts class instances. JSON carries only their own properties. Default false. */
  readonly instances?: boolean;
}
/**
 * Finds the first value that would be refused, lost or changed on its way through JSON: functions, symbols, BigInt, NaN,
 * undefined in a list, bytes, maps, errors and other objects of classes without `toJSON`, text that is not well-formed,
 * and nesting over the limit. Undefined members of objects are fine: they are left out. Linear in the size of the value;
 * never throws.
 */
export declare function findJsonFault(value: unknown, rules: JsonRules): JsonFault | undefined;
/** Describes a fault with its place; `root` names the value itself. */
export declare function describeFault({ path, problem }: JsonFault, root: string): string;
/**
 * The text of `JSON.stringify` with U+FFFD in place of every unpaired surrogate. `JSON.stringify` writes these as
 * escapes, and no other character from U+D000 on; behind an odd number of backslashes it is text that looks like one.
 */
export declare function replaceUnpairedSurrogates(json: string): string;
