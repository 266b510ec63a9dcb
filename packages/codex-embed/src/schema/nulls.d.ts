/** Owns the nulls that stand for absent properties in strict output: where they are put in, and their way out again. */
import { type JsonObject } from "./types.js";
/** For each object schema: the names of the properties that may be null only because they were optional. */
export type AddedNulls = ReadonlyMap<JsonObject, ReadonlySet<string>>;
/** A schema in the strict form, and what was changed about optional properties. */
export interface StrictSchema {
  readonly schema: JsonObject;
  readonly addedNulls: AddedNulls;
}
/** The reference to a definition of a strict schema. */
export declare function referenceTarget(name: string): string;
/** The strict schema with null as one more value. */
export declare function nullable(schema: JsonObject): JsonObject;
/**
 * Takes out of an answer what the strict form put in: a property that was optional and is null becomes absent, unless
 * null was a value of it before. Gives a copy where something changes; the value itself is never changed. Linear in the
 * size of the value.
 */
export declare function dropAddedNulls(value: unknown, strict: StrictSchema): unknown;
/**
 * Tells which parts of a strict schema a value has the shape of. Bounds, patterns and formats are left to the validator:
 * shapes tell alternatives apart. What was found out is remembered: in a recursive union every alternative asks about
 * the same parts of the value again.
 */
export declare class Shapes {
  #private;
  /** @param root - the strict schema that references lead into. */
  constructor(root: JsonObject);
  /** Whether a value has the shape of a schema. */
  fits(value: unknown, schema: JsonObject): boolean;
  /**
   * The object or array schema that a value is meant to follow. Of alternatives, it is the first whose shape the value
   * has; the only one of the value's kind needs no look.
   */
  choose(value: object, schema: JsonObject): JsonObject | undefined;
}
