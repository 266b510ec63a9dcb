/** The tests of the configuration's encoding, with a TOML parser as the oracle. */

import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { type ConfigObject, type ConfigValue, configOverrides, configToml } from "../../../src/process/config.js";

describe("configOverrides", () => {
  it.each<[string, ConfigObject, string[]]>([
    ["nothing", {}, []],
    [
      "scalars",
      { model: "o3", a: 1, b: -1.5, c: true, d: 2n ** 62n },
      ['model="o3"', "a=1", "b=-1.5", "c=true", "d=4611686018427387904"],
    ],
    ["nested tables, as dotted keys", { a: { b: { c: 1, d: [] } }, e: 2 }, ["a.b.c=1", "a.b.d=[]", "e=2"]],
    ["an empty table", { a: {}, b: { c: {} } }, ["a={}", "b.c={}"]],
    ["undefined entries, which are left out", { a: undefined, b: { c: undefined, d: 1 } }, ["b.d=1"]],
    ["a table of nothing but undefined entries, which is left out too", { a: { b: { c: undefined } }, d: 1 }, ["d=1"]],
    [
      "a key with a dot: the whole table inline",
      { s: { "a.b": { c: "e" }, x: { c: "f" } } },
      ['s={"a.b" = {c = "e"}, x = {c = "f"}}'],
    ],
    [
      "a key with a dot further down",
      { s: { x: { env: { "A B": "1" } }, y: { c: "f" } } },
      ['s.x.env={"A B" = "1"}', 's.y.c="f"'],
    ],
    ["an empty key", { s: { "": 1 } }, ['s={"" = 1}']],
    ["tables in arrays", { a: [{ "b.c": [1, "x"] }, {}] }, ['a=[{"b.c" = [1, "x"]}, {}]']],
    ["text with controls", { a: 'q"\\\n\t\u0000\u007f\u0085é😀' }, ['a="q\\"\\\\\\n\\t\\u0000\\u007f\\u0085é😀"']],
    ["large and small floats", { a: 1e300, b: 5e-324 }, ["a=1e+300", "b=5e-324"]],
  ])("encodes %s", (_, config, expected) => {
    expect(configOverrides(config)).toEqual(expected);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = { again: cyclic };

  it.each<[string, unknown, string]>([
    ["null", { a: { b: null } }, "config.a.b is null. TOML has no null"],
    ["undefined in an array", { a: [1, undefined] }, "config.a[1] is undefined"],
    // oxlint-disable-next-line no-sparse-arrays
    ["a hole in an array", { a: [1, , 2] }, "config.a[1] is undefined"],
    ["NaN", { a: Number.NaN }, "config.a is NaN. Give a finite number"],
    ["infinity", { a: [Number.NEGATIVE_INFINITY] }, "config.a[0] is -Infinity"],
    ["a bigint out of range", { a: 2n ** 63n }, "config.a is a bigint out of the 64-bit range"],
    ["an integer that is not exact", { a: 2 ** 53 }, "Give a bigint: 9007199254740992n"],
    ["a function", { a: { "b.c": () => 1 } }, 'config.a."b.c" is function'],
    ["a symbol", { a: Symbol("x") }, "config.a is symbol"],
    ["a date", { a: new Date(0) }, "config.a is neither a plain object nor an array"],
    ["a map", { a: { b: new Map() } }, "config.a.b is neither"],
    ["half of a surrogate pair", { a: "\ud800" }, "an unpaired surrogate"],
    ["half of a surrogate pair in a key", { a: { "\ud800": 1 } }, "an unpaired surrogate"],
    ["a list as the whole", ["a=1"], "config is not a plain object"],
    ["a cycle", cyclic, "contains itself"],
    ["a dotted key at the top", { "a.b": 1 }, "Write a dotted key as nested objects"],
    ["an empty key at the top", { "": 1 }, 'the top-level key ""'],
  ])("refuses %s and says where", (_, config, message) => {
    // The cases are what a program without types could pass.
    const encode: (config: never) => string[] = configOverrides;
    const call = () => Reflect.apply(encode, undefined, [config]);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(message);
  });

  it("takes the same object twice, and plain objects of other realms", () => {
    const shared = { b: 1 };
    expect(configOverrides({ a: [shared, shared] })).toEqual(["a=[{b = 1}, {b = 1}]"]);
    const foreign: ConfigObject = Object.assign(Object.create(Object.create(null)), { b: 1 });
    expect(configOverrides({ a: foreign })).toEqual(["a.b=1"]);
  });

  it.each<[string, ConfigObject, string[]]>([
    ["dots lead into tables", { "a.b": 1, c: { "d.e": { f: 2 } } }, ["a.b=1", "c.d.e.f=2"]],
    ["other characters stay as they are", { "a b": { é: 1 } }, ["a b.é=1"]],
    ["a key with = goes into an inline table", { a: { "b=c": 1, "d.e": 2 } }, ['a={"b=c" = 1, "d.e" = 2}']],
  ])("with dotted keys: %s", (_, config, expected) => {
    expect(configOverrides(config, { dottedKeys: true })).toEqual(expected);
  });

  it.each([{ "": 1 }, { "a=b": 1 }])("with dotted keys it still refuses %j", (config) => {
    expect(() => configOverrides(config, { dottedKeys: true })).toThrow("config has the top-level key");
  });

  it("survives being parsed, whatever the configuration", () => {
    const bareKey = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/).filter((key) => key !== "__proto__");
    const anyKey = fc.oneof(
      { weight: 3, arbitrary: bareKey },
      fc.string({ unit: "binary" }).filter((key) => key !== "__proto__"),
    );
    const { value } = fc.letrec<{ value: ConfigValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.maxSafeInteger(),
          fc
            .double({ noNaN: true, noDefaultInfinity: true })
            .filter((number) => Number.isSafeInteger(number) || !/^-?\d+$/.test(String(number))),
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          fc.boolean(),
        ),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(anyKey, tie("value"), { maxKeys: 4 }),
      ),
    }));
    const config = fc.dictionary(bareKey, value, { maxKeys: 5 });
    fc.assert(
      fc.property(config, (original) => {
        const overrides = configOverrides(original);
        for (const override of overrides) expect(override).toMatch(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*=[^\n\r]*$/);
        expect(parse(configToml(original), { integersAsBigInt: "asNeeded" })).toEqual(parsed(original));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** What a parser gives back: bigints only where a number is not exact, and no negative zero. */
function parsed(value: ConfigValue | undefined): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value === "number") return value === 0 ? 0 : value;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(parsed);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, parsed(member)]));
}
