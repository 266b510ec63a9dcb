/** Finds what is wrong with a plain JSON Schema when it is given, not when the first answer is held against it. */
import { type JsonObject } from "./types.js";
/**
 * A copy of a plain JSON Schema in which `nullable: true` (of OpenAPI) is said in the words of JSON Schema.
 *
 * @param where - what the schema is for, in the words of the caller.
 * @throws UsageError with the place of a keyword that no validator could use: a `pattern` that is no regular expression
 * of JavaScript with the flag `u`, a repeated name in `required`, a reference that leads nowhere, ….
 */
export declare function toWellFormedSchema(json: JsonObject, where: string): JsonObject;
