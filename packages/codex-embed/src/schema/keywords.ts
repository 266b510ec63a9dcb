import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isJsonObject, type JsonObject, setMember } from "./types.js";

/** The names of JSON's types in a schema. */
const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];

/** What combines or looks up schemas. */
const APPLICATORS = new Set(["$ref", "allOf", "anyOf", "oneOf"]);

/** What says something about the values by itself. An unknown keyword says nothing. */
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

/** What strict output has no form for, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  not: "Describe what is allowed instead.",
  if: "Use anyOf with one branch per case.",
  dependentSchemas: "Use anyOf with one branch per case.",
  dependentRequired: "Use anyOf with one branch per case.",
  dependencies: "Use anyOf with one branch per case.",
  $dynamicRef: "Use $ref with #/$defs.",
  $recursiveRef: "Use $ref with #/$defs.",
};

/** The keywords of each type that strict output enforces, with the values of them that it takes. */
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

/** The keywords of each type that are checked afterwards only; the model is told of them in the description. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
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

/** Look-around and back references are more than a regular language, which is all that decoding can follow. */
function isPlainPattern(value: JsonValue): boolean {
  return typeof value === "string" && !/\(\?<?[=!]|\\[1-9]|\\k</.test(value);
}

/**
 * Splits a schema into the parts that are treated apart. Keywords that say nothing about the values, such as `default`
 * and unknown ones, are left out.
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
      refused ??= { keyword, hint: "Name the properties or the items." };
    }
  }
  return { annotations, applicators, constraints, refused };
}

/** Tells whether a string names a type of JSON Schema. */
export function isType(type: JsonValue): type is string {
  return typeof type === "string" && TYPES.includes(type);
}

/** The type of a scalar value in the words of JSON Schema; undefined for an object or a list. */
export function typeOfScalar(value: JsonValue): string | undefined {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "object" ? undefined : typeof value;
}

/** Tells whether a scalar type is among the types. */
export function isAmong(type: string, types: readonly string[]): boolean {
  return types.includes(type) || (type === "integer" && types.includes("number"));
}

/**
 * The keywords of the types that strict output enforces, and the description with the others in words: what cannot be
 * enforced is told to the model and checked afterwards.
 */
export function keywordsOf(types: readonly string[], constraints: JsonObject, annotations: JsonObject): JsonObject {
  const kept: JsonObject = {};
  const told: string[] = [];
  for (const type of types) {
    const group = type === "integer" ? "number" : type;
    for (const [keyword, isTaken] of Object.entries(KEPT[group] ?? {})) {
      const value = constraints[keyword];
      if (value === undefined) continue;
      if (isTaken(value)) kept[keyword] = value;
      else told.push(`${keyword}: ${JSON.stringify(value)}`);
    }
    for (const keyword of TOLD[group] ?? []) {
      const value = constraints[keyword];
      if (value !== undefined && value !== false) told.push(`${keyword}: ${JSON.stringify(value)}`);
    }
  }
  const described: JsonObject = { ...annotations };
  if (told.length > 0) {
    const before = described["description"];
    described["description"] = `${typeof before === "string" ? `${before} ` : ""}(${told.join("; ")})`;
  }
  return { ...described, ...kept };
}

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
