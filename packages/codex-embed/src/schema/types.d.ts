import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonValue } from "../protocol/generated/protocol.js";
/** The keywords of JSON Schema that are checked when a schema is written by hand. Others are allowed too. */
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
 * What describes a value of type `T`: a schema of a library that implements Standard Schema and Standard JSON Schema
 * (zod, arktype, valibot with `toStandardJsonSchema`, …), or a plain JSON Schema.
 */
export type Schema<T = unknown> = StandardSchemaV1<unknown, T> | JsonSchema;
/** The type of the values that a schema lets through; `unknown` for a plain JSON Schema. */
export type InferOutput<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : unknown;
/** One way in which a value does not conform to its schema. */
export interface SchemaIssue {
  readonly message: string;
  /** Where in the value: property names and array indices. */
  readonly path: readonly (string | number)[];
}
/** What a check of a value gives: the value as the schema's type, or what is wrong with it. */
export type SchemaResult<T> =
  | {
      readonly ok: true;
      readonly value: T;
    }
  | {
      readonly ok: false;
      readonly issues: readonly SchemaIssue[];
    };
/** A JSON object. */
export type JsonObject = {
  [key in string]?: JsonValue;
};
/** Tells whether a JSON value is an object. */
export declare function isJsonObject(value: JsonValue | undefined): value is JsonObject;
/** Sets a member of an object, also one with the name `__proto__`. */
export declare function setMember(target: object, name: string, value: unknown): void;
/** The names in a JSON pointer (RFC 6901), or in one as a URI fragment; undefined when it is none. */
export declare function pointerNames(pointer: string): string[] | undefined;
/** The names of a local `$ref`, which is a JSON pointer as a URI fragment; undefined for any other. */
export declare function localReference(reference: string): string[] | undefined;
/** The path of names, for messages and as a key. */
export declare function toPath(names: readonly (string | number)[]): string;
/** What lies at the names; undefined when there is nothing. */
export declare function valueAt(root: JsonValue, names: readonly string[]): JsonValue | undefined;
