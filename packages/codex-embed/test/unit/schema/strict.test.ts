import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { toStrictJsonSchema } from "../../../src/schema/strict.js";
import { type JsonObject } from "../../../src/schema/types.js";
import { schemasWithValues } from "./schemas.js";

const strict = (schema: JsonObject) => toStrictJsonSchema(schema, "outputSchema");

/** An object schema with one required property. */
const having = (a: JsonObject | boolean, rest: JsonObject = {}): JsonObject => ({
  type: "object",
  properties: { a },
  required: ["a"],
  ...rest,
});

const closed = (properties: JsonObject): JsonObject => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

/** What the strict form makes of a required property. */
function convertProperty(schema: JsonObject, rest: JsonObject = {}): unknown {
  const { properties } = strict(having(schema, rest)).wire;
  return typeof properties === "object" && properties !== null ? Reflect.get(properties, "a") : undefined;
}

const object = { type: "object", properties: { x: { type: "string" } } };
const strictObject = closed({ x: { type: ["string", "null"] } });

describe("toStrictJsonSchema", () => {
  test.each<[what: string, schema: JsonObject, expected: JsonObject]>([
    ["a string", { type: "string" }, { type: "string" }],
    ["several types", { type: ["string", "number"] }, { type: ["string", "number"] }],
    [
      "an object or a string",
      { type: ["object", "string", "null"], properties: {} },
      { anyOf: [closed({}), { type: "string" }, { type: "null" }] },
    ],
    ["an enum without a type", { enum: ["x", 1, null] }, { type: ["string", "integer", "null"], enum: ["x", 1, null] }],
    ["an enum beyond its type", { type: "string", enum: ["x", null] }, { type: "string", enum: ["x"] }],
    ["a const without a type", { const: "x" }, { type: "string", const: "x" }],
    ["a const of a wider type", { type: "number", const: 3 }, { type: "number", const: 3 }],
    ["a null const", { const: null }, { type: "null", const: null }],
    [
      "an object without a type",
      { properties: { x: { type: "string" } }, required: ["x"] },
      closed({ x: { type: "string" } }),
    ],
    ["a list without a type", { items: { type: "string" } }, { type: "array", items: { type: "string" } }],
    ["an empty object", { type: "object", properties: {} }, closed({})],
    ["an empty closed object", { type: "object", additionalProperties: false }, closed({})],
    ["a list of objects", { type: "array", items: object }, { type: "array", items: strictObject }],
    ["anyOf", { anyOf: [object, { type: "null" }] }, { anyOf: [strictObject, { type: "null" }] }],
    ["oneOf", { oneOf: [{ type: "string" }, object] }, { anyOf: [{ type: "string" }, strictObject] }],
    ["anyOf of one", { anyOf: [object], description: "d" }, { ...strictObject, description: "d" }],
    ["allOf of one", { allOf: [object] }, strictObject],
    [
      "allOf of objects",
      {
        allOf: [having({ type: "string" }), { type: "object", properties: { b: { type: "number" } }, required: ["b"] }],
      },
      closed({ a: { type: "string" }, b: { type: "number" } }),
    ],
    [
      "allOf with a property in both",
      { allOf: [having({ type: "integer", minimum: 1 }), having({ type: "number", minimum: 2, maximum: 9 })] },
      closed({ a: { type: "integer", minimum: 2, maximum: 9 } }),
    ],
    [
      "what stands beside anyOf",
      {
        type: "object",
        properties: object.properties,
        anyOf: [{ required: ["x"] }, { properties: { y: { type: "null" } } }],
      },
      { anyOf: [closed({ x: { type: "string" } }), closed({ x: { type: ["string", "null"] }, y: { type: "null" } })] },
    ],
    [
      "titles and descriptions",
      {
        type: "string",
        title: "t",
        description: "d",
        default: "x",
        examples: ["y"],
        $comment: "c",
        deprecated: true,
        x: 1,
      },
      { type: "string", title: "t", description: "d" },
    ],
    [
      "the bounds that are enforced",
      { type: "integer", minimum: 1, maximum: 9, exclusiveMinimum: 0, exclusiveMaximum: 10, multipleOf: 3 },
      { type: "integer", minimum: 1, maximum: 9, exclusiveMinimum: 0, exclusiveMaximum: 10, multipleOf: 3 },
    ],
    [
      "the bounds of lists",
      { type: "array", items: { type: "string" }, minItems: 1, maxItems: 2, uniqueItems: true },
      { type: "array", description: "(uniqueItems: true)", items: { type: "string" }, minItems: 1, maxItems: 2 },
    ],
    [
      "patterns and known formats",
      { type: "string", pattern: "^a", format: "date" },
      { type: "string", pattern: "^a", format: "date" },
    ],
    [
      "bounds that are told only",
      { type: "string", description: "A name.", minLength: 1, maxLength: 9 },
      { type: "string", description: "A name. (minLength: 1; maxLength: 9)" },
    ],
    [
      "unknown formats and patterns with look-around",
      { type: "string", format: "uri", pattern: "^(?!x)" },
      { type: "string", description: '(pattern: "^(?!x)"; format: "uri")' },
    ],
    ["bounds of another type", { type: "string", minimum: 3 }, { type: "string" }],
    ["unevaluatedProperties: false", { ...object, unevaluatedProperties: false }, strictObject],
  ])("brings %s to the strict form", (_, schema, expected) => {
    expect(convertProperty(schema)).toStrictEqual(expected);
  });

  test.each<[what: string, schema: JsonObject, expected: JsonObject]>([
    ["a scalar", { type: "string" }, { type: ["string", "null"] }],
    ["several scalars", { type: ["string", "number"] }, { type: ["string", "number", "null"] }],
    ["an enum", { type: "string", enum: ["x"] }, { type: ["string", "null"], enum: ["x", null] }],
    ["a const", { const: "x" }, { type: ["string", "null"], enum: ["x", null] }],
    ["an object", object, { anyOf: [strictObject, { type: "null" }] }],
    [
      "a list",
      { type: "array", items: { type: "string" } },
      { anyOf: [{ type: "array", items: { type: "string" } }, { type: "null" }] },
    ],
    [
      "a choice",
      { anyOf: [{ type: "string" }, object] },
      { anyOf: [{ type: "string" }, strictObject, { type: "null" }] },
    ],
    ["a nullable scalar", { type: ["string", "null"] }, { type: ["string", "null"] }],
    ["a nullable choice", { anyOf: [{ type: "null" }, object] }, { anyOf: [{ type: "null" }, strictObject] }],
  ])("makes %s nullable when it is optional", (_, schema, expected) => {
    expect(strict({ type: "object", properties: { a: schema } }).wire).toStrictEqual(closed({ a: expected }));
  });

  test("collects referenced schemas in $defs, and keeps recursion", () => {
    const node = { type: "object", properties: { next: { $ref: "#/definitions/Node" } } };
    const { wire } = strict({
      ...having({ $ref: "#/definitions/Node" }, { definitions: { Node: node, Unused: {} } }),
      properties: {
        a: { $ref: "#/definitions/Node", description: "The first." },
        b: { $ref: "#/properties/c" },
        c: { type: "string" },
        d: { $ref: "#" },
        "e/f~%": { $ref: "#/definitions/Chain" },
        g: { $ref: "#/properties/e~1f~0%25" },
      },
      required: ["a", "b", "c", "d", "e/f~%", "g"],
      definitions: { Node: node, Unused: {}, Chain: { $ref: "#/definitions/Node" } },
    });
    expect(wire).toStrictEqual({
      ...closed({
        a: { description: "The first.", anyOf: [{ $ref: "#/$defs/Node" }] },
        b: { $ref: "#/$defs/c" },
        c: { type: "string" },
        d: { $ref: "#" },
        "e/f~%": { $ref: "#/$defs/Node" },
        g: { $ref: "#/$defs/Node" },
      }),
      $defs: {
        Node: closed({ next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }] } }),
        c: { type: "string" },
      },
    });
  });

  test("knows that a reference may be null already", () => {
    const $defs = { Maybe: { anyOf: [object, { type: "null" }] } };
    const { wire, restore } = strict({ type: "object", properties: { a: { $ref: "#/$defs/Maybe" } }, $defs });
    expect(wire["properties"]).toStrictEqual({ a: { $ref: "#/$defs/Maybe" } });
    expect(restore({ a: null })).toStrictEqual({ a: null });
  });

  test("names definitions apart", () => {
    const { wire } = strict({
      ...closed({ p: { $ref: "#/$defs/a b" }, q: { $ref: "#/$defs/a$b" } }),
      $defs: { "a b": { type: "string" }, a$b: { type: "number" } },
    });
    expect(wire["properties"]).toStrictEqual({ p: { $ref: "#/$defs/a_b" }, q: { $ref: "#/$defs/a_b_2" } });
    expect(wire["$defs"]).toStrictEqual({ a_b: { type: "string" }, a_b_2: { type: "number" } });
  });

  test.each<[what: string, schema: JsonObject]>([
    ["a reference", { $ref: "#/$defs/Root", $defs: { Root: object } }],
    ["a reference in allOf", { allOf: [{ $ref: "#/$defs/Root" }], $defs: { Root: object } }],
    ["a choice of one", { oneOf: [object], $schema: "https://json-schema.org/draft/2020-12/schema" }],
  ])("takes %s for a root", (_, schema) => {
    expect(strict(schema).wire).toStrictEqual(strictObject);
  });

  test("merges what stands beside a reference", () => {
    const extended = { $ref: "#/$defs/Base", properties: { y: { type: "number" } }, required: ["x"] };
    expect(convertProperty(extended, { $defs: { Base: { ...object, description: "Base." } } })).toStrictEqual({
      ...closed({ y: { type: ["number", "null"] }, x: { type: "string" } }),
      description: "Base.",
    });
  });

  test("takes __proto__ for a property like any other", () => {
    const schema: JsonObject = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}');
    const made = strict(schema);
    expect(JSON.stringify(made.wire)).toContain('{"__proto__":{"type":["string","null"]}}');
    expect(made.wire["required"]).toStrictEqual(["__proto__"]);
    expect(JSON.stringify(made.restore(JSON.parse('{"__proto__":null}')))).toBe("{}");
    expect(JSON.stringify(made.restore(JSON.parse('{"__proto__":"x"}')))).toBe('{"__proto__":"x"}');
  });

  const loop = { $defs: { A: { $ref: "#/$defs/B" }, B: { $ref: "#/$defs/A" } } };
  test.each<[path: string, problem: string, schema: JsonObject]>([
    ["#", "the root is not an object", { type: "string" }],
    ["#", "the root is not an object", { type: "array", items: { type: "string" } }],
    ["#", "the root is a choice", { anyOf: [object, closed({})] }],
    ["#", "the root is a choice", { type: ["object", "null"], properties: {} }],
    ["#/$defs/R", "the root is not an object", { $ref: "#/$defs/R", $defs: { R: { type: "string" } } }],
    ["#", "any value is allowed", {}],
    ["#/properties/a", "any value is allowed", having({})],
    ["#/properties/a", "any value is allowed", having({ description: "anything" })],
    ["#/properties/a", "any value is allowed", having({ minLength: 3 })],
    ["#/properties/a", "any value is allowed", having(true)],
    ["#/properties/a", "no value can conform to it", having(false)],
    ["#/properties/a", "the object takes any properties", having({ type: "object" })],
    ["#/properties/a/additionalProperties", "takes any properties", having({ ...object, additionalProperties: true })],
    [
      "#/properties/a/additionalProperties",
      "takes any properties",
      having({ type: "object", additionalProperties: { type: "string" } }),
    ],
    ["#/additionalProperties", "takes any properties", { ...object, additionalProperties: {} }],
    [
      "#/properties/a/patternProperties",
      "names of the properties are open",
      having({ ...object, patternProperties: { "^x": {} } }),
    ],
    ["#/properties/a/required", '"y" is not among the properties', having({ ...object, required: ["y"] })],
    ["#/properties/a", "the list takes any items", having({ type: "array" })],
    ["#/properties/a/items", "any value is allowed", having({ type: "array", items: {} })],
    ["#/properties/a/prefixItems", "a tuple", having({ type: "array", prefixItems: [{ type: "string" }] })],
    ["#/properties/a/items", "a tuple", having({ type: "array", items: [{ type: "string" }] })],
    ["#/properties/a/not", "not has no strict form", having({ type: "string", not: { const: "x" } })],
    ["#/properties/a/if", "if has no strict form", having({ ...object, if: {}, else: {} })],
    ["#/properties/a/dependentSchemas", "has no strict form", having({ ...object, dependentSchemas: {} })],
    ["#/properties/a/dependentRequired", "has no strict form", having({ ...object, dependentRequired: {} })],
    ["#/properties/a/unevaluatedProperties", "has no strict form", having({ ...object, unevaluatedProperties: true })],
    ["#/properties/a/$dynamicRef", "has no strict form", having({ $dynamicRef: "#x" })],
    ["#/properties/a", "disagree about type", having({ allOf: [{ type: "string" }, { type: "number" }] })],
    [
      "#/properties/a",
      "disagree about pattern",
      having({ allOf: [{ type: "string", pattern: "a" }, { pattern: "b" }] }),
    ],
    [
      "#/properties/a",
      'the property "x", which another part forbids',
      having({ allOf: [object, { ...having({}), additionalProperties: false }] }),
    ],
    [
      "#/properties/a/oneOf",
      "two sets of alternatives",
      having({ anyOf: [{ type: "string" }], oneOf: [{ type: "string" }] }),
    ],
    [
      "#/properties/a",
      "two sets of alternatives",
      having({ allOf: [{ anyOf: [{ type: "string" }, object] }, { oneOf: [object, { type: "null" }] }] }),
    ],
    ["#/properties/a/anyOf", "not a list of schemas", having({ anyOf: [] })],
    ["#/properties/a/anyOf/1", "any value is allowed", having({ anyOf: [{ type: "string" }, {}] })],
    ["#/properties/a/type", "not one of JSON Schema", having({ type: "date" })],
    ["#/properties/a", "no value is possible", having({ type: "number", enum: ["x"] })],
    ["#/properties/a", "no value is possible", having({ enum: [] })],
    ["#/properties/a", "an allowed value is an object or a list", having({ const: {} })],
    ["#/properties/a/$ref", "not a JSON pointer", having({ $ref: "https://example.com/schema.json" })],
    ["#/properties/a/$ref", "not a JSON pointer", having({ $ref: "#anchor" })],
    ["#/properties/a/$ref", "has no target", having({ $ref: "#/$defs/Missing" })],
    ["#/$defs/A", "points to itself", having({ $ref: "#/$defs/A" }, loop)],
    [
      "#/$defs/A/properties/b~1c",
      "any value is allowed",
      having({ $ref: "#/$defs/A" }, { $defs: { A: { properties: { "b/c": {} } } } }),
    ],
    [
      "#/$defs/A",
      "contains itself without end",
      having({ $ref: "#/$defs/A" }, { $defs: { A: { type: "object", properties: {}, $ref: "#/$defs/A" } } }),
    ],
    [
      "#/$defs/A",
      "contains itself without end",
      having({ $ref: "#/$defs/A" }, { $defs: { A: { allOf: [{ type: "string" }, { $ref: "#/$defs/A" }] } } }),
    ],
    [
      "#/$defs/A/anyOf/0",
      "contains itself without end",
      having(
        { $ref: "#/$defs/A" },
        { $defs: { A: { type: "string", anyOf: [{ $ref: "#/$defs/A" }, { $ref: "#/$defs/A" }] } } },
      ),
    ],
  ])("refuses, at %s: %s", (path, problem, schema) => {
    let error: unknown;
    try {
      strict(schema);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toHaveProperty("message", expect.stringContaining(problem));
    expect(error).toHaveProperty("message", expect.stringMatching(/^outputSchema has no strict form/));
    expect(error).toHaveProperty("message", expect.stringContaining(`at ${path}`));
  });

  test("never changes its input", () => {
    fc.assert(
      fc.property(schemasWithValues, ({ schema }) => {
        const before = structuredClone(schema);
        strict(schema);
        expect(schema).toStrictEqual(before);
      }),
    );
  });

  test("can say every value that the schema allows, and gives it back as it was", () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    let compared = 0;
    fc.assert(
      fc.property(schemasWithValues, ({ schema, value, withNulls, back, isAmbiguous }) => {
        const original = ajv.compile(schema);
        expect(original(value)).toBe(true);

        const made = strict(schema);
        assertStrict(made.wire);
        const wire = ajv.compile(made.wire);
        expect(wire(withNulls), JSON.stringify(wire.errors)).toBe(true);

        const given = made.restore(withNulls);
        expect(original(given), JSON.stringify(original.errors)).toBe(true);
        if (isAmbiguous) return;
        compared += 1;
        expect(given).toStrictEqual(back);
      }),
      { numRuns: 100 },
    );
    expect(compared).toBeGreaterThan(50);
  });
});

const KEYWORDS = new Set(["$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "items"]);
for (const keyword of ["properties", "required", "title", "type"]) KEYWORDS.add(keyword);

/** Holds a schema against the rules of the API. */
function assertStrict(schema: unknown): void {
  if (typeof schema !== "object" || schema === null) throw new TypeError("not a schema object");
  for (const keyword of Object.keys(schema)) expect(KEYWORDS).toContain(keyword);
  const { type, properties, required, additionalProperties, items, anyOf, $defs, $ref }: Record<string, unknown> = {
    ...schema,
  };
  expect([type, anyOf, $ref].filter((form) => form !== undefined)).toHaveLength(1);
  if ($ref !== undefined) expect(Object.keys(schema)).toStrictEqual(["$ref"]);
  if (type === "object") {
    expect(additionalProperties).toBe(false);
    expect(required).toStrictEqual(Object.keys(Object(properties)));
  }
  if (type === "array") assertStrict(items);
  for (const part of Object.values({ ...Object(properties), ...Object($defs) })) assertStrict(part);
  if (Array.isArray(anyOf)) anyOf.forEach(assertStrict);
}
