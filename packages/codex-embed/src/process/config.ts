import { UsageError } from "../errors/base.js";
import type { JsonValue } from "../protocol/generated/protocol.js";

/** A value of the runtime's configuration. Undefined entries of tables are left out. */
export type ConfigValue = string | number | bigint | boolean | readonly ConfigValue[] | ConfigObject;

/** A table of the runtime's configuration, as in its `config.toml`. */
export interface ConfigObject {
  readonly [key: string]: ConfigValue | undefined;
}

type Path = readonly (string | number)[];

const BARE_KEY = /^[A-Za-z0-9_-]+$/;
const DOTTED_KEY = /^[^=]+$/;
const INTEGER_LIMIT = 2n ** 63n;

/** How to read the keys of a configuration. */
export interface ConfigKeyOptions {
  /**
   * True: a key is a path whose dots lead into tables, as on the runtime's command line. False: a key is one name, dots
   * included. Default false.
   */
  readonly dottedKeys?: boolean | undefined;
}

/**
 * Encodes a configuration as one-line `key=value` strings for the runtime's `-c` flag, with values in TOML.
 *
 * The runtime splits a key at every dot and takes no quoted keys, so a table that has a key with other characters than
 * letters, digits, `_` and `-` becomes one inline table. Undefined entries are left out.
 *
 * @throws UsageError naming the entry, for a value that TOML cannot express (null, NaN, a function, a class instance) and
 * for a top-level key that needs quotes.
 */
export function configOverrides(config: ConfigObject, options: ConfigKeyOptions = {}): string[] {
  if (!isTable(config)) throw unencodable([], "not a plain object", "Give its entries as { key: value }.");
  // On the command line a key ends at the first `=`; the runtime takes any other character as it is.
  const isDotted = options.dottedKeys === true;
  const plainKey = isDotted ? DOTTED_KEY : BARE_KEY;
  const overrides: string[] = [];
  for (const [key, value] of entries(config)) {
    if (!plainKey.test(key)) {
      throw new UsageError(
        `config has the top-level key ${JSON.stringify(key)}, which the runtime cannot take: a key must ` +
          (isDotted
            ? 'be a non-empty string without "=".'
            : "contain only letters, digits, _ and -. Write a dotted key as nested objects: { a: { b: value } }, not " +
              "{ 'a.b': value }."),
      );
    }
    collect([key], value, [config], plainKey, overrides);
  }
  return overrides;
}

/**
 * Writes a configuration as the text of a `config.toml`: one line for each of the {@link configOverrides}, which are
 * TOML as they stand.
 *
 * @throws UsageError as `configOverrides` does.
 */
export function configToml(config: ConfigObject): string {
  return configOverrides(config)
    .map((override) => `${override}\n`)
    .join("");
}

/**
 * Encodes a configuration as JSON, for requests. Accepts and refuses the same values as {@link configOverrides}, so that a
 * configuration means the same for a client and for a thread.
 *
 * @throws UsageError as `configOverrides` does, and for a bigint that JSON cannot express exactly.
 */
export function configJson(config: ConfigObject): { [key: string]: JsonValue } {
  configOverrides(config);
  return tableJson([], config);
}

/**
 * Lays a configuration over another: tables merge by key, other values replace. The runtime merges an override into
 * `config.toml` in this way, but replaces what an earlier override set.
 */
export function mergeConfig(base: ConfigObject, over: ConfigObject): ConfigObject {
  const laid = entries(over).map(([key, value]): [string, ConfigValue] => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isTable(below) && isTable(value) ? mergeConfig(below, value) : value];
  });
  return Object.fromEntries([...entries(base), ...laid]);
}

function tableJson(path: Path, table: ConfigObject): { [key: string]: JsonValue } {
  return Object.fromEntries(entries(table).map(([key, value]) => [key, valueJson([...path, key], value)]));
}

function valueJson(path: Path, value: ConfigValue): JsonValue {
  if (typeof value === "bigint") {
    if (Number.isSafeInteger(Number(value))) return Number(value);
    throw unencodable(
      path,
      "a bigint that JSON cannot express exactly",
      "Set it for the client: new Codex({ config }).",
    );
  }
  if (typeof value !== "object") return value;
  return isList(value) ? value.map((item, index) => valueJson([...path, index], item)) : tableJson(path, value);
}

function collect(
  path: readonly string[],
  value: ConfigValue,
  parents: readonly object[],
  plainKey: RegExp,
  overrides: string[],
): void {
  if (isTable(value) && !parents.includes(value)) {
    const members = entries(value);
    if (members.length === 0 && Object.keys(value).length > 0) return;
    if (members.length > 0 && members.every(([key]) => plainKey.test(key))) {
      for (const [key, member] of members) collect([...path, key], member, [...parents, value], plainKey, overrides);
      return;
    }
  }
  overrides.push(`${path.join(".")}=${encode(path, value, parents)}`);
}

/**
 * Returns raw overrides unchanged.
 *
 * @throws UsageError for one that is not of the form `key=value`, which the runtime would refuse.
 */
export function checkedOverrides(overrides: readonly string[]): readonly string[] {
  const unkeyed = overrides.find((override) => !/^[^=]*[^=\s][^=]*=/.test(override));
  if (unkeyed === undefined) return overrides;
  throw new UsageError(`configOverrides contains ${JSON.stringify(unkeyed)}. Give strings of the form "key=value".`);
}

function encode(path: Path, value: ConfigValue, parents: readonly object[]): string {
  switch (typeof value) {
    case "string":
      return encodeString(path, value);
    case "boolean":
      return String(value);
    case "number":
      return encodeNumber(path, value);
    case "bigint":
      if (value >= -INTEGER_LIMIT && value < INTEGER_LIMIT) return String(value);
      throw unencodable(path, "a bigint out of the 64-bit range", "Give a smaller number or a string.");
    case "object": {
      if (value === null) throw unencodable(path, "null", "TOML has no null: omit the entry, or give undefined.");
      if (parents.includes(value)) throw unencodable(path, "an object that contains itself", "Remove the cycle.");
      const inside = [...parents, value];
      if (isList(value)) {
        // Array.from also visits holes, which map() would skip.
        return `[${Array.from(value, (item, index) => encode([...path, index], item, inside)).join(", ")}]`;
      }
      if (isTable(value)) {
        const members = entries(value).map(
          ([key, member]) => `${encodeKey([...path, key], key)} = ${encode([...path, key], member, inside)}`,
        );
        return `{${members.join(", ")}}`;
      }
      throw unencodable(
        path,
        "neither a plain object nor an array",
        "Give a string, number, boolean, array or object.",
      );
    }
    case "undefined":
    case "function":
    case "symbol":
      throw unencodable(path, typeof value, "Give a string, number, boolean, array or object.");
  }
}

function encodeKey(path: Path, key: string): string {
  return BARE_KEY.test(key) ? key : encodeString(path, key);
}

function encodeString(path: Path, text: string): string {
  if (/\p{Surrogate}/u.test(text)) {
    throw unencodable(
      path,
      "text with an unpaired surrogate",
      "UTF-8 cannot encode it. Fix the string with toWellFormed().",
    );
  }
  // JSON's escapes are a subset of TOML's, but JSON leaves DEL and the C1 controls as they are.
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function encodeNumber(path: Path, value: number): string {
  if (!Number.isFinite(value)) throw unencodable(path, String(value), "Give a finite number.");
  const text = String(value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && !text.includes("e")) {
    throw unencodable(path, "an integer that a JavaScript number cannot express exactly", `Give a bigint: ${text}n.`);
  }
  return text;
}

function isList(value: object): value is readonly ConfigValue[] {
  return Array.isArray(value);
}

/** Whether a value is a table: an object without a class. */
export function isTable(value: unknown): value is ConfigObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Compared by the next link, so that plain objects of another realm (vm, jest) count too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function entries(table: ConfigObject): [string, ConfigValue][] {
  return Object.entries(table).filter((entry): entry is [string, ConfigValue] => entry[1] !== undefined);
}

function unencodable(path: Path, what: string, advice: string): UsageError {
  const name = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${keyText(part)}`)).join("");
  return new UsageError(`config${name} is ${what}. ${advice}`);
}

function keyText(key: string): string {
  return BARE_KEY.test(key) ? key : JSON.stringify(key);
}
