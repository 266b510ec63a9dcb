import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { prepareArguments, prepareOutput } from "../../../src/schema/prepare.js";
import { type JsonObject } from "../../../src/schema/types.js";
import { tool } from "../../../src/tools/tool.js";
import { verifies } from "../../support/verifies.js";

const having = (property: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "object",
  properties: { a: property },
  required: ["a"],
  ...more,
});
const text: JsonObject = { type: "string" };

describe("a schema that could not be compiled is refused when it is given", () => {
  test.each<[where: string, schema: JsonObject]>([
    ["#/properties/a/pattern", having({ type: "string", pattern: String.raw`^https\:\/\/` })],
    ["#/properties/a/pattern", having({ type: "string", pattern: "(?i)x" })],
    ["#/properties/a/pattern", having({ type: "string", pattern: "(" })],
    ["#/properties/a/pattern", having({ type: "string", pattern: 7 })],
    ["#/properties/a/patternProperties/(", having({ type: "object", patternProperties: { "(": text } })],
    ["#/required", having(text, { required: ["a", "a"] })],
    ["#/required", having(text, { required: true })],
    ["#/properties/a/minimum", having({ type: "number", minimum: "5" })],
    ["#/properties/a/exclusiveMinimum", having({ type: "number", exclusiveMinimum: true })],
    ["#/properties/a/multipleOf", having({ type: "number", multipleOf: 0 })],
    ["#/properties/a/minLength", having({ type: "string", minLength: -1 })],
    ["#/properties/a/maxItems", having({ type: "array", items: text, maxItems: 1.5 })],
    ["#/properties/a/type", having({ type: "text" })],
    ["#/properties/a/type", having({ type: ["string", "string"] })],
    ["#/properties/a/enum", having({ enum: [] })],
    ["#/properties/a/anyOf", having({ anyOf: [] })],
    ["#/properties/a/anyOf/1/type", having({ anyOf: [text, { type: "x" }] })],
    ["#/properties/a/items/pattern", having({ type: "array", items: { type: "string", pattern: "(" } })],
    ["#/properties", { type: "object", properties: ["a"] }],
    ["#/properties/a", { type: "object", properties: { a: "string" } }],
    ["#/properties/a/$ref", having({ $ref: "#/$defs/none" })],
    ["#/properties/a/$ref", having({ $ref: "elsewhere.json" })],
    ["#/$defs/b/uniqueItems", having(text, { $defs: { b: { type: "array", uniqueItems: "yes" } } })],
  ])("at %s: %o", async (where, schema) => {
    verifies("unusable-schema");
    const problem = `is not a valid JSON Schema: at ${where},`;
    await expect(prepareOutput(schema, "outputSchema")).rejects.toThrow(UsageError);
    await expect(prepareOutput(schema, "outputSchema")).rejects.toThrow(problem);
    expect(() => tool({ name: "t", description: "d", parameters: schema, execute: () => "x" })).toThrow(problem);
  });

  test("and one whose properties have the names of keywords is not", () => {
    const names = { pattern: text, required: text, type: text, nullable: text, minimum: text, $ref: text, items: text };
    const schema = having({ type: "object", properties: names, required: Object.keys(names) });
    const conforming = having({ enum: [{ $ref: "#/none" }] }, { default: { pattern: "(" } });
    expect(prepareArguments(schema, "parameters").inputSchema).toStrictEqual(schema);
    expect(prepareArguments(conforming, "parameters").inputSchema).toStrictEqual(conforming);
  });
});

describe("nullable of OpenAPI stays nullable", () => {
  const $defs = { b: { type: "object", properties: { c: text }, required: ["c"] } };
  const cases: [what: string, property: JsonObject, value: unknown][] = [
    ["a type", { type: "string", nullable: true }, "x"],
    ["several types", { type: ["string", "number"], nullable: true }, 4],
    ["an enum", { type: "string", enum: ["x"], nullable: true }, "x"],
    ["an enum that has null already", { type: "string", enum: ["x", null], nullable: true }, "x"],
    ["a const", { const: "x", type: "string", nullable: true }, "x"],
    ["a reference", { $ref: "#/$defs/b", nullable: true }, { c: "x" }],
    ["a choice", { anyOf: [text, { type: "number" }], nullable: true }, 4],
    ["an object", { type: "object", properties: { c: text }, required: ["c"], nullable: true }, { c: "x" }],
    ["a list", { type: "array", items: { type: "string", nullable: true }, nullable: true }, [null, "x"]],
  ];

  test.each(cases)("of %s", async (_, property, value) => {
    verifies("unusable-schema");
    const schema = having(property, { $defs });
    const { parse } = await prepareOutput(schema, "outputSchema");
    const { validate } = prepareArguments(schema, "parameters");
    for (const a of [null, value]) {
      expect(await parse(JSON.stringify({ a }))).toStrictEqual({ ok: true, value: { a } });
      expect(await validate({ a })).toStrictEqual({ ok: true, value: { a } });
    }
    expect(await parse('{"a":true}')).toMatchObject({ ok: false });
    expect(await validate({ a: true })).toMatchObject({ ok: false });
  });

  test("and what is not nullable is not", async () => {
    const { parse } = await prepareOutput(having({ type: "string", nullable: false }), "outputSchema");
    expect(await parse('{"a":null}')).toMatchObject({ ok: false });
  });
});
