import type { StandardSchemaV1 } from "@standard-schema/spec";
import { OutputValidationError } from "../errors/turn.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import type { EndedTurn } from "../protocol/shapes.js";
import { type InferOutput, type JsonObject, type Schema, type SchemaResult } from "./types.js";
import { type AjvLoader } from "./validate.js";
/** Tells whether a schema can check values by itself. */
export declare function isStandardSchema(schema: unknown): schema is StandardSchemaV1;
/**
 * Brings a schema to a plain JSON Schema: a copy of it, without members that are not JSON.
 *
 * @param options - `io`: for a schema that transforms, whether the values before (`input`) or after it; `where`: what
 * the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError for a validator that does not give JSON Schema, with the way to get one, and for anything else
 * that is not a schema.
 */
export declare function toJsonSchema(
  schema: Schema,
  options: {
    io: "input" | "output";
    where: string;
  },
): JsonObject;
/** An output schema made ready. */
export interface PreparedOutput<T> {
  /** The strict JSON Schema that is sent. */
  readonly wire: JsonValue;
  /**
   * Reads a final answer. Properties that are null only because the strict form made them so are absent again.
   * Rejects only when the schema itself fails: a validator that throws, or a JSON Schema that ajv refuses.
   */
  readonly parse: (text: string | null) => Promise<SchemaResult<T>>;
}
/** A tool's parameters made ready. */
export interface PreparedArguments<T> {
  /** The JSON Schema that is sent, as the user gave it. */
  readonly inputSchema: JsonValue;
  /** Checks the arguments of a call. Rejects only when the schema itself fails. */
  readonly validate: (value: unknown) => Promise<SchemaResult<T>>;
}
/**
 * Makes an output schema ready. The model is asked for what the schema takes (its input side): defaults, transforms and
 * codecs are applied to the answer. A plain JSON Schema is checked when the optional peer `ajv` is installed.
 *
 * @param where - what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError for what is not a schema, is not well-formed or has no strict form, see `toJsonSchema`,
 * `toWellFormedSchema` and `toStrictJsonSchema`.
 */
export declare function prepareOutput<S extends Schema>(
  schema: S,
  where: string,
  load?: AjvLoader,
): PreparedOutput<InferOutput<S>>;
/**
 * Makes a tool's parameters ready. The schema is sent as it is, without `$schema` and with `nullable` in the words of
 * JSON Schema.
 *
 * @throws UsageError for what is not a schema or is not well-formed (see `toJsonSchema` and `toWellFormedSchema`), and
 * when the root is not of type object.
 */
export declare function prepareArguments<S extends Schema>(
  schema: S,
  where: string,
  load?: AjvLoader,
): PreparedArguments<InferOutput<S>>;
/** The type of `result.output` for an `outputSchema` of type `S`. */
export type OutputOf<S extends Schema | undefined> = S extends Schema ? InferOutput<S> : undefined;
/** What goes on the wire for an `outputSchema`, and how the answer is read. */
export interface OutputPlan<O> {
  readonly wire: JsonValue | undefined;
  /** Throws `OutputValidationError` when the answer does not conform. */
  readonly parse: (turn: EndedTurn) => Promise<O>;
}
/** Prepares an output schema; throws `UsageError` for one that has no strict form. */
export declare function outputParser<S extends Schema | undefined>(schema: S | undefined): OutputPlan<OutputOf<S>>;
/** Asks the model for an answer that conforms. */
export declare function repairRequest(error: OutputValidationError): string;
