/** Compares our `$ref`, which remembers its results, with that of ajv. */

import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/schema/types.js";
import { compileCheck } from "../../../src/schema/validate.js";

const NAMES = ["a", "b", "c"];
const reference = fc.constantFrom(...NAMES.map((name) => ({ $ref: `#/$defs/${name}` })), { $ref: "#" });
const leaf = fc.constantFrom<JsonObject>(
  { type: "string" },
  { type: "integer", minimum: 1 },
  { const: "x" },
  { enum: [1, null, "x"] },
  { maxProperties: 1, maxItems: 2 },
);

/** Schemas that lead to each other, with alternatives that overlap. */
const { schema: subSchemas } = fc.letrec<{ schema: JsonObject }>((tie) => {
  const list = fc.array(tie("schema"), { minLength: 1, maxLength: 3 });
  return {
    schema: fc.oneof(
      { depthSize: "small", maxDepth: 3 },
      fc.oneof(leaf, reference),
      list.map((anyOf) => ({ anyOf })),
      list.map((oneOf) => ({ oneOf })),
      list.map((allOf) => ({ allOf })),
      tie("schema").map((not) => ({ not })),
      tie("schema").map((items) => ({ type: "array", items })),
      fc.dictionary(fc.constantFrom("p", "q"), tie("schema")).map((properties) => ({ type: "object", properties })),
      tie("schema").map((contains) => ({ type: "array", contains })),
    ),
  };
});

/** A schema that leads back to itself without looking into the value never ends, for any validator. */
const guarded = subSchemas.map((schema) => ({ type: "object", properties: { p: schema, q: schema } }));
const schemas = fc
  .tuple(guarded, guarded, guarded, subSchemas)
  .map(([a, b, c, p]): JsonObject => ({ type: "object", properties: { p }, $defs: { a, b, c } }));

const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.constantFrom("x", "y", 0, 1, 2.5, true, null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("p", "q", "r"), tie("value"), { maxKeys: 3 }),
  ),
}));

describe("a check whose references remember their results", () => {
  test("agrees with ajv on every value", () => {
    const seen = { valid: 0, invalid: 0 };
    const property = fc.property(
      schemas,
      fc.array(fc.dictionary(fc.constantFrom("p", "q"), values)),
      (schema, many) => {
        const check = compileCheck(schema, "schema");
        const plain = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
        for (const value of many) {
          const isValid = plain(value) === true;
          seen[isValid ? "valid" : "invalid"] += 1;
          expect(check(value).length === 0).toBe(isValid);
          // The second answer comes from memory.
          expect(check(value).length === 0).toBe(isValid);
        }
      },
    );
    fc.assert(property, { numRuns: 100 });
    expect(Math.min(seen.valid, seen.invalid)).toBeGreaterThan(20);
  });

  test.each([
    ["properties", { unevaluatedProperties: false }],
    ["an anchor", { properties: { a: { $ref: "#text" } }, $defs: { t: { $anchor: "text", type: "string" } } }],
  ])("leaves rules about the whole schema to ajv: %s", (_, rules) => {
    const check = compileCheck({ type: "object", ...rules }, "schema");
    expect(check({})).toEqual([]);
    expect(check({ a: 1 })).toHaveLength(1);
  });

  test("accepts a format that it does not check", () => {
    const check = compileCheck({ properties: { a: { format: "email" }, b: { format: "unknown" } } }, "schema");
    expect(check({ a: "no", b: "no" })).toEqual([]);
  });
});
