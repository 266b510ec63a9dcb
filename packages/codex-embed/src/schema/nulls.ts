import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import { type JsonObject, pointerNames, setMember, valueAt } from "./types.js";

/** For each object of a strict schema: the properties that may be null only because they were optional. */
export type AddedNulls = ReadonlyMap<JsonObject, ReadonlySet<string>>;

/**
 * Removes from an answer what the strict form added: a property that was optional and is null becomes absent, unless
 * null was a value of it before. Returns a copy where something changes, and never changes the value. Linear in the size
 * of the value.
 *
 * @param schema - the strict schema that the answer follows.
 */
export function dropAddedNulls(value: unknown, schema: JsonObject, added: AddedNulls): unknown {
  return drop(value, schema, added, new Shapes(schema));
}

function drop(value: unknown, schema: JsonObject, added: AddedNulls, shapes: Shapes): unknown {
  if (typeof value !== "object" || value === null) return value;
  const node = shapes.choose(value, schema);
  if (node === undefined) return value;
  if (Array.isArray(value)) {
    const { items } = node;
    return isRecord(items) ? value.map((item: unknown) => drop(item, items, added, shapes)) : value;
  }
  const { properties } = node;
  if (!isRecord(properties)) return value;
  const addedHere = added.get(node);
  const copy = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === null && addedHere?.has(name)) continue;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    setMember(copy, name, isRecord(property) ? drop(member, property, added, shapes) : member);
  }
  return copy;
}

/** Adds null to the values of a strict schema. */
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

/**
 * Tells which parts of a strict schema match the shape of a value. A shape only tells alternatives apart: bounds, patterns
 * and formats are left to the validator. Results are remembered, since in a recursive union every alternative asks about
 * the same parts of the value again.
 */
export class Shapes {
  readonly #root: JsonObject;
  readonly #alternatives = new Map<JsonObject, readonly JsonObject[]>();
  readonly #constants = new Map<JsonObject, ReadonlySet<unknown>>();
  readonly #known = new Map<JsonObject, Map<object, boolean>>();

  /** @param root - the strict schema that references point into. */
  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** Whether a value has the shape of a schema. */
  fits(value: unknown, schema: JsonObject): boolean {
    return this.#alternativesOf(schema).some((alternative) => this.#fitsOne(value, alternative));
  }

  /**
   * The object or array schema that a value is meant to follow: the only alternative of the value's kind, else the first
   * whose shape the value has.
   */
  choose(value: object, schema: JsonObject): JsonObject | undefined {
    const kind = Array.isArray(value) ? "array" : "object";
    const candidates = this.#alternativesOf(schema).filter((candidate) => candidate["type"] === kind);
    if (candidates.length === 1) return candidates[0];
    return candidates.find((candidate) => this.#fitsOne(value, candidate));
  }

  /** The schemas behind references and alternatives, in order, each once. None of them is a reference or a choice. */
  #alternativesOf(schema: JsonObject): readonly JsonObject[] {
    let found = this.#alternatives.get(schema);
    if (found === undefined) {
      found = this.#gather(schema, new Set());
      this.#alternatives.set(schema, found);
    }
    return found;
  }

  #gather(schema: JsonObject, seen: Set<JsonObject>): JsonObject[] {
    if (seen.has(schema)) return [];
    seen.add(schema);
    const { $ref, anyOf } = schema;
    if (typeof $ref === "string") {
      const target = resolve($ref, this.#root);
      return target === undefined ? [] : this.#gather(target, seen);
    }
    if (!Array.isArray(anyOf)) return [schema];
    return anyOf.flatMap((branch) => (isRecord(branch) ? this.#gather(branch, seen) : []));
  }

  #fitsOne(value: unknown, schema: JsonObject): boolean {
    if (typeof value !== "object" || value === null) return this.#fitsScalar(value, schema);
    let known = this.#known.get(schema);
    if (known === undefined) {
      known = new Map();
      this.#known.set(schema, known);
    }
    let fits = known.get(value);
    if (fits === undefined) {
      fits = this.#fitsObject(value, schema);
      known.set(value, fits);
    }
    return fits;
  }

  #fitsScalar(value: unknown, schema: JsonObject): boolean {
    const { type, enum: choices, const: constant } = schema;
    if (choices === undefined && constant === undefined) return hasType(value, Array.isArray(type) ? type : [type]);
    let constants = this.#constants.get(schema);
    if (constants === undefined) {
      constants = new Set(Array.isArray(choices) ? choices : [constant]);
      this.#constants.set(schema, constants);
    }
    return constants.has(value);
  }

  #fitsObject(value: object, { type, items, properties }: JsonObject): boolean {
    if (Array.isArray(value)) {
      return type === "array" && isRecord(items) && value.every((item) => this.fits(item, items));
    }
    if (type !== "object" || !isRecord(properties)) return false;
    const isKnown = Object.keys(value).every((name) => Object.hasOwn(properties, name));
    return (
      isKnown &&
      Object.entries(properties).every(([name, property]) => {
        // A provider that does not enforce the strict form may leave out what may be null.
        const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : null;
        return isRecord(property) && this.fits(member, property);
      })
    );
  }
}

function hasType(value: unknown, types: readonly (JsonValue | undefined)[]): boolean {
  if (value === null) return types.includes("null");
  if (typeof value === "number") {
    return types.includes("number") || (types.includes("integer") && Number.isInteger(value));
  }
  return types.includes(typeof value);
}

function resolve($ref: string, root: JsonObject): JsonObject | undefined {
  const names = pointerNames($ref.slice(1));
  const target = names === undefined ? undefined : valueAt(root, names);
  return isRecord(target) ? target : undefined;
}
