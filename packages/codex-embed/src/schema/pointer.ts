/** Owns JSON pointers: the targets of local references inside a schema. */

import type { JsonValue } from "../generated/protocol.js";
import { isJsonObject } from "./types.js";

/** The names in a JSON pointer (RFC 6901), or in one as a URI fragment; undefined when it is none. */
export function pointerNames(pointer: string): string[] | undefined {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) return undefined;
  return pointer
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The names of a local `$ref`, which is a JSON pointer as a URI fragment; undefined for any other. */
export function localReference(reference: string): string[] | undefined {
  if (!reference.startsWith("#")) return undefined;
  try {
    return pointerNames(decodeURIComponent(reference.slice(1)));
  } catch {
    return undefined;
  }
}

/** The path of names, for messages and as a key. */
export function toPath(names: readonly (string | number)[]): string {
  return ["#", ...names.map((name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

/** What lies at the names; undefined when there is nothing. */
export function valueAt(root: JsonValue, names: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const name of names) {
    if (Array.isArray(value)) value = value[Number(name)];
    else if (isJsonObject(value) && Object.hasOwn(value, name)) value = value[name];
    else return undefined;
  }
  return value;
}
