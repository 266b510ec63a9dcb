import { UsageError } from "../errors/index.js";
import { at, type Check, isObject, MAX_KEY_CHARS, oneOf, type Place, shownKey, wrongKind } from "./kinds.js";
import { nearest } from "./nearest.js";
import { adviceFor, type Advice, ELSEWHERE } from "./otherNames.js";

/** Every option of a type, with its check: the compiler refuses a table that misses one, or has one too many. */
export type OptionTable<T> = { readonly [K in keyof T]-?: Check };

/** The tables of a union of options, by what its members have in `K`. */
export type VariantTables<T extends Readonly<Record<K, string>>, K extends string> = {
  readonly [V in T as V[K]]: OptionTable<V>;
};

/** How many names are listed when nothing is near to an unknown one. */
const MOST_LISTED = 12;

/**
 * Checks the options of a call: keys that the table does not know are refused, and so are values of the wrong kind.
 *
 * Own enumerable string keys count as given. A known option that an instance inherits from its class is taken as well,
 * and made an own one; `undefined` counts as absent.
 *
 * @throws UsageError naming the option, the kind of its value, and what to do.
 */
export function checkOptions<T extends object>(
  options: T,
  call: string,
  table: OptionTable<NoInfer<T>>,
  elsewhere: Advice = ELSEWHERE,
): T {
  return checkTable(options, { call, path: "" }, table, elsewhere);
}

/** A check of nested options. */
export function nested<T extends object>(table: OptionTable<T>): Check {
  return (value, place) => {
    checkTable(value, place, table);
  };
}

/** Like {@link nested}, but an instance of a class may have more than the table knows: state of its own, say. */
export function members<T extends object>(table: OptionTable<T>): Check {
  return (value, place) => {
    if (isPlain(value)) checkTable(value, place, table);
    else checkKnown(value, place, table);
  };
}

/** A check of options that differ by kind: `tag` holds the name of the table that counts. */
export function variants(tag: string, tables: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check {
  return (value, place) => {
    if (!isObject(value)) throw wrongKind(value, place, `Give an object with a ${tag}.`);
    const name: unknown = Reflect.get(value, tag);
    oneOf(Object.keys(tables))(name, at(place, `.${tag}`));
    const table = typeof name === "string" ? tables[name] : undefined;
    if (table !== undefined) checkTable(value, place, table);
  };
}

function checkTable<T>(options: T, place: Place, table: Readonly<Record<string, Check>>, elsewhere: Advice = {}): T {
  // A required option that is misspelled is first of all misspelled.
  const unknown = isObject(options) ? Object.keys(options).find((key) => !Object.hasOwn(table, key)) : undefined;
  if (unknown !== undefined) throw unknownKey(unknown, place, Object.keys(table), elsewhere);
  return checkKnown(options, place, table);
}

function checkKnown<T>(options: T, place: Place, table: Readonly<Record<string, Check>>): T {
  if (!isObject(options)) {
    const whole = place.path === "" ? at(place, "its options object") : place;
    throw wrongKind(options, whole, "Give an object of options, or leave it out.");
  }
  const inherited: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(table)) {
    const isOwn = Object.hasOwn(options, key);
    const isInherited = !isOwn && key in options && !(key in Object.prototype);
    const value: unknown = isOwn || isInherited ? Reflect.get(options, key) : undefined;
    if (value === undefined && check.isRequired !== true) continue;
    check(value, at(place, `.${key}`));
    if (isInherited) inherited[key] = value;
  }
  return Object.keys(inherited).length === 0 ? options : Object.assign({}, options, inherited);
}

function unknownKey(key: string, place: Place, known: readonly string[], elsewhere: Advice): UsageError {
  const { call, path } = at(place, `.${shownKey(key)}`);
  const near = key.length > MAX_KEY_CHARS ? null : nearest(key, known);
  const advice =
    adviceFor(key, known, elsewhere) ??
    (near !== null
      ? `Did you mean ${near}?`
      : known.length <= MOST_LISTED
        ? `Known options: ${known.join(", ")}.`
        : "Leave it out; docs/configuration.md lists the options.");
  return new UsageError(`${call}: unknown option ${path}. ${advice}`);
}

function isPlain(value: unknown): boolean {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Compared by the next link, so that plain objects of another realm count too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
