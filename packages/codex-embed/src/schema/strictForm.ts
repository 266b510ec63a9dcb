import { UsageError } from "../errors/base.js";
import { MAX_READ_LEVELS } from "../util/json.js";
import { isDeeperThan, readSchema } from "./prepare.js";
import { toStrictJsonSchema } from "./strict.js";
import type { Schema } from "./types.js";

/** A schema in the strict form of structured output, and the way back. */
export interface StrictForm {
  /** The JSON Schema to send: a new object. */
  readonly wire: Readonly<Record<string, unknown>>;
  /**
   * Turns an answer in the strict form into one in the form of the schema: properties that are null only because they
   * were optional are absent again. Returns a copy where something changes, and does not validate.
   *
   * @throws UsageError for a value with more than 1,000 levels.
   */
  readonly restore: (answer: unknown) => unknown;
}

/**
 * Converts a schema to the strict form that `outputSchema` is sent in: every object closed, every property required, an
 * optional one "or null". For other frameworks that ask the same models for structured output.
 *
 * @param schema - of a Standard Schema library (zod, arktype, valibot, …), described by what it accepts; or a JSON Schema.
 * @throws UsageError for what is not a schema, is not well-formed, or has no strict form, with the JSON path of the place.
 */
export function strictSchema(schema: Schema): StrictForm {
  const { wire, restore } = toStrictJsonSchema(readSchema(schema, "strictSchema"), "strictSchema");
  return {
    wire,
    restore(answer) {
      if (!isDeeperThan(MAX_READ_LEVELS, answer)) return restore(answer);
      throw new UsageError(`strictSchema: the answer has more than ${MAX_READ_LEVELS} levels. Reject it.`);
    },
  };
}
