import type { JsonValue } from "../protocol/generated/protocol.js";
import { type JsonObject } from "./types.js";
/**
 * Splits a schema into the parts that are treated apart. Keywords that say nothing about the values, such as `default`
 * and unknown ones, are left out.
 */
export declare function splitKeywords(schema: JsonObject): {
  annotations: JsonObject;
  applicators: JsonObject;
  constraints: JsonObject;
  refused:
    | {
        keyword: string;
        hint: string;
      }
    | undefined;
};
/** Tells whether a string names a type of JSON Schema. */
export declare function isType(type: JsonValue): type is string;
/** The type of a scalar value in the words of JSON Schema; undefined for an object or a list. */
export declare function typeOfScalar(value: JsonValue): string | undefined;
/** Tells whether a scalar type is among the types. */
export declare function isAmong(type: string, types: readonly string[]): boolean;
/**
 * The keywords of the types that strict output enforces, and the description with the others in words: what cannot be
 * enforced is told to the model and checked afterwards.
 */
export declare function keywordsOf(
  types: readonly string[],
  constraints: JsonObject,
  annotations: JsonObject,
): JsonObject;
/** Says what two schemas disagree about. Never returns. */
export type Refuse = (problem: string, hint: string) => never;
/**
 * One schema for the values that conform to both. Neither may hold `$ref`, `allOf` or `oneOf` at its top; what of their
 * parts must be merged in turn is left as an `allOf` inside. The input is not changed.
 */
export declare function mergeSchemas(outer: JsonObject, inner: JsonObject, refuse: Refuse): JsonObject;
