/** Owns the merging of two JSON Schemas that a value must both conform to into one. */

import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "../generated/protocol.js";
import { isJsonObject, type JsonObject, setMember } from "./types.js";

/** Says what two schemas disagree about. Never returns. */
export type Refuse = (problem: string, hint: string) => never;

const LARGER = new Set(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"]);
const SMALLER = new Set(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"]);
const OUTER_WINS = new Set(["title", "description"]);

/**
 * One schema for the values that conform to both. Neither may hold `$ref`, `allOf` or `oneOf` at its top; what of their
 * parts must be merged in turn is left as an `allOf` inside. The input is not changed.
 */
export function mergeSchemas(outer: JsonObject, inner: JsonObject, refuse: Refuse): JsonObject {
  if (outer["anyOf"] !== undefined || inner["anyOf"] !== undefined) return distribute(outer, inner, refuse);
  const merged: JsonObject = { ...outer };
  for (const [keyword, value] of Object.entries(inner)) {
    const before = merged[keyword];
    if (value === undefined) continue;
    merged[keyword] = before === undefined ? value : both(keyword, before, value, refuse);
  }
  closeBoth(outer, inner, refuse);
  return merged;
}

function both(keyword: string, first: JsonValue, second: JsonValue, refuse: Refuse): JsonValue {
  if (OUTER_WINS.has(keyword) || isDeepStrictEqual(first, second)) return first;
  if (typeof first === "number" && typeof second === "number") {
    if (LARGER.has(keyword)) return Math.max(first, second);
    if (SMALLER.has(keyword)) return Math.min(first, second);
  }
  if (keyword === "items") return { allOf: [first, second] };
  if (keyword === "properties" && isJsonObject(first) && isJsonObject(second)) return properties(first, second);
  if (keyword === "required") return [...new Set([...list(first), ...list(second)])];
  if (keyword === "additionalProperties" && (first === false || second === false)) return false;
  if (keyword === "type" || keyword === "enum") {
    const common =
      keyword === "type" ? commonTypes(list(first), list(second)) : commonValues(list(first), list(second));
    if (common.length > 0) return common;
  }
  return refuse(
    `its parts disagree about ${keyword}, so they cannot be one schema`,
    "Write the combined schema out by hand.",
  );
}

function properties(first: JsonObject, second: JsonObject): JsonObject {
  const merged: JsonObject = { ...first };
  for (const [name, value] of Object.entries(second)) {
    if (value === undefined) continue;
    const before = Object.hasOwn(first, name) ? first[name] : undefined;
    const isSame = before === undefined || isDeepStrictEqual(before, value);
    setMember(merged, name, isSame ? value : { allOf: [before, value] });
  }
  return merged;
}

/** A part that is closed forbids the properties that only the other part names. */
function closeBoth(first: JsonObject, second: JsonObject, refuse: Refuse): void {
  for (const [closed, other] of [
    [first, second],
    [second, first],
  ] as const) {
    if (closed["additionalProperties"] !== false) continue;
    const known = isJsonObject(closed["properties"]) ? closed["properties"] : {};
    const named = isJsonObject(other["properties"]) ? Object.keys(other["properties"]) : [];
    const stray = named.find((name) => !Object.hasOwn(known, name));
    if (stray === undefined) continue;
    refuse(
      `one of its parts has the property "${stray}", which another part forbids by additionalProperties: false`,
      "Leave additionalProperties out of the parts.",
    );
  }
}

function distribute(outer: JsonObject, inner: JsonObject, refuse: Refuse): JsonObject {
  if (outer["anyOf"] !== undefined && inner["anyOf"] !== undefined) {
    return refuse("two sets of alternatives apply at once", "Write their combinations out as one anyOf.");
  }
  const [base, choice] = outer["anyOf"] === undefined ? [outer, inner] : [inner, outer];
  const { anyOf, ...annotations } = choice;
  return { ...annotations, anyOf: list(anyOf).map((branch) => ({ allOf: [base, branch] })) };
}

function list(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function commonTypes(first: JsonValue[], second: JsonValue[]): JsonValue[] {
  const within = (type: JsonValue, types: JsonValue[]) =>
    types.includes(type) || (type === "integer" && types.includes("number"));
  return [...first.filter((type) => within(type, second)), ...second.filter((type) => within(type, first))].filter(
    (type, index, all) => all.indexOf(type) === index,
  );
}

function commonValues(first: JsonValue[], second: JsonValue[]): JsonValue[] {
  return first.filter((value) => second.some((other) => isDeepStrictEqual(value, other)));
}
