/** Owns the schema of an answer: what the runtime is given, and the check of what comes back. */

import { OutputValidationError, UsageError } from "../errors/index.js";
import { isStandardSchema, prepareOutput, type Schema, toJsonSchema } from "../schema/index.js";

/** An `outputSchema` made ready. */
export interface OutputPlan {
  /** The JSON Schema for the runtime. */
  readonly wire: unknown;
  /** Reads the final answer; undefined for a plain JSON Schema. Throws `OutputValidationError`. */
  readonly parse: ((finalResponse: string) => Promise<unknown>) | undefined;
}

/**
 * Makes an `outputSchema` ready.
 *
 * @throws UsageError for what is no schema, and for one of a library that has no JSON Schema or no strict form.
 */
export function planOutput(schema: unknown): OutputPlan | undefined {
  if (schema === undefined) return undefined;
  const where = "outputSchema";
  if (!isSchema(schema)) {
    throw new UsageError(
      `${where} is not a schema. Pass one of a Standard Schema library (zod, valibot, arktype, …) or a JSON Schema object.`,
    );
  }
  if (!isStandardSchema(schema)) return { wire: toJsonSchema(schema, { io: "input", where }), parse: undefined };
  const prepared = prepareOutput(schema, where);
  return {
    wire: prepared.wire,
    async parse(finalResponse) {
      const result = await prepared.parse(finalResponse);
      if (!result.ok) throw new OutputValidationError(result.issues, finalResponse);
      return result.value;
    },
  };
}

function isSchema(value: unknown): value is Schema {
  return (typeof value === "object" && value !== null && !Array.isArray(value)) || isStandardSchema(value);
}
