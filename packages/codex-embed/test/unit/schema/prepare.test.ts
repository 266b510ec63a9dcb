import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { UsageError } from "../../../src/errors/base.js";
import { prepareArguments, prepareOutput } from "../../../src/schema/prepare.js";
import { strictSchema } from "../../../src/schema/strictForm.js";
import { type JsonObject, type Schema } from "../../../src/schema/types.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const weather: Schema[] = [
  z.object({ city: z.string(), days: z.optional(z.number()) }),
  z.toJSONSchema(mini.object({ city: mini.string(), days: mini.optional(mini.number()) })),
  toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number()) })),
  type({ city: "string", "days?": "number" }),
  { type: "object", properties: { city: { type: "string" }, days: { type: "number" } }, required: ["city"] },
];
const libraries = ["zod", "zod/mini", "valibot", "arktype", "JSON Schema"] as const;
const cases = weather.map((schema, index) => [libraries[index], schema] as const);

describe("strictSchema", () => {
  test.each(cases)("converts %s, and an answer back", (_, schema) => {
    verifies("strict-schema");
    const { wire, restore } = strictSchema(schema);
    expect(wire).toStrictEqual({
      type: "object",
      properties: { city: { type: "string" }, days: { type: ["number", "null"] } },
      required: ["city", "days"],
      additionalProperties: false,
    });
    const answer = { city: "Paris", days: null };
    expect(restore(answer)).toStrictEqual({ city: "Paris" });
    expect(answer).toStrictEqual({ city: "Paris", days: null });
    expect(restore({ city: "Paris", days: 3 })).toStrictEqual({ city: "Paris", days: 3 });
    expect(restore("no object")).toBe("no object");
  });

  test("refuses a schema without a strict form, with the place, and an answer that is too deep", () => {
    verifies("strict-schema");
    const open = { type: "object", properties: { any: { type: "object", additionalProperties: { type: "string" } } } };
    expect(() => strictSchema(open)).toThrow(UsageError);
    expect(() => strictSchema(open)).toThrow(/strictSchema.*#\/properties\/any/);
    expect(() => strictSchema(untyped(null))).toThrow(/strictSchema is not a schema/);
    const tree = { type: "object", properties: { of: { $ref: "#" } } };
    let deep: unknown = null;
    for (let level = 0; level < 100_000; level += 1) deep = { of: deep };
    expect(() => strictSchema(tree).restore(deep)).toThrow(/1000 levels/);
  });
});

describe("prepareOutput", () => {
  test.each(cases)("sends the strict form of %s", async (_, schema) => {
    expect((await prepareOutput(schema, "outputSchema")).wire).toStrictEqual({
      type: "object",
      properties: { city: { type: "string" }, days: { type: ["number", "null"] } },
      required: ["city", "days"],
      additionalProperties: false,
    });
  });

  test.each(cases)("reads an answer by %s", async (_, schema) => {
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse('{"city":"Paris","days":3}')).toStrictEqual({ ok: true, value: { city: "Paris", days: 3 } });
    expect(await parse(' {"city":"Paris","days":null}\n')).toStrictEqual({ ok: true, value: { city: "Paris" } });
    expect(await parse('{"city":"Paris"}')).toStrictEqual({ ok: true, value: { city: "Paris" } });
    expect(await parse('{"city":5,"days":null}')).toMatchObject({ ok: false, issues: [{ path: ["city"] }] });
    expect(await parse("7")).toMatchObject({ ok: false, issues: [{ path: [] }] });
  });

  test("does not read what is not JSON, and does not repeat it", async () => {
    const { parse } = await prepareOutput(z.object({ a: z.string() }), "outputSchema");
    expect(await parse(null)).toStrictEqual({ ok: false, issues: [{ message: "there is no answer", path: [] }] });
    for (const text of ["", "My secret: no", '{"a":"secret', '```json\n{"a":"secret"}\n```']) {
      const read = await parse(text);
      expect(read).toMatchObject({ ok: false, issues: [{ path: [] }] });
      expect(JSON.stringify(read)).not.toContain("secret");
    }
  });

  test("keeps a null that the schema had a meaning for", async () => {
    const schema = z.object({ a: z.string().nullish(), b: z.string().nullable(), c: z.string().optional() });
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse('{"a":null,"b":null,"c":null}')).toStrictEqual({ ok: true, value: { a: null, b: null } });
  });

  test("drops nulls deep inside, by the branch that the value is of", async () => {
    const schema = z.object({
      shapes: z.array(
        z.discriminatedUnion("kind", [
          z.object({ kind: z.literal("dot"), label: z.string().optional() }),
          z.object({ kind: z.literal("box"), label: z.string().nullable(), size: z.number().optional() }),
        ]),
      ),
      style: z.object({ color: z.string().optional() }).optional(),
    });
    const { parse } = await prepareOutput(schema, "outputSchema");
    const dot = { kind: "dot", label: null };
    const box = { kind: "box", label: null, size: null };
    expect(await parse(JSON.stringify({ shapes: [dot, box], style: { color: null } }))).toStrictEqual({
      ok: true,
      value: { shapes: [{ kind: "dot" }, { kind: "box", label: null }], style: {} },
    });
    expect(await parse(JSON.stringify({ shapes: [], style: null }))).toStrictEqual({ ok: true, value: { shapes: [] } });
  });

  test("knows the branch also when the model leaves out what may be null", async () => {
    const dot = z.object({ kind: z.literal("dot"), label: z.string().optional(), note: z.string().optional() });
    const box = z.object({ kind: z.literal("box"), label: z.string().nullable() });
    const { parse } = await prepareOutput(z.object({ shape: z.union([box, dot]) }), "outputSchema");
    expect(await parse('{"shape":{"kind":"dot","label":null}}')).toStrictEqual({
      ok: true,
      value: { shape: { kind: "dot" } },
    });
  });

  test("says only what is wrong when nulls stand for absent properties elsewhere", async () => {
    const inner = z.object({ note: z.string().optional(), count: z.number() });
    const { parse } = await prepareOutput(z.object({ inner: inner.optional() }), "outputSchema");
    const read = await parse('{"inner":{"note":null,"count":"many"}}');
    expect(read).toMatchObject({ ok: false, issues: [{ path: ["inner", "count"] }] });
  });

  test("applies defaults, transforms and codecs to the answer", async () => {
    const schema = z.object({
      days: z.number().default(3),
      at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
      size: z.string().transform((text) => text.length),
    });
    const { parse, wire } = await prepareOutput(schema, "outputSchema");
    expect(wire).toMatchObject({ properties: { days: { type: ["number", "null"] }, size: { type: "string" } } });
    expect(await parse('{"days":null,"at":"2026-01-02T03:04:05Z","size":"four"}')).toStrictEqual({
      ok: true,
      value: { days: 3, at: new Date("2026-01-02T03:04:05Z"), size: 4 },
    });
  });

  test("waits for a validator that takes its time", async () => {
    const schema = z.object({ n: z.number().refine((n) => Promise.resolve(n > 1), "too small") });
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse('{"n":2}')).toStrictEqual({ ok: true, value: { n: 2 } });
    expect(await parse('{"n":1}')).toStrictEqual({ ok: false, issues: [{ message: "too small", path: ["n"] }] });
  });

  test("reads a path of segments", async () => {
    const rows = toStandardJsonSchema(v.object({ rows: v.array(v.object({ n: v.number() })) }));
    const read = await (await prepareOutput(rows, "outputSchema")).parse('{"rows":[{"n":1},{"n":"x"}]}');
    expect(read).toMatchObject({ ok: false, issues: [{ path: ["rows", 1, "n"] }] });
  });

  test("refuses before anything is sent what has no strict form", async () => {
    const make = () => prepareOutput(z.object({ meta: z.record(z.string(), z.string()) }), "outputSchema");
    await expect(make).rejects.toThrow(UsageError);
    await expect(make).rejects.toThrow("at #/properties/meta/additionalProperties, the object takes any properties");
  });
});

describe("a plain JSON Schema", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: {
      rows: { type: "array", items: { type: "object", properties: { "a/b": { type: "string", minLength: 2 } } } },
      0: { enum: ["x", "y"] },
    },
    additionalProperties: false,
  };

  test("is checked: every issue, with its path", async () => {
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse('{"rows":[{"a/b":"ok"},{"a/b":"x"}],"0":"z","more":1}')).toStrictEqual({
      ok: false,
      issues: [
        { message: 'must NOT have additional properties: "more"', path: [] },
        { message: 'must be equal to one of the allowed values: ["x","y"]', path: ["0"] },
        { message: "must NOT have fewer than 2 characters", path: ["rows", 1, "a/b"] },
      ],
    });
  });

  test("of draft-07 is checked as such", async () => {
    const old = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { pair: { type: "array", items: [{ type: "string" }, { type: "number" }] } },
      required: ["pair"],
    };
    const { validate } = prepareArguments(old, "parameters");
    expect(await validate({ pair: ["x", 1] })).toMatchObject({ ok: true });
    expect(await validate({ pair: [1, 1] })).toMatchObject({ ok: false, issues: [{ path: ["pair", 0] }] });
  });

  test("that the validator refuses fails as the caller's mistake", async () => {
    const broken: JsonObject = { $id: "app:/a", type: "object", properties: { a: { $ref: "elsewhere.json" } } };
    const { validate } = prepareArguments(broken, "parameters");
    await expect(validate({ a: "x" })).rejects.toThrow(UsageError);
    await expect(validate({ a: "x" })).rejects.toThrow("parameters is not a valid JSON Schema");
  });
});

describe("prepareArguments", () => {
  test.each(cases)("sends %s as it is, and checks by it", async (_, schema) => {
    const { inputSchema, validate } = prepareArguments(schema, "parameters");
    expect(inputSchema).toStrictEqual({
      type: "object",
      properties: { city: { type: "string" }, days: { type: "number" } },
      required: ["city"],
    });
    expect(await validate({ city: "Paris" })).toStrictEqual({ ok: true, value: { city: "Paris" } });
    expect(await validate({ city: "Paris", days: null })).toMatchObject({ ok: false, issues: [{ path: ["days"] }] });
    expect(await validate(null)).toMatchObject({ ok: false, issues: [{ path: [] }] });
  });

  test("takes what strict output cannot say", () => {
    const schema = z.object({ meta: z.record(z.string(), z.unknown()), pair: z.tuple([z.string(), z.number()]) });
    expect(() => prepareArguments(schema, "parameters")).not.toThrow();
  });

  test.each<[what: string, schema: Schema]>([
    ["a string", z.string()],
    ["a choice", z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])],
    ["anything", {}],
  ])("refuses %s, since arguments have names", (_, schema) => {
    expect(() => prepareArguments(schema, "parameters")).toThrow("parameters must describe an object");
  });
});
