/** The schemas of outputs and tools, gathered. */

export type { AjvLoader } from "./ajv.js";
export { dropAddedNulls } from "./nulls.js";
export { type PreparedOutput, prepareArguments, prepareOutput } from "./prepare.js";
export { isStandardSchema, toJsonSchema } from "./standard.js";
export { toStrictJsonSchema } from "./strict.js";
export type {
  InferOutput,
  JsonObject,
  JsonSchema,
  JsonSchemaKeywords,
  Schema,
  SchemaIssue,
  SchemaResult,
} from "./types.js";
