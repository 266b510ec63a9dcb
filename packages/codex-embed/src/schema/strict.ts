import { UsageError } from "../errors/base.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import { isAmong, keywordsOf, mergeSchemas, splitKeywords, typeOfScalar } from "./keywords.js";
import { dropAddedNulls, nullable, Shapes } from "./nulls.js";
import { isType, type JsonObject, localReference, setMember, toPath, valueAt } from "./types.js";

/** Only a schema that expands without end is nested this deep. */
const MAX_DEPTH = 200;

/** Ten times the properties that the API accepts. A reference within allOf expands into all of its parts. */
const MAX_PARTS = 50_000;

const VALUE_HINT = "Describe the value: give it a type.";
const RECORD_HINT = "Name the properties, or use a list of { key, value } objects.";

/** A schema in the strict form, and the way back. */
export interface StrictSchema {
  /** The schema to send. */
  readonly wire: JsonObject;
  /** Turns an answer in the strict form into one in the form of the original schema. Never changes its input. */
  readonly restore: (answer: unknown) => unknown;
}

/**
 * Converts a schema to the strict form: the subset of JSON Schema that the Responses API takes for structured output. The
 * rules of the API that are applied:
 *
 * - the root is an object, and not an `anyOf`;
 * - every object has `additionalProperties: false` and lists all its properties in `required`; one that was optional
 *   may be null instead, and `restore` removes that null; open objects, records and `patternProperties` are refused;
 * - every value has a `type`, an `anyOf` or a local `$ref`; a missing type is taken from `enum`, `const`, `properties`
 *   or `items`; a schema that allows anything is refused, and so is a tuple;
 * - `oneOf` becomes `anyOf`; `allOf`, and what stands beside `$ref` or `anyOf`, is merged, or refused when it disagrees;
 * - `not`, `if`, `dependentSchemas` and similar, and references to other documents are refused;
 * - the bounds of numbers, `minItems`, `maxItems`, plain `pattern`s and the nine known `format`s are kept; other bounds
 *   (`minLength`, `uniqueItems`, patterns with look-around, …) move into the description, for the validator to check;
 * - `default`, `examples` and unknown keywords are dropped; referenced schemas are collected in `$defs`.
 *
 * The limits on size are not checked, since they differ by model: 5,000 properties, 10 levels, 1,000 enum values,
 * 120,000 characters of names and values.
 *
 * @param where - what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError with the JSON path of what the strict form cannot express. The input is never changed.
 */
export function toStrictJsonSchema(json: JsonObject, where: string): StrictSchema {
  return new StrictConverter(json, where).run();
}

class StrictConverter {
  readonly #root: JsonObject;
  readonly #where: string;
  readonly #definitions = new Map<string, { readonly name: string; schema: JsonObject }>();
  readonly #optional: { readonly owner: JsonObject; readonly properties: JsonObject; readonly name: string }[] = [];
  readonly #addedNulls = new Map<JsonObject, Set<string>>();
  #parts = 0;

  constructor(root: JsonObject, where: string) {
    this.#root = root;
    this.#where = where;
  }

  run(): StrictSchema {
    const start = this.#follow(this.#root, "#");
    const root = this.#inline(this.#flatten(start.schema, start.path, []), start.path, [start.path]);
    const schema = this.#convert(root, start.path, 0);
    if (schema["anyOf"] !== undefined) {
      this.#refuse(start.path, "the root is a choice (anyOf)", "Wrap it in an object with one property.");
    }
    if (schema["type"] !== "object") {
      this.#refuse(start.path, "the root is not an object", "Wrap it in an object with one property.");
    }
    if (this.#definitions.size > 0) {
      const definitions: JsonObject = {};
      for (const { name, schema: definition } of this.#definitions.values()) definitions[name] = definition;
      schema["$defs"] = definitions;
    }
    const shapes = new Shapes(schema);
    for (const { owner, properties, name } of this.#optional) {
      const property = properties[name];
      if (!isRecord(property) || shapes.fits(null, property)) continue;
      setMember(properties, name, nullable(property));
      const added = this.#addedNulls.get(owner) ?? new Set();
      this.#addedNulls.set(owner, added.add(name));
    }
    return { wire: schema, restore: (answer) => dropAddedNulls(answer, schema, this.#addedNulls) };
  }

  #refuse(path: string, problem: string, hint: string): never {
    throw new UsageError(
      `${this.#where} has no strict form, which structured output requires: at ${path}, ${problem}. ${hint}`,
    );
  }

  #convert(source: JsonValue | undefined, path: string, depth: number): JsonObject {
    if (depth > MAX_DEPTH) this.#refuse(path, "the schema contains itself without end", "Break the cycle.");
    const flat = this.#flatten(source, path, []);
    const { annotations, applicators, constraints } = splitKeywords(flat);
    const { $ref, anyOf } = applicators;
    if (typeof $ref === "string") {
      const reference = this.#define($ref, path, depth);
      // The API takes no keyword beside $ref.
      return Object.keys(annotations).length === 0 ? reference : { ...annotations, anyOf: [reference] };
    }
    if (Array.isArray(anyOf)) {
      return {
        ...annotations,
        anyOf: anyOf.map((branch, index) => this.#convert(branch, `${path}/anyOf/${index}`, depth + 1)),
      };
    }
    if (constraints["enum"] !== undefined || constraints["const"] !== undefined) {
      return this.#values(constraints, annotations, path);
    }
    const types = this.#types(constraints, path);
    const [only] = types;
    if (types.length > 1 && types.some((type) => type === "object" || type === "array")) {
      return {
        ...annotations,
        anyOf: types.map((type) => this.#convert({ ...constraints, type }, path, depth + 1)),
      };
    }
    const keywords = keywordsOf(types, constraints, annotations);
    if (only === "object") return this.#object(constraints, keywords, path, depth);
    if (only === "array") return this.#array(constraints, keywords, path, depth);
    return { type: types.length === 1 && only !== undefined ? only : types, ...keywords };
  }

  #object(constraints: JsonObject, keywords: JsonObject, path: string, depth: number): JsonObject {
    const { additionalProperties, patternProperties } = constraints;
    const properties = constraints["properties"] ?? {};
    if (!isRecord(properties)) this.#refuse(`${path}/properties`, "the value is not an object", VALUE_HINT);
    if (isRecord(patternProperties) && Object.keys(patternProperties).length > 0) {
      this.#refuse(`${path}/patternProperties`, "the names of the properties are open", RECORD_HINT);
    }
    const isClosed = additionalProperties === false;
    if (!isClosed && (additionalProperties !== undefined || constraints["properties"] === undefined)) {
      const at = additionalProperties === undefined ? path : `${path}/additionalProperties`;
      this.#refuse(at, "the object takes any properties", RECORD_HINT);
    }
    const required = Array.isArray(constraints["required"]) ? constraints["required"] : [];
    const unknown = required.find((name) => typeof name !== "string" || !Object.hasOwn(properties, name));
    if (unknown !== undefined) {
      this.#refuse(`${path}/required`, `${JSON.stringify(unknown)} is not among the properties`, VALUE_HINT);
    }
    const converted: JsonObject = {};
    const schema: JsonObject = { type: "object", ...keywords, properties: converted };
    for (const [name, property] of Object.entries(properties)) {
      const at = `${path}/properties/${toPath([name]).slice(2)}`;
      setMember(converted, name, this.#convert(property, at, depth + 1));
      if (!required.includes(name)) this.#optional.push({ owner: schema, properties: converted, name });
    }
    schema["required"] = Object.keys(converted);
    schema["additionalProperties"] = false;
    return schema;
  }

  #array(constraints: JsonObject, keywords: JsonObject, path: string, depth: number): JsonObject {
    const { items, prefixItems } = constraints;
    if (prefixItems !== undefined || Array.isArray(items)) {
      const at = `${path}/${prefixItems === undefined ? "items" : "prefixItems"}`;
      this.#refuse(at, "the list is a tuple", "Use an object with one property per position.");
    }
    if (items === undefined) this.#refuse(path, "the list takes any items", "Give it items.");
    return { type: "array", ...keywords, items: this.#convert(items, `${path}/items`, depth + 1) };
  }

  #values(constraints: JsonObject, annotations: JsonObject, path: string): JsonObject {
    const { enum: choices, const: constant } = constraints;
    const values = constant === undefined ? (Array.isArray(choices) ? choices : []) : [constant];
    const given = constraints["type"] === undefined ? undefined : this.#types(constraints, path);
    const possible: JsonValue[] = [];
    const types = new Set<string>();
    for (const value of values) {
      const type = typeOfScalar(value);
      if (type === undefined) this.#refuse(path, "an allowed value is an object or a list", VALUE_HINT);
      if (given !== undefined && !isAmong(type, given)) continue;
      possible.push(value);
      types.add(type === "integer" && given?.includes("number") ? "number" : type);
    }
    const [only, ...others] = types;
    if (only === undefined) this.#refuse(path, "no value is possible", VALUE_HINT);
    const [value] = possible;
    const type = others.length === 0 ? only : [only, ...others];
    return {
      type,
      ...annotations,
      ...(constant === undefined || value === undefined ? { enum: possible } : { const: value }),
    };
  }

  #types(constraints: JsonObject, path: string): string[] {
    const { type } = constraints;
    if (type === undefined) {
      if (constraints["properties"] !== undefined || constraints["additionalProperties"] === false) return ["object"];
      if (constraints["items"] !== undefined || constraints["prefixItems"] !== undefined) return ["array"];
      return this.#refuse(path, "any value is allowed", VALUE_HINT);
    }
    const types = Array.isArray(type) ? type : [type];
    const known = types.filter(isType);
    if (known.length !== types.length || known.length === 0) {
      this.#refuse(`${path}/type`, "the type is not one of JSON Schema", VALUE_HINT);
    }
    return known;
  }

  /** Reduces a schema to one of three forms, besides annotations: a `$ref`, an `anyOf`, or constraints. */
  #flatten(source: JsonValue | undefined, path: string, inlined: readonly string[]): JsonObject {
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) {
      this.#refuse(path, `the schema expands to more than ${MAX_PARTS} parts`, "Use fewer references within allOf.");
    }
    if (!isRecord(source)) {
      const problem = source === true ? "any value is allowed" : "no value can conform to it";
      return this.#refuse(path, problem, VALUE_HINT);
    }
    const { annotations, applicators, constraints, refused } = splitKeywords(source);
    if (refused !== undefined) {
      this.#refuse(`${path}/${refused.keyword}`, `${refused.keyword} has no strict form`, refused.hint);
    }
    const { $ref, allOf, anyOf, oneOf } = applicators;
    if (anyOf !== undefined && oneOf !== undefined) {
      this.#refuse(`${path}/oneOf`, "two sets of alternatives apply at once", "Write their combinations as one anyOf.");
    }
    const choice = anyOf === undefined ? "oneOf" : "anyOf";
    const parts: JsonObject[] = [];
    if (Object.keys(constraints).length > 0) parts.push(constraints);
    if ($ref !== undefined) parts.push({ $ref });
    for (const [index, part] of this.#list(allOf, `${path}/allOf`).entries()) {
      parts.push(this.#flatten(part, `${path}/allOf/${index}`, inlined));
    }
    const branches = this.#list(applicators[choice], `${path}/${choice}`);
    if (branches.length === 1) parts.push(this.#flatten(branches[0], `${path}/${choice}/0`, inlined));
    else if (branches.length > 1) parts.push({ anyOf: branches });

    const [first, ...others] = parts;
    if (first === undefined) return this.#refuse(path, "any value is allowed", VALUE_HINT);
    if (others.length === 0) return { ...first, ...annotations };
    const merge = (one: JsonObject, other: JsonObject) =>
      mergeSchemas(one, other, (problem, hint) => this.#refuse(path, problem, hint));
    const merged = parts.map((part) => this.#inline(part, path, inlined)).reduce(merge);
    return { ...merged, ...annotations };
  }

  /** Replaces a reference by the schema that it points to. */
  #inline(flat: JsonObject, path: string, inlined: readonly string[]): JsonObject {
    if (flat["$ref"] === undefined) return flat;
    const target = this.#follow(flat, path);
    if (inlined.includes(target.path)) {
      this.#refuse(path, "the schema contains itself without end", "Break the cycle.");
    }
    const seen = [...inlined, target.path];
    return this.#inline(this.#flatten(target.schema, target.path, seen), target.path, seen);
  }

  /** Follows references to the schema that they point to in the end. */
  #follow(source: JsonValue, path: string): { schema: JsonValue; path: string } {
    const seen = new Set<string>();
    let at = { schema: source, path };
    for (;;) {
      if (!isRecord(at.schema)) return at;
      const { applicators, constraints } = splitKeywords(at.schema);
      const { $ref } = applicators;
      const isReference = Object.keys(applicators).length === 1 && Object.keys(constraints).length === 0;
      if ($ref === undefined || !isReference) return at;
      const names = typeof $ref === "string" ? localReference($ref) : undefined;
      if (names === undefined) {
        this.#refuse(`${at.path}/$ref`, "the reference is not a JSON pointer into this schema", "Use $defs.");
      }
      const target = valueAt(this.#root, names);
      if (target === undefined) this.#refuse(`${at.path}/$ref`, "the reference has no target", "Define it in $defs.");
      at = { schema: target, path: toPath(names) };
      if (seen.has(at.path)) this.#refuse(at.path, "the reference points to itself", "Break the cycle.");
      seen.add(at.path);
    }
  }

  #define($ref: string, path: string, depth: number): JsonObject {
    const target = this.#follow({ $ref }, path);
    if (target.path === "#") return { $ref: "#" };
    const known = this.#definitions.get(target.path);
    if (known !== undefined) return { $ref: `#/$defs/${known.name}` };
    const definition = { name: this.#nameOf(target.path), schema: {} };
    this.#definitions.set(target.path, definition);
    definition.schema = this.#convert(target.schema, target.path, depth + 1);
    return { $ref: `#/$defs/${definition.name}` };
  }

  #nameOf(path: string): string {
    const taken = new Set([...this.#definitions.values()].map(({ name }) => name));
    const base = path.slice(path.lastIndexOf("/") + 1).replaceAll(/[^a-zA-Z0-9_-]/g, "_");
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`;
    return name;
  }

  #list(value: JsonValue | undefined, path: string): JsonValue[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length === 0) this.#refuse(path, "this is not a list of schemas", VALUE_HINT);
    return value;
  }
}
