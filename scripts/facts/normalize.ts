/** What two runtimes say in other words alone: ids, times, paths and their own version. */

import type { Heard } from "./recorder.js";

/** Texts that differ by where and when a runtime ran, with the name that takes their place. */
export type Names = ReadonlyMap<string, string>;

const TIMES = /(?:At|Ms|Secs|_at|_ms)$/;
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** A message as the paths of its params with their values: `item.type` is `"agentMessage"`. */
export interface Fact {
  /** The method, and the type of the item where it has one. */
  readonly label: string;
  readonly values: ReadonlyMap<string, string>;
}

/** Makes the messages of one run comparable with those of another run. */
export function normalize(heard: readonly Heard[], names: Names): Fact[] {
  const ids = new Map<string, string>();
  const plain = (text: string): string => {
    let told = text;
    for (const [found, name] of names) told = told.replaceAll(found, name);
    return told
      .replace(ID, (id) => {
        const name = ids.get(id) ?? `<id ${ids.size + 1}>`;
        ids.set(id, name);
        return name;
      })
      .replace(/\b(?:127\.0\.0\.1|localhost):\d+/g, "<address>");
  };
  return heard.map(({ method, params }) => {
    const values = new Map<string, string>();
    flatten(params, "", values, plain);
    const type = values.get("item.type");
    return { label: type === undefined ? method : `${method} ${type.replaceAll('"', "")}`, values };
  });
}

function flatten(value: unknown, path: string, into: Map<string, string>, plain: (text: string) => string): void {
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) into.set(path, Array.isArray(value) ? "[]" : "{}");
    for (const [key, inner] of entries) flatten(inner, path === "" ? plain(key) : `${path}.${plain(key)}`, into, plain);
  } else if (typeof value === "number" && TIMES.test(path)) into.set(path, "<time>");
  else if (path.endsWith("processId") && value !== null) into.set(path, "<process>");
  else into.set(path, typeof value === "string" ? JSON.stringify(plain(value)) : String(value));
}
