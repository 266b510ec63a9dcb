/** Owns the encoding of a typed configuration as the runtime's `key=value` overrides. */
import type { JsonValue } from "../protocol/generated/protocol.js";
/** A value of the runtime's configuration. A table's undefined entries are left out. */
export type ConfigValue = string | number | bigint | boolean | readonly ConfigValue[] | ConfigObject;
/** A table of the runtime's configuration, as in its `config.toml`. */
export interface ConfigObject {
  readonly [key: string]: ConfigValue | undefined;
}
/** How the keys of a configuration are meant. */
export interface ConfigKeyOptions {
  /**
   * True: a key is a path, and each of its dots leads into a table, as on the runtime's command line. False: a key is
   * one name, whatever is in it. Default false.
   */
  readonly dottedKeys?: boolean | undefined;
}
/**
 * Encodes a configuration as one-line `key=value` strings for the runtime's `-c` flag, the values in TOML.
 *
 * The runtime splits a key on every dot and knows no quoted keys there, so a table that holds a key of other
 * characters than letters, digits, `_` and `-` is given whole, as an inline table. Undefined entries are left out.
 *
 * @throws UsageError naming the entry, for a value that TOML cannot hold (null, NaN, a function, a class instance)
 * and for a top-level key that would need quotes.
 */
export declare function configOverrides(config: ConfigObject, options?: ConfigKeyOptions): string[];
/**
 * Encodes a configuration as JSON, for requests. It takes and refuses what {@link configOverrides} does, so that a
 * configuration means the same for a client and for a thread.
 *
 * @throws UsageError as `configOverrides` does, and for a bigint that JSON does not hold exactly.
 */
export declare function configJson(config: ConfigObject): {
  [key: string]: JsonValue;
};
/**
 * Takes overrides that are written out already, as they are.
 *
 * @throws UsageError for one that is not of the form `key=value`, which the runtime would refuse.
 */
export declare function checkedOverrides(overrides: readonly string[]): readonly string[];
