/** Owns the strict form of a schema: the subset of JSON Schema that the Responses API takes for structured output. */
import { type StrictSchema } from "./nulls.js";
import { type JsonObject } from "./types.js";
/**
 * Brings a schema to the strict form of structured output. The rules of the Responses API that are applied:
 *
 * - the root is an object, and not an `anyOf`;
 * - every object has `additionalProperties: false` and lists all its properties in `required`; one that was optional
 *   may be null instead, see `dropAddedNulls`; open objects, records and `patternProperties` are refused;
 * - every value has a `type`, an `anyOf` or a local `$ref`; a missing type is taken from `enum`, `const`, `properties`
 *   or `items`; what allows anything is refused, and so are tuples;
 * - `oneOf` becomes `anyOf`; `allOf`, and what stands beside `$ref` or `anyOf`, is merged, or refused when it disagrees;
 * - `not`, `if`, `dependentSchemas` and their kin, and references to elsewhere are refused;
 * - the bounds of numbers, `minItems`, `maxItems`, plain `pattern`s and the nine known `format`s are kept; other bounds
 *   (`minLength`, `uniqueItems`, patterns with look-around, …) move into the description, for the validator to check;
 * - `default`, `examples` and keywords without a meaning are left out; references are gathered in `$defs`.
 *
 * Not applied are the limits on size, which differ by model: 5,000 properties, 10 levels, 1,000 enum values, 120,000
 * characters of names and values.
 *
 * @param where - what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError with the JSON path of what the strict form cannot express. The input is never changed.
 */
export declare function toStrictJsonSchema(json: JsonObject, where: string): StrictSchema;
