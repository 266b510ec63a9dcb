/** Owns the merging of configurations and their writing as TOML. */

import type { ConfigObject, ConfigValue } from "../index.js";

/** Lays `extra` over `base`, table by table; everything else is replaced. */
export function mergeConfig(base: ConfigObject, extra: ConfigObject): ConfigObject {
  const merged: Record<string, ConfigValue | undefined> = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    const before = merged[key];
    merged[key] = isTable(before) && isTable(value) ? mergeConfig(before, value) : value;
  }
  return merged;
}

/** Writes a configuration as a TOML file: a section per table, deeper tables inline. */
export function toToml(config: ConfigObject): string {
  const plain: string[] = [];
  const sections: string[] = [];
  for (const [key, value] of entries(config)) {
    if (isTable(value)) sections.push(`\n[${tomlKey(key)}]`, ...entries(value).map(assignment));
    else plain.push(assignment([key, value]));
  }
  return `${[...plain, ...sections].join("\n")}\n`;
}

function entries(table: ConfigObject): [string, ConfigValue][] {
  return Object.entries(table).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
}

function assignment([key, value]: [string, ConfigValue]): string {
  return `${tomlKey(key)} = ${toTomlValue(value)}`;
}

function toTomlValue(value: ConfigValue): string {
  if (isList(value)) return `[${value.map(toTomlValue).join(", ")}]`;
  if (isTable(value)) return `{ ${entries(value).map(assignment).join(", ")} }`;
  // Strings, numbers and booleans of JSON are valid TOML too.
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/** `Array.isArray` alone does not tell a read-only list from a table. */
function isList(value: ConfigValue): value is readonly ConfigValue[] {
  return Array.isArray(value);
}

function isTable(value: ConfigValue | undefined): value is ConfigObject {
  return typeof value === "object" && !Array.isArray(value);
}
