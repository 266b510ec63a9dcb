/** The conversion of schemas of all libraries to JSON Schema, and the advice for those that have none. */

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { UsageError } from "../../../src/errors/base.js";
import { toJsonSchema } from "../../../src/schema/prepare.js";
import { type Schema } from "../../../src/schema/types.js";
import { verifies } from "../../support/verifies.js";

const input = (schema: Schema) => toJsonSchema(schema, { io: "input", where: "outputSchema" });

const expected = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "number" } },
  required: ["city"],
};

describe("toJsonSchema", () => {
  test.each<[library: string, schema: Schema]>([
    ["zod", z.object({ city: z.string(), days: z.optional(z.number()) })],
    ["valibot", toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number()) }))],
    ["arktype", type({ city: "string", "days?": "number" })],
    ["JSON Schema", expected],
    ["JSON Schema without a prototype", Object.assign(Object.create(null), expected)],
  ])("takes a schema of %s", (_, schema) => {
    verifies("schema-libraries");
    const { $schema: __, ...rest } = input(schema);
    expect(rest).toStrictEqual(expected);
  });

  test("takes what zod makes of a schema of zod/mini", () => {
    const schema = mini.object({ city: mini.string(), days: mini.optional(mini.number()) });
    expect(input(z.toJSONSchema(schema))).toMatchObject(expected);
  });

  test("gives the input or the output side", () => {
    const schema = z.object({ days: z.string().default("1").transform(Number).pipe(z.number()) });
    const side = (io: "input" | "output") => toJsonSchema(schema, { io, where: "outputSchema" })["properties"];
    expect(side("input")).toMatchObject({ days: { type: "string" } });
    expect(side("output")).toMatchObject({ days: { type: "number" } });
  });

  test("asks for draft-07 of a library that knows no newer one", () => {
    const targets: string[] = [];
    const convert = ({ target }: { target: string }) => {
      targets.push(target);
      if (target !== "draft-07") throw new Error(`unknown target ${target}`);
      return expected;
    };
    const standard = { version: 1, vendor: "old", validate: () => ({ value: 1 }) } as const;
    const schema = { "~standard": { ...standard, jsonSchema: { input: convert, output: convert } } };
    expect(input(schema)).toStrictEqual(expected);
    expect(targets).toStrictEqual(["draft-2020-12", "draft-07"]);
  });

  test("gives a copy", () => {
    const schema = structuredClone(expected);
    const made = input(schema);
    expect(made).not.toBe(schema);
    made["type"] = "string";
    expect(schema).toStrictEqual(expected);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const vendorless = { "~standard": { version: 1, vendor: "homemade", validate: () => ({ value: 1 }) } } as const;
  test.each<[what: string, schema: unknown, hint: string]>([
    ["zod/mini", mini.object({}), 'z.toJSONSchema(schema), with z from "zod"'],
    ["old zod", { "~standard": { version: 1, vendor: "zod", validate: () => ({}) } }, "Upgrade to zod 4.2 or later."],
    ["valibot", v.object({}), 'Pass toStandardJsonSchema(schema), from "@valibot/to-json-schema".'],
    ["effect", { "~standard": { version: 1, vendor: "effect", validate: () => ({}) } }, "Pass JSONSchema.make(schema)"],
    [
      "another library",
      vendorless,
      "a homemade schema that cannot be converted to JSON Schema. Pass it as a JSON Schema object",
    ],
    ["what has no JSON form", z.object({ at: z.date() }), 'cannot be expressed as JSON Schema: zod says "Date'],
    ["a validator of no standard", new (class Validator {})(), "is not a schema"],
    ["a list", [expected], "is not a schema"],
    ["a string", "string", "is not a schema"],
    ["null", null, "is not a schema"],
    ["a cycle", circular, "is not JSON"],
  ])("refuses %s, and says what to do", (_, schema, hint) => {
    verifies("schema-libraries");
    const call: (schema: never) => unknown = input;
    const run = () => Reflect.apply(call, undefined, [schema]);
    expect(run).toThrow(UsageError);
    expect(run).toThrow(hint);
    expect(run).toThrow(/^outputSchema /);
  });
});
