/** Owns the nulls that stand for absent properties in strict output: where they are put in, and their way out again. */

import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "../generated/protocol.js";
import { pointerNames, valueAt } from "./pointer.js";
import { isJsonObject, type JsonObject, setMember } from "./types.js";

/** For each object schema: the names of the properties that may be null only because they were optional. */
export type AddedNulls = ReadonlyMap<JsonObject, ReadonlySet<string>>;

/** A schema in the strict form, and what was changed about optional properties. */
export interface StrictSchema {
  readonly schema: JsonObject;
  readonly addedNulls: AddedNulls;
}

/** The reference to a definition of a strict schema. */
export function referenceTarget(name: string): string {
  return `#/$defs/${name}`;
}

/** The strict schema with null as one more value. */
export function nullable(schema: JsonObject): JsonObject {
  const { type, anyOf } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: "null" }] };
  if (type === undefined || type === "object" || type === "array") return { anyOf: [schema, { type: "null" }] };
  const { const: constant, enum: choices, ...rest } = schema;
  const values = constant === undefined ? choices : [constant];
  return {
    ...rest,
    type: [...(Array.isArray(type) ? type : [type]), "null"],
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  };
}

/** Tells whether null conforms to a part of a strict schema. */
export function acceptsNull(schema: JsonObject, root: JsonObject): boolean {
  return matches(null, schema, root, new Set());
}

/**
 * Takes out of an answer what the strict form put in: a property that was optional and is null becomes absent, unless
 * null was a value of it before. Gives a copy where something changes; the value itself is never changed.
 */
export function dropAddedNulls(value: unknown, strict: StrictSchema): unknown {
  return drop(value, strict.schema, strict);
}

function drop(value: unknown, schema: JsonObject, strict: StrictSchema): unknown {
  if (typeof value !== "object" || value === null) return value;
  const node = choose(value, schema, strict.schema);
  if (node === undefined) return value;
  if (Array.isArray(value)) {
    const { items } = node;
    return isJsonObject(items) ? value.map((item: unknown) => drop(item, items, strict)) : value;
  }
  const { properties } = node;
  if (!isJsonObject(properties)) return value;
  const added = strict.addedNulls.get(node);
  const copy = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === null && added?.has(name)) continue;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    setMember(copy, name, isJsonObject(property) ? drop(member, property, strict) : member);
  }
  return copy;
}

/**
 * The object or array schema that a value is meant to follow. Of alternatives, it is the first whose shape the value
 * has, or else the only one of the value's kind.
 */
function choose(value: object, schema: JsonObject, root: JsonObject): JsonObject | undefined {
  const kind = Array.isArray(value) ? "array" : "object";
  const candidates = alternatives(schema, root, new Set()).filter((candidate) => candidate["type"] === kind);
  const fitting = candidates.find((candidate) => matches(value, candidate, root, new Set()));
  return fitting ?? (candidates.length === 1 ? candidates[0] : undefined);
}

/** All schemas behind references and alternatives, in order, each once. */
function alternatives(schema: JsonObject, root: JsonObject, seen: Set<JsonObject>): JsonObject[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const { $ref, anyOf } = schema;
  const target = typeof $ref === "string" ? resolve($ref, root) : undefined;
  if (target !== undefined) return alternatives(target, root, seen);
  if (!Array.isArray(anyOf)) return [schema];
  return anyOf.filter(isJsonObject).flatMap((branch) => alternatives(branch, root, seen));
}

/**
 * Whether a value has the shape that a strict schema describes. Bounds, patterns and formats are left to the validator:
 * shapes tell alternatives apart.
 *
 * @param seen - the schemas that this very value is being held against, which ends a schema that contains itself.
 */
function matches(value: unknown, schema: JsonObject, root: JsonObject, seen: ReadonlySet<JsonObject>): boolean {
  if (seen.has(schema)) return false;
  const within = new Set([...seen, schema]);
  const { $ref, anyOf, type, enum: choices, const: constant, items, properties } = schema;
  if (typeof $ref === "string") {
    const target = resolve($ref, root);
    return target !== undefined && matches(value, target, root, within);
  }
  if (Array.isArray(anyOf)) {
    return anyOf.some((branch) => isJsonObject(branch) && matches(value, branch, root, within));
  }
  if (Array.isArray(choices)) return choices.some((choice) => isDeepStrictEqual(choice, value));
  if (constant !== undefined) return isDeepStrictEqual(constant, value);
  if (!hasType(value, Array.isArray(type) ? type : [type])) return false;
  if (Array.isArray(value)) {
    return isJsonObject(items) && value.every((item) => matches(item, items, root, new Set()));
  }
  if (typeof value !== "object" || value === null) return true;
  if (!isJsonObject(properties)) return false;
  const isKnown = Object.keys(value).every((name) => Object.hasOwn(properties, name));
  return (
    isKnown &&
    Object.entries(properties).every(([name, property]) => {
      // A provider that does not enforce the strict form may leave out what may be null.
      const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : null;
      return isJsonObject(property) && matches(member, property, root, new Set());
    })
  );
}

function hasType(value: unknown, types: readonly (JsonValue | undefined)[]): boolean {
  if (value === null) return types.includes("null");
  if (Array.isArray(value)) return types.includes("array");
  if (typeof value === "number") {
    return types.includes("number") || (types.includes("integer") && Number.isInteger(value));
  }
  return types.includes(typeof value);
}

function resolve($ref: string, root: JsonObject): JsonObject | undefined {
  const names = pointerNames($ref.slice(1));
  const target = names === undefined ? undefined : valueAt(root, names);
  return isJsonObject(target) ? target : undefined;
}
