/** The check of an answer takes linear time, also with schemas that invite more. */

import { describe, expect, test } from "vitest";
import * as z from "zod";
import { prepareOutput } from "../../../src/schema/prepare.js";
import { type JsonObject, type Schema } from "../../../src/schema/types.js";
import { leastCpuMs } from "../../support/cpuTime.js";
import { verifies } from "../../support/verifies.js";

const object = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
  type: "object",
  properties,
  required,
});
const text: JsonObject = { type: "string" };
const root = (schema: JsonObject, $defs: JsonObject = {}): JsonObject => ({ ...object({ root: schema }), $defs });

/** A value that is built up level by level. */
function levels(count: number, first: unknown, next: (inner: unknown) => unknown): unknown {
  let value = first;
  for (let level = 0; level < count; level++) value = next(value);
  return value;
}

const OPERATORS = ["add", "sub", "mul"];
const node = { $ref: "#/$defs/node" };
const operation = (op: string) => object({ left: node, right: node, op: { const: op } }, ["op"]);
const branches = OPERATORS.map(operation);
const chain = (count: number) => levels(count, { op: "mul" }, (left) => ({ left, right: null, op: "mul" }));
const invalid = (count: number) => levels(count, { op: "none" }, (left) => ({ left, right: null, op: "mul" }));
const list = (member: unknown) => (count: number) => Array.from({ length: count }, () => member);

const expression: z.ZodType = z.lazy(() =>
  z.union(
    OPERATORS.map((op) => z.object({ left: expression.optional(), right: expression.optional(), op: z.literal(op) })),
  ),
);

const CHAIN_OF_60: JsonObject = {
  d59: { type: "array", items: { anyOf: [object({ a: text }), object({ b: text })] } },
};
for (let index = 0; index < 59; index++) CHAIN_OF_60[`d${index}`] = { $ref: `#/$defs/d${index + 1}` };

/** Each with values of a small and of a larger size, eight times as large. */
const CASES: readonly [what: string, schema: Schema, small: number, value: (size: number) => unknown][] = [
  ["a recursive union that is told apart by its last property", root(node, { node: { anyOf: branches } }), 30, chain],
  ["the same by oneOf", root(node, { node: { oneOf: branches } }), 30, chain],
  ["the same by zod", z.object({ root: expression }), 30, chain],
  ["the same with an answer that does not conform", root(node, { node: { anyOf: branches } }), 30, invalid],
  [
    "a recursive union within a union",
    root(node, { node: { anyOf: [{ anyOf: branches.slice(0, 2) }, { anyOf: branches.slice(1) }] } }),
    30,
    chain,
  ],
  [
    "a recursive union that only its depths tell apart",
    root(node, {
      node: {
        anyOf: ["a", "b", "c"].map((kind) => object({ next: node, tag: object({ kind: { const: kind } }) }, ["tag"])),
      },
    }),
    30,
    (count) => levels(count, { next: null, tag: { kind: "c" } }, (next) => ({ next, tag: { kind: "c" } })),
  ],
  [
    "a recursive union of lists",
    root(node, {
      node: {
        anyOf: OPERATORS.map((op) => object({ parts: { type: "array", items: node }, op: { const: op } })),
      },
    }),
    30,
    (count) => levels(count, { parts: [], op: "mul" }, (part) => ({ parts: [part], op: "mul" })),
  ],
  [
    "two definitions that lead to each other",
    root(node, {
      node: {
        anyOf: branches
          .map((branch) => ({ allOf: [branch] }))
          .concat({ allOf: [object({ other: { $ref: "#/$defs/other" } })] }),
      },
      other: { anyOf: [object({ back: node, end: { const: "x" } }), object({ back: node, end: { const: "y" } })] },
    }),
    15,
    (count) => levels(count, { op: "mul" }, (back) => ({ other: { back, end: "y" } })),
  ],
  ["a chain of references", root({ $ref: "#/$defs/d0" }, CHAIN_OF_60), 2_000, list({ b: "x" })],
  [
    "a deep list",
    root(node, { node: { type: "array", items: node } }),
    110,
    (count) => levels(count, [], (inner) => [inner]),
  ],
  [
    "a big enum",
    root({
      type: "array",
      items: { type: "string", enum: Array.from({ length: 500 }, (_, index) => `value ${index}`) },
    }),
    2_000,
    list("value 499"),
  ],
  [
    "parts that allOf puts together",
    root({ type: "array", items: { allOf: [object({ a: text }), object({ b: text })] } }),
    2_000,
    list({ a: "x", b: "y" }),
  ],
  [
    "many issues",
    root({
      type: "array",
      items: { type: "string", enum: Array.from({ length: 300 }, (_, index) => `value ${index}`) },
    }),
    500,
    list("other"),
  ],
];

async function fastest(schema: Schema, answer: string): Promise<number> {
  const { parse } = await prepareOutput(schema, "outputSchema");
  await parse("{}");
  return leastCpuMs(() => parse(answer));
}

describe("the check of an answer takes time that grows with its size alone", () => {
  test.each(CASES)("%s", async (_, schema, small, value) => {
    verifies("validation-time");
    const [one, eight] = [small, small * 8].map((size) => JSON.stringify({ root: value(size) }));
    if (one === undefined || eight === undefined) throw new Error("Both sizes have a value.");
    const [before, after] = [await fastest(schema, one), await fastest(schema, eight)];
    // Eight times as long is linear, 64 times quadratic; a few milliseconds are noise.
    expect(after).toBeLessThan(Math.max(before, 4) * 40);
  });

  test("accepts and refuses by the branch that the value is of, however deep it is", async () => {
    const { parse } = await prepareOutput(root(node, { node: { anyOf: branches } }), "outputSchema");
    const value = chain(200);
    const conforming = await parse(JSON.stringify({ root: value }));
    const expected = levels(200, { op: "mul" }, (left) => ({ left, op: "mul" }));
    expect(conforming).toStrictEqual({ ok: true, value: { root: expected } });
    const refused = await parse(JSON.stringify({ root: invalid(12) }));
    expect(refused).toMatchObject({ ok: false });
    expect(refused).toHaveProperty("issues.length", 100);
    expect(refused).toHaveProperty("issues.0.path", ["root", ...Array.from({ length: 12 }, () => "left"), "op"]);
  });
});

describe("an answer that would take too much", () => {
  const deep = (count: number) => JSON.stringify({ root: levels(count, [], (inner) => [inner]) });
  const lists: z.ZodType = z.lazy(() => z.array(lists));
  const lazily = z.object({ root: lists });
  const byReference = root(node, { node: { type: "array", items: node } });

  test.each<[what: string, schema: Schema]>([
    ["zod", lazily],
    ["JSON Schema", byReference],
  ])("of nesting is one that does not conform, by %s", async (_, schema) => {
    verifies("validation-time");
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse(deep(600))).toMatchObject({ ok: true });
    for (const text of [deep(1_500), `{"root":${"[".repeat(100_000)}${"]".repeat(100_000)}}`]) {
      expect(await parse(text)).toStrictEqual({ ok: false, issues: [{ message: "is nested too deep", path: [] }] });
    }
  });

  test("of stack, for a validator that takes much of it", async () => {
    const frames = (count: number): number => (count === 0 ? 0 : 1 + frames(count - 1));
    const greedy = z.object({ root: z.unknown().refine(() => frames(1_000_000) > 0) });
    const schema = { "~standard": { ...greedy["~standard"], jsonSchema: lazily["~standard"].jsonSchema } };
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse(deep(600))).toMatchObject({ ok: false, issues: [{ message: "is nested too deep" }] });
    await expect(parse(deep(5))).rejects.toBeInstanceOf(RangeError);
  });

  test("of a pattern is cut off, and one that conforms is taken", async () => {
    verifies("validation-time");
    const schema = root({ type: "string", pattern: "^(a+)+$" });
    const { parse } = await prepareOutput(schema, "outputSchema");
    expect(await parse(JSON.stringify({ root: "a".repeat(40) }))).toMatchObject({ ok: true });
    const start = performance.now();
    const read = await parse(JSON.stringify({ root: `${"a".repeat(60)}!` }));
    expect(read).toMatchObject({ ok: false, issues: [{ message: "could not be checked within 1000 ms" }] });
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(await parse(JSON.stringify({ root: "b" }))).toMatchObject({ ok: false, issues: [{ path: ["root"] }] });
  });
});

describe("a schema that expands without end is refused at once", () => {
  test.each<[what: string, definition: (before: JsonObject) => JsonObject]>([
    ["allOf of the same twice", (before) => ({ allOf: [before, before] })],
    ["references beside properties", (before) => ({ ...object({ l: before, r: before }), ...before })],
  ])("%s", async (_, definition) => {
    const $defs: JsonObject = { d0: object({ a: text }) };
    for (let index = 1; index <= 30; index++) $defs[`d${index}`] = definition({ $ref: `#/$defs/d${index - 1}` });
    const made = prepareOutput(root({ $ref: "#/$defs/d30" }, $defs), "outputSchema");
    await expect(made).rejects.toThrow(/expands to more than/);
  });
});
