import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../errors/base.js";
import { type ConfigObject, type ConfigValue, isTable, mergeConfig } from "./config.js";
import { homeFolder } from "./home.js";
import type { LaunchOptions } from "./launch.js";

/** What the runtime's own `--profile` takes. */
const PLAIN_NAME = /^[A-Za-z0-9_-]+$/;
const MAX_DEPTH = 100;

/**
 * Reads the profile of the options and lays their `config` over it: tables merge by key, anything else replaces. Returns
 * the options with the result as `config` and without `profile`; as they are when there is no profile, and with
 * `launchArgs`, which `planLaunch` refuses beside it.
 *
 * @throws UsageError for a name that is not plain, with `ignoreUserConfig`, and for a file that is missing, is not TOML, or
 * holds what an override cannot carry. It names the file and the place in it, never what is written there.
 */
export async function withProfile(options: LaunchOptions): Promise<LaunchOptions> {
  const { profile, config = {}, ignoreUserConfig, launchArgs } = options;
  if (profile === undefined || launchArgs !== undefined) return options;
  if (!PLAIN_NAME.test(profile)) {
    throw new UsageError(
      `profile is ${JSON.stringify(profile)}. Give a plain name of letters, digits, _ and -: "fast" reads ` +
        "fast.config.toml in the codexHome.",
    );
  }
  if (ignoreUserConfig === true) {
    throw new UsageError(
      "profile belongs to the user's configuration, which ignoreUserConfig leaves out. Remove one of them, or pass the " +
        "settings as config.",
    );
  }
  return { ...options, profile: undefined, config: mergeConfig(await readProfile(profile, options), config) };
}

async function readProfile(profile: string, options: LaunchOptions): Promise<ConfigObject> {
  const path = join(homeFolder(options), `${profile}.config.toml`);
  const text = await readText(path, profile);
  // Loaded on demand: most clients have no profile.
  const { parse, TomlError } = await import("smol-toml");
  let table: unknown;
  try {
    table = parse(text, { integersAsBigInt: "asNeeded", maxDepth: MAX_DEPTH });
  } catch (error) {
    // No cause: its message quotes the file, which may hold a secret.
    const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}` : "its nesting";
    throw new UsageError(`The profile ${path} is not valid TOML: see ${place}. Correct the file.`);
  }
  return Object.fromEntries(tableEntries(table, { file: path, keys: [] }));
}

async function readText(path: string, profile: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT") {
      throw new UsageError(
        `The profile ${JSON.stringify(profile)} has no file: ${path} does not exist. Write its settings there, as in ` +
          "config.toml, or remove the option profile.",
        { cause },
      );
    }
    const why = code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "it is not UTF-8 text" : String(code);
    throw new UsageError(`The profile ${path} cannot be read: ${why}. Correct the file, or its permissions.`, {
      cause,
    });
  }
}

interface Spot {
  readonly file: string;
  readonly keys: readonly string[];
}

function tableEntries(table: unknown, spot: Spot): [string, ConfigValue][] {
  if (!isTable(table)) throw uncarried(spot, "a date or a time", "Give a string.");
  if (spot.keys.length > MAX_DEPTH) throw uncarried(spot, `deeper than ${MAX_DEPTH} tables`, "Flatten it.");
  return Object.entries(table).map(([key, value]) => {
    const at: Spot = { file: spot.file, keys: [...spot.keys, key] };
    if (spot.keys.length === 0 && !PLAIN_NAME.test(key)) {
      throw uncarried(at, "a top-level key that needs quotes", "No setting has such a name: remove it.");
    }
    return [key, carried(value, at)];
  });
}

/** The same value, of those that a `-c` override can carry. */
function carried(value: unknown, spot: Spot): ConfigValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw uncarried(spot, String(value), "Give a finite number.");
      return value;
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw uncarried(spot, "an integer of more than 64 bits", "Give less.");
      return value;
    default:
      if (!Array.isArray(value)) return Object.fromEntries(tableEntries(value, spot));
      return value.map((item, index) => carried(item, { ...spot, keys: [...spot.keys, String(index)] }));
  }
}

function uncarried({ file, keys }: Spot, what: string, advice: string): UsageError {
  const name = keys.map((key) => (PLAIN_NAME.test(key) ? key : JSON.stringify(key))).join(".");
  return new UsageError(`The profile ${file} cannot be used: ${name} is ${what}. ${advice}`);
}
