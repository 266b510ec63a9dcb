/** Owns the typed output of a turn: the schema that is sent, the check of the answer, and the request to correct it. */

import { OutputValidationError } from "../errors/index.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import type { EndedTurn } from "../protocol/shapes.js";
import { prepareOutput } from "./prepare.js";
import { type InferOutput, type Schema } from "./types.js";

/** The type of `result.output` for an `outputSchema` of type `S`. */
export type OutputOf<S extends Schema | undefined> = S extends Schema ? InferOutput<S> : undefined;

/** What goes on the wire for an `outputSchema`, and how the answer is read. */
export interface OutputPlan<O> {
  readonly wire: JsonValue | undefined;
  /** Throws `OutputValidationError` when the answer does not conform. */
  readonly parse: (turn: EndedTurn) => Promise<O>;
}

/** Prepares an output schema; throws `UsageError` for one that has no strict form. */
export function outputParser<S extends Schema | undefined>(schema: S | undefined): OutputPlan<OutputOf<S>>;
export function outputParser(schema: Schema | undefined): OutputPlan<unknown> {
  if (schema === undefined) return { wire: undefined, parse: async () => undefined };
  const prepared = prepareOutput(schema, "outputSchema");
  return {
    wire: prepared.wire,
    async parse(turn) {
      if (turn.status === "interrupted") {
        throw new OutputValidationError([{ message: "the turn was interrupted", path: [] }], turn.finalResponse ?? "");
      }
      const result = await prepared.parse(turn.finalResponse);
      if (!result.ok) throw new OutputValidationError(result.issues, turn.finalResponse ?? "");
      return result.value;
    },
  };
}

/** Asks the model for an answer that conforms. */
export function repairRequest(error: OutputValidationError): string {
  const issues = error.issues.map(({ message, path }) => `- ${path.join(".") || "(the whole answer)"}: ${message}`);
  return [
    "Your last answer does not conform to the required JSON schema:",
    ...issues,
    "Answer again with the corrected JSON alone.",
  ].join("\n");
}
