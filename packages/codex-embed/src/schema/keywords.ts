import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import { type JsonObject, setMember } from "./types.js";

/** The keywords that combine or reference schemas. */
const APPLICATORS = new Set(["$ref", "allOf", "anyOf", "oneOf"]);

/** The keywords that constrain values by themselves. An unknown keyword constrains nothing. */
const CONSTRAINTS = new Set([
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "contains",
  "minContains",
  "maxContains",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "contentEncoding",
  "contentMediaType",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
]);

/** The keywords that strict output cannot express, and what to use instead. */
const REFUSED: Readonly<Record<string, string>> = {
  not: "Describe what is allowed instead.",
  if: "Use anyOf with one branch per case.",
  dependentSchemas: "Use anyOf with one branch per case.",
  dependentRequired: "Use anyOf with one branch per case.",
  dependencies: "Use anyOf with one branch per case.",
  $dynamicRef: "Use $ref with #/$defs.",
  $recursiveRef: "Use $ref with #/$defs.",
};

/** The keywords of each type that strict output enforces, with the values that it accepts for them. */
const KEPT: Readonly<Record<string, Readonly<Record<string, (value: JsonValue) => boolean>>>> = {
  array: { minItems: isNumber, maxItems: isNumber },
  string: { pattern: isPlainPattern, format: isKnownFormat },
  number: {
    minimum: isNumber,
    maximum: isNumber,
    exclusiveMinimum: isNumber,
    exclusiveMaximum: isNumber,
    multipleOf: isNumber,
  },
};

/** The keywords of each type that only the validator checks. The description tells the model about them. */
const DESCRIBED: Readonly<Record<string, readonly string[]>> = {
  object: ["minProperties", "maxProperties"],
  array: ["uniqueItems", "contains", "minContains", "maxContains"],
  string: ["minLength", "maxLength", "contentEncoding", "contentMediaType"],
};

const FORMATS = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

function isNumber(value: JsonValue): boolean {
  return typeof value === "number";
}

function isKnownFormat(value: JsonValue): boolean {
  return typeof value === "string" && FORMATS.includes(value);
}

/** Constrained decoding follows regular languages only: no look-around, no back references. */
function isPlainPattern(value: JsonValue): boolean {
  return typeof value === "string" && !/\(\?<?[=!]|\\[1-9]|\\k</.test(value);
}

/**
 * Splits a schema into its kinds of keywords. Those that constrain nothing, such as `default` and unknown ones, are
 * dropped.
 */
export function splitKeywords(schema: JsonObject): {
  annotations: JsonObject;
  applicators: JsonObject;
  constraints: JsonObject;
  refused: { keyword: string; hint: string } | undefined;
} {
  const annotations: JsonObject = {};
  const applicators: JsonObject = {};
  const constraints: JsonObject = {};
  let refused: { keyword: string; hint: string } | undefined;
  for (const [keyword, value] of Object.entries(schema)) {
    const hint = Object.hasOwn(REFUSED, keyword) ? REFUSED[keyword] : undefined;
    if (value === undefined) continue;
    if (hint !== undefined) refused ??= { keyword, hint };
    else if (keyword === "title" || keyword === "description") annotations[keyword] = value;
    else if (APPLICATORS.has(keyword)) applicators[keyword] = value;
    else if (CONSTRAINTS.has(keyword)) constraints[keyword] = value;
    else if (keyword.startsWith("unevaluated") && value !== false) {
      refused ??= { keyword, hint: "List the properties or the items." };
    }
  }
  return { annotations, applicators, constraints, refused };
}

/** The JSON Schema type of a scalar value; undefined for an object or an array. */
export function typeOfScalar(value: JsonValue): string | undefined {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "object" ? undefined : typeof value;
}

/** Tells whether a scalar type is among the types. */
export function isAmong(type: JsonValue, types: readonly JsonValue[]): boolean {
  return types.includes(type) || (type === "integer" && types.includes("number"));
}

/**
 * Returns the keywords that strict output enforces for these types, and a description that lists the others: the model
 * reads them there, and the validator checks them afterwards.
 */
export function keywordsOf(types: readonly string[], constraints: JsonObject, annotations: JsonObject): JsonObject {
  const kept: JsonObject = {};
  const notes: string[] = [];
  for (const type of types) {
    const group = type === "integer" ? "number" : type;
    for (const [keyword, isTaken] of Object.entries(KEPT[group] ?? {})) {
      const value = constraints[keyword];
      if (value === undefined) continue;
      if (isTaken(value)) kept[keyword] = value;
      else notes.push(`${keyword}: ${JSON.stringify(value)}`);
    }
    for (const keyword of DESCRIBED[group] ?? []) {
      const value = constraints[keyword];
      if (value !== undefined && value !== false) notes.push(`${keyword}: ${JSON.stringify(value)}`);
    }
  }
  const described: JsonObject = { ...annotations };
  if (notes.length > 0) {
    const before = described["description"];
    described["description"] = `${typeof before === "string" ? `${before} ` : ""}(${notes.join("; ")})`;
  }
  return { ...described, ...kept };
}

/** Throws an error that says what two schemas disagree about. */
export type Refuse = (problem: string, hint: string) => never;

const LARGER = new Set(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"]);
const SMALLER = new Set(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"]);
const OUTER_WINS = new Set(["title", "description"]);

/**
 * Merges two schemas into one for the values that conform to both. Neither may have `$ref`, `allOf` or `oneOf` at its
 * root. Parts that have to be merged in turn become an `allOf` inside. The inputs are not changed.
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
  if (keyword === "properties" && isRecord(first) && isRecord(second)) return properties(first, second);
  if (keyword === "required") return [...new Set([...list(first), ...list(second)])];
  if (keyword === "additionalProperties" && (first === false || second === false)) return false;
  if (keyword === "type" || keyword === "enum") {
    const common =
      keyword === "type" ? commonTypes(list(first), list(second)) : commonValues(list(first), list(second));
    if (common.length > 0) return common;
  }
  return refuse(
    `its parts disagree about ${keyword}, so they cannot be one schema`,
    "Write the combined schema by hand.",
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
    const known = isRecord(closed["properties"]) ? closed["properties"] : {};
    const named = isRecord(other["properties"]) ? Object.keys(other["properties"]) : [];
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
    return refuse("two sets of alternatives apply at once", "Write their combinations as one anyOf.");
  }
  const [base, choice] = outer["anyOf"] === undefined ? [outer, inner] : [inner, outer];
  const { anyOf, ...annotations } = choice;
  return { ...annotations, anyOf: list(anyOf).map((branch) => ({ allOf: [base, branch] })) };
}

function list(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function commonTypes(first: JsonValue[], second: JsonValue[]): JsonValue[] {
  const common = [...first.filter((type) => isAmong(type, second)), ...second.filter((type) => isAmong(type, first))];
  return [...new Set(common)];
}

function commonValues(first: JsonValue[], second: JsonValue[]): JsonValue[] {
  return first.filter((value) => second.some((other) => isDeepStrictEqual(value, other)));
}
