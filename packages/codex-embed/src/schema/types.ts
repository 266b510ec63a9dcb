import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";

/** The keywords of JSON Schema whose types the compiler checks. Others are allowed too. */
export interface JsonSchemaKeywords {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly oneOf?: readonly unknown[];
  readonly allOf?: readonly unknown[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, unknown>>;
}

/** A JSON Schema as a plain object, of draft 2020-12 or draft-07. */
export type JsonSchema = JsonSchemaKeywords | Readonly<Record<string, unknown>>;

/**
 * A schema for values of type `T`: of a library that implements Standard Schema and Standard JSON Schema (zod, arktype,
 * valibot with `toStandardJsonSchema`, …), or a plain JSON Schema.
 */
export type Schema<T = unknown> = StandardSchemaV1<unknown, T> | JsonSchema;

/** The type of the values that a schema accepts; `unknown` for a plain JSON Schema. */
export type InferOutput<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : unknown;

/** One reason why a value does not conform to its schema. */
export interface SchemaIssue {
  /** What is wrong, as the library or the validator words it. */
  readonly message: string;
  /** Where in the value: property names and array indices. Empty for the value itself. */
  readonly path: readonly (string | number)[];
}

/** The result of a check: the value as the schema's type, or what is wrong with it. */
export type SchemaResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[] };

/** A JSON object, such as a plain JSON Schema. */
export type JsonObject = { [key in string]?: JsonValue };

/** The names of JSON's types in a schema. */
const TYPES: ReadonlySet<unknown> = new Set(["object", "array", "string", "number", "integer", "boolean", "null"]);

/** Tells whether a value is the name of a type in JSON Schema. */
export function isType(type: JsonValue): type is string {
  return TYPES.has(type);
}

/** Sets a member of an object, also one named `__proto__`. */
export function setMember(target: object, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    Reflect.set(target, name, value);
  }
}

/** Splits a JSON pointer (RFC 6901) into names; undefined for any other text. */
export function pointerNames(pointer: string): string[] | undefined {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) return undefined;
  return pointer
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Splits a local `$ref`, a JSON pointer as a URI fragment, into names; undefined for any other reference. */
export function localReference(reference: string): string[] | undefined {
  if (!reference.startsWith("#")) return undefined;
  try {
    return pointerNames(decodeURIComponent(reference.slice(1)));
  } catch {
    return undefined;
  }
}

/** Joins names to a path, for messages and as a key. */
export function toPath(names: readonly (string | number)[]): string {
  return ["#", ...names.map((name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

/** Follows names into a value; undefined when there is nothing. */
export function valueAt(root: JsonValue, names: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const name of names) {
    if (Array.isArray(value)) value = value[Number(name)];
    else if (isRecord(value) && Object.hasOwn(value, name)) value = value[name];
    else return undefined;
  }
  return value;
}
