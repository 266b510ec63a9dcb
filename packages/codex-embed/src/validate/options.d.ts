import { type Check } from "./kinds.js";
/** Every option of a type, with its check: the compiler refuses a table that misses one, or has one too many. */
export type OptionTable<T> = {
  readonly [K in keyof T]-?: Check;
};
/** The tables of a union of options, by what its members have in `K`. */
export type VariantTables<T extends Readonly<Record<K, string>>, K extends string> = {
  readonly [V in T as V[K]]: OptionTable<V>;
};
/**
 * Checks the options of a call: keys that the table does not know are refused, and so are values of the wrong kind.
 *
 * Own enumerable string keys count as given. A known option that an instance inherits from its class is taken as well,
 * and made an own one; `undefined` counts as absent.
 *
 * @throws UsageError naming the option, the kind of its value, and what to do.
 */
export declare function checkOptions<T extends object>(
  options: T,
  call: string,
  table: OptionTable<NoInfer<T>>,
  elsewhere?: Advice,
): T;
/** A check of nested options. */
export declare function nested<T extends object>(table: OptionTable<T>): Check;
/** Like {@link nested}, but an instance of a class may have more than the table knows: state of its own, say. */
export declare function members<T extends object>(table: OptionTable<T>): Check;
/** A check of options that differ by kind: `tag` holds the name of the table that counts. */
export declare function variants(tag: string, tables: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check;
/** What to do in place of an option, by its name. */
export type Advice = Readonly<Record<string, string>>;
/** Options that a call does not take, and how to get the same. */
export declare const ELSEWHERE: Advice;
/** What to do about an option that a call does not know; null when nothing is known of the name. */
export declare function adviceFor(key: string, known: readonly string[], elsewhere: Advice): string | null;
