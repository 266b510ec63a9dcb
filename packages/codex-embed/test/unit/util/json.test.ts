import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeFault, findJsonFault, replaceUnpairedSurrogates } from "../../../src/util/json.js";
import { leastCpuMs } from "../../support/cpuTime.js";

const problemIn = (value: unknown, rules: object = {}) => {
  const found = findJsonFault(value, { maxLevels: 10, ...rules });
  return found === undefined ? undefined : describeFault(found, "it");
};

const nested = (levels: number): unknown => (levels === 0 ? "x" : { a: nested(levels - 1) });

const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

class Money {
  readonly amount = 5;
}

describe("what JSON cannot carry", () => {
  const unfit: [value: unknown, problem: string][] = [
    ["a\ud83d", "it contains an unpaired surrogate: the text was cut inside a character"],
    [{ input: [{ text: "\ude00" }] }, "input[0].text contains an unpaired surrogate"],
    [{ deep: { "a\ud83d": 1 } }, "deep has a property whose name contains an unpaired surrogate"],
    [{ n: Number.NaN }, "n is NaN"],
    [[Number.POSITIVE_INFINITY], "[0] is Infinity"],
    [{ n: 1n }, "n is a bigint"],
    [{ f: () => 1 }, "f is a function"],
    [{ s: Symbol("secret") }, "s is a symbol"],
    [["x", undefined], "[1] is undefined"],
    [Array.from({ length: 2 }), "[0] is undefined"],
    [{ m: new Map() }, "m is a Map"],
    [{ m: new Set() }, "m is a Set"],
    [{ e: new TypeError("secret") }, "e is a TypeError"],
    [{ p: Promise.resolve() }, "p is a Promise"],
    [{ r: /x/ }, "r is a RegExp"],
    [{ b: Buffer.from("x") }, "b is a Buffer"],
    [{ b: new Float32Array(2) }, "b is a Float32Array"],
    [{ b: new ArrayBuffer(2) }, "b is an ArrayBuffer"],
    [{ b: new Blob(["x"]) }, "b is a Blob"],
    [{ m: new Money() }, "m is a Money"],
    [nested(11), "a.a.a.a.a.a.a.a… is nested too deep or contains itself"],
    [cyclic, "self.self.self.self.self.self.self.self… is nested too deep"],
    [{ x: { toJSON: () => ({ n: 1n }) } }, "x.n is a bigint"],
    [{ x: { toJSON: () => nested(10) } }, "is nested too deep"],
    [
      {
        x: {
          toJSON: () => {
            throw new Error("secret");
          },
        },
      },
      "x cannot be read",
    ],
    [
      {
        get x() {
          throw new Error("secret");
        },
      },
      "it cannot be read",
    ],
    [{ x: { "$serde_json::private::Number": "1" } }, "x has a property whose name begins with $serde_json::private::"],
  ];

  test.each(unfit.map(([value, problem]) => [problem, value] as const))("%s", (problem, value) => {
    const found = problemIn(value);
    expect(found).toContain(problem);
    expect(found).not.toContain("secret");
  });

  test.each<[value: unknown]>([
    ["a 😀"],
    [JSON.stringify("a\ud83d")],
    ["$serde_json::private::Number"],
    [undefined],
    [null],
    [{ left: undefined, out: null }],
    [{ at: new Date(0), to: new URL("https://a.b") }],
    [Object.assign(Object.create(null), { a: 1 })],
    [nested(10)],
  ])("takes %o", (value) => {
    expect(problemIn(value)).toBeUndefined();
  });

  test("takes instances of classes, and unpaired surrogates, where the rules allow them", () => {
    expect(problemIn({ m: new Money() }, { instances: true })).toBeUndefined();
    expect(problemIn({ m: new Map() }, { instances: true })).toBe("m is a Map");
    expect(problemIn({ "a\ud83d": "\ud83d" }, { unpairedSurrogates: true })).toBeUndefined();
  });

  test("is found without running out of stack, however deep the value is", () => {
    const deep: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
    expect(problemIn(deep)).toContain("is nested too deep");
  });
});

describe("text that is not well-formed", () => {
  const units = fc.array(fc.constantFrom("a", "\\", '"', "u", "d83d", "\ud83d", "\ude00", "😀", "\n", "\u2028"));
  const texts = units.map((parts) => parts.join(""));
  const whole = (value: unknown): unknown => {
    if (typeof value === "string") return value.toWellFormed();
    if (Array.isArray(value)) return value.map(whole);
    return Object.fromEntries(Object.entries(Object(value)).map(([key, each]) => [key.toWellFormed(), whole(each)]));
  };

  test("gets U+FFFD for each unpaired surrogate, and stays as it is otherwise", () => {
    fc.assert(
      fc.property(fc.dictionary(texts, fc.oneof(texts, fc.array(texts))), (value) => {
        const written = replaceUnpairedSurrogates(JSON.stringify(value));
        expect(written.isWellFormed()).toBe(true);
        expect(JSON.parse(written)).toStrictEqual(whole({ ...value }));
      }),
      { numRuns: 500 },
    );
  });

  test("is repaired in time that grows with its length alone", async () => {
    const time = (count: number) => {
      const json = JSON.stringify(`${"\\".repeat(count)}${"\\ud83d\ud83d".repeat(count)}`);
      return leastCpuMs(() => replaceUnpairedSurrogates(json));
    };
    const [small, large] = [await time(20_000), await time(320_000)];
    // Sixteen times as long is linear, 256 times quadratic.
    expect(large).toBeLessThan(Math.max(small, 4) * 64);
  });
});
