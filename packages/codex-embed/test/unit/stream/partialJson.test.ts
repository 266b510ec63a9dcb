/** Tests the reading of a growing JSON text: every cut, every value, at linear cost. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PartialJson } from "../../../src/stream/partialOutput.js";
import { leastCpuMs } from "../../support/cpuTime.js";

function read(...pieces: string[]): PartialJson {
  const partial = new PartialJson();
  for (const piece of pieces) partial.push(piece);
  return partial;
}

/** Whether `part` can grow into `whole`: all of it is there already, but for the place that is being filled. */
function isBeginning(part: unknown, whole: unknown): boolean {
  if (part === undefined) return true;
  if (typeof part === "string") return typeof whole === "string" && whole.startsWith(part);
  if (Array.isArray(part)) {
    return (
      Array.isArray(whole) &&
      part.length <= whole.length &&
      part.every((item, index) => isBeginning(item, whole[index])) &&
      part.slice(0, -1).every((item, index) => same(item, whole[index]))
    );
  }
  if (typeof part !== "object" || part === null) return Object.is(part, whole);
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) return false;
  const members = Object.entries(part);
  const unfinished = members.filter(([name, value]) => !same(value, Reflect.get(whole, name)));
  return (
    unfinished.length <= 1 &&
    members.every(([name, value]) => Object.hasOwn(whole, name) && isBeginning(value, Reflect.get(whole, name)))
  );
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** JSON texts in all their spellings: escaped or not, with space or without. */
const texts = fc
  .tuple(
    fc.jsonValue({ depthSize: "medium", stringUnit: "binary" }),
    fc.constantFrom(undefined, 1, "\t"),
    fc.constantFrom("asIs", "escaped", "escapedUpper"),
  )
  .map(([value, indent, spelling]) => {
    const text = JSON.stringify(value, null, indent);
    if (spelling === "asIs") return text;
    return text.replaceAll(/[^\n\t -~]/g, (character) => {
      const code = character.charCodeAt(0).toString(16).padStart(4, "0");
      return `\\u${spelling === "escaped" ? code : code.toUpperCase()}`;
    });
  });

describe("PartialJson", () => {
  test("grows to what JSON.parse gives, through beginnings of it, however the text is cut", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(), { maxLength: 20 }), (text, seeds) => {
        const whole: unknown = JSON.parse(text);
        const cuts = seeds.map((seed) => seed % (text.length + 1)).sort((one, other) => one - other);
        const partial = new PartialJson();
        let from = 0;
        for (const cut of cuts) {
          partial.push(text.slice(from, cut));
          from = cut;
          expect(isBeginning(partial.value(), whole)).toBe(true);
          expect(partial.state).not.toBe("invalid");
        }
        partial.push(text.slice(from));
        partial.end();
        expect(partial.value()).toStrictEqual(whole);
        expect(partial.state).toBe("complete");
      }),
      { numRuns: 2_000 },
    );
  });

  test("grows character by character just the same", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const whole: unknown = JSON.parse(text);
        const partial = new PartialJson();
        for (let at = 0; at < text.length; at += 1) {
          partial.push(text.charAt(at));
          expect(isBeginning(partial.value(), whole)).toBe(true);
        }
        partial.end();
        expect(partial.value()).toStrictEqual(whole);
      }),
    );
  });

  test.each<[pieces: string[], value: unknown]>([
    [[], undefined],
    [["  "], undefined],
    [["{"], {}],
    [['{"a'], {}],
    [['{"a"', ":"], {}],
    [['{"a":"'], { a: "" }],
    [['{"a":"so f'], { a: "so f" }],
    [['{"a":"x\\'], { a: "x" }],
    [['{"a":"x\\u00'], { a: "x" }],
    [['{"a":"x\\u00', "e9"], { a: "xé" }],
    [['{"a":"\\ud83d'], { a: "" }],
    [['{"a":"\\ud83d', "\\ude00"], { a: "😀" }],
    [['{"a":"\ud83d', '\ude00"'], { a: "😀" }],
    [['{"a":"\\ud83d"'], { a: "\ud83d" }],
    [['{"a":"\\ud83d\\n'], { a: "\ud83d\n" }],
    [["[1"], []],
    [["[1,"], [1]],
    [["[12", "34]"], [1234]],
    [["[1", ".5e", "3 "], [1500]],
    [["[tr"], []],
    [["[tr", "ue"], [true]],
    [["[null"], [null]],
    [["42"], undefined],
    [['{"a":[{"b":1}'], { a: [{ b: 1 }] }],
    [['{"a":1,"a":2}'], { a: 2 }],
  ])("%j is so far %j", (pieces, value) => {
    expect(read(...pieces).value()).toStrictEqual(value);
  });

  test("takes __proto__ for a property like any other", () => {
    const text = '{"__proto__":{"polluted":"yes"},"x":1}';
    const value = read(text.slice(0, 27), text.slice(27)).value();
    expect(value).toStrictEqual(JSON.parse(text));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test.each([
    "[1,]",
    "{,}",
    '{"a" 1}',
    '{"a":1,}',
    "[1 2]",
    "[}",
    "{]",
    "]",
    "nul,",
    "[01]",
    "[truex]",
    "[+1]",
    '["\\x"]',
    '["\\u00g0"]',
    '["\n"]',
    "[undefined]",
    "{} {}",
    "hello",
    "```json",
    "'a'",
  ])("%j is not JSON, and ends the reading", (text) => {
    expect(() => JSON.parse(text)).toThrow();
    const partial = read(text);
    expect(partial.state).toBe("invalid");
    const before = structuredClone(partial.value());
    partial.push('{"more":1}');
    partial.end();
    expect(partial.state).toBe("invalid");
    expect(partial.value()).toStrictEqual(before);
  });

  test("keeps what was there before it went wrong", () => {
    expect(read('{"a":"kept","b":oops').value()).toStrictEqual({ a: "kept" });
  });

  test("knows when the text is whole", () => {
    expect(read('{"a":1').state).toBe("growing");
    expect(read('{"a":1}').state).toBe("complete");
    const number = read("42");
    expect(number.state).toBe("growing");
    number.end();
    expect([number.state, number.value()]).toStrictEqual(["complete", 42]);
    const cut = read("[1");
    cut.end();
    expect(cut.state).toBe("invalid");
  });

  test("ends the reading at a depth that everything can read", () => {
    const levels = 1_000;
    const fine = read("[".repeat(levels) + "]".repeat(levels));
    expect(fine.state).toBe("complete");
    const deep = read(`{"kept":1,"deep":${"[".repeat(100_000)}`);
    expect(deep.state).toBe("invalid");
    expect(structuredClone(deep.value())).toMatchObject({ kept: 1, deep: expect.any(Array) });
  });

  test("reads a long number at a cost that is linear in its length, however it is cut", async () => {
    const time = (digits: number) =>
      leastCpuMs(() => {
        const partial = new PartialJson();
        for (let at = 0; at < digits; at += 10) partial.push("1234567890");
        partial.end();
      });
    const [small, large] = [await time(50_000), await time(800_000)];
    // Sixteen times as long is linear, 256 times quadratic.
    expect(large).toBeLessThan(Math.max(small, 4) * 64);
  });

  test("costs as much per character at the end as at the beginning", () => {
    const row = { name: "a name with \u00e9 and \\ in it", tags: ["one", "two"], size: 12.5 };
    const rows: unknown = Array.from({ length: 9_000 }, () => row);
    const big = JSON.stringify({ story: "lorem ipsum \n".repeat(30_000), rows });
    expect(big.length).toBeGreaterThan(1_000_000);
    const partial = new PartialJson();
    const size = Math.ceil(big.length / 10_000);
    const start = performance.now();
    for (let at = 0; at < big.length; at += size) {
      partial.push(big.slice(at, at + size));
      partial.value();
    }
    const took = performance.now() - start;
    expect(partial.value()).toStrictEqual(JSON.parse(big));
    // Reading it again from the start at each piece takes minutes.
    expect(took).toBeLessThan(1_000);
  });
});
