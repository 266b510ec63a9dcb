/** Tests what counts as a message, that what does not costs next to nothing, and that pieces in a row are read as all else. */

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MessageReader } from "../../../src/rpc/messages.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const read = (text: string): unknown => new MessageReader().read(text);

test.each(['{"id":1}', ' \t{"id":1}', '{"id":1}\r', '\r{"id":1} '])("%j is a message", (text) => {
  expect(read(text)).toEqual({ id: 1 });
});

test.each(["", "Welcome!", "[{}]", '"{}"', "1", "null", "{broken", '\u00a0{"id":1}', '\ufeff{"id":1}'])(
  "%j is none",
  (text) => {
    expect(read(text)).toBeUndefined();
  },
);

test("a flood of what cannot be a message does not keep the parser busy", () => {
  const parse = vi.spyOn(JSON, "parse");
  for (const text of ["no news is good news", "12:00:01 INFO ready", "[1]"]) read(text);
  expect(parse).not.toHaveBeenCalled();
});

describe("pieces in a row", () => {
  const piece = (delta: string, others: object = {}, emittedAtMs = 1_763_740_000_000): string =>
    JSON.stringify({
      method: "item/agentMessage/delta",
      params: { threadId: "t", turnId: "u", itemId: "i", delta, ...others },
      emittedAtMs,
    });

  /** A reader that has begun a row. */
  function inRow(others: object = {}): MessageReader {
    const reader = new MessageReader();
    for (const delta of ["One", " two"]) reader.read(piece(delta, others));
    return reader;
  }

  test.each([{}, { summaryIndex: 0 }, { note: null }, { nested: { delta: "x" } }])(
    "are read as they are: %j",
    (others) => {
      const reader = inRow(others);
      for (const delta of ["", " three", '"', "\\", "\n\u2028é😀", '"},"emittedAtMs":1}', " and much more of it"]) {
        const text = piece(delta, others, 1_763_740_000_007);
        expect(reader.read(text)).toStrictEqual(JSON.parse(text));
      }
    },
  );

  test("are not parsed whole", () => {
    const reader = inRow();
    const parse = vi.spyOn(JSON, "parse");
    reader.read(piece(" three", {}, 1_763_740_000_012));
    expect(parse.mock.calls).toEqual([['" three"']]);
  });

  test("are not looked for while pieces of several texts come mixed", () => {
    const reader = new MessageReader();
    const texts = ["i", "j", "k", "i", "j", "k"].map((itemId) => piece("x", { itemId }));
    const write = vi.spyOn(JSON, "stringify");
    for (const text of texts) reader.read(text);
    expect(write).not.toHaveBeenCalled();
  });

  test("are not looked for among long ones, which the reader does not keep", () => {
    const reader = new MessageReader();
    const texts = ["a", "b", "c"].map((letter) => piece(letter.repeat(10_000)));
    const write = vi.spyOn(JSON, "stringify");
    expect(texts.map((text) => reader.read(text))).toStrictEqual(texts.map((text) => JSON.parse(text)));
    expect(write).not.toHaveBeenCalled();
  });

  test("each have parameters of their own", () => {
    const reader = new MessageReader();
    for (const delta of ["a", "b", "c", "d"]) {
      const message = reader.read(piece(delta));
      expect(message).toStrictEqual(JSON.parse(piece(delta)));
      Object.assign(Object(message?.["params"]), { threadId: "changed", note: "by who got it" });
    }
    const nested = inRow({ nested: {} });
    const [one, other] = [nested.read(piece("a", { nested: {} })), nested.read(piece("b", { nested: {} }))];
    expect(inner(one)).not.toBe(inner(other));
  });

  const inner = (message: unknown): unknown => Object(Object(message).params).nested;

  test("do not hide what only begins like them, or ends otherwise", () => {
    const others = [
      piece("x").replace('"delta":"x"', '"delta":null'),
      piece("x").replace('"delta":"x"', '"delta":["x","y"]'),
      piece("x").replace('"delta":"x"', '"delta":"x","more":1'),
      piece("x").replace('"delta":"x"', '"delta":"x","delta":"y"'),
      piece("x", { turnId: "v" }),
      piece("x", {}, 7),
      piece("x").replace('"emittedAtMs":1', '"emittedAtMs":-'),
      piece("x").replace(/\d+\}$/, "1.5}"),
      piece("x").replace(/\}$/, ',"trace":"1"}'),
    ];
    for (const text of others) expect(inRow().read(text)).toStrictEqual(JSON.parse(text));
  });

  test("that are cut off or spoilt are no messages", () => {
    const broken = [
      piece("x").slice(0, -1),
      piece("x").replace('"x"', '"x'),
      piece("x").replace('"x"', 'x"'),
      piece("x").replace('"x"', ""),
      piece("x").replace('"x"', '"\n"'),
      piece("x").replace(/\d+\}$/, "}"),
      piece("x").replace(/\d+\}$/, "0763740000000}"),
      `${piece("x")}}`,
    ];
    for (const text of broken) {
      expect(() => JSON.parse(text)).toThrow(SyntaxError);
      expect(inRow().read(text)).toBeUndefined();
    }
  });

  test("are the same to a reader as to JSON.parse, in any mixture", () => {
    const word = fc.oneof(
      fc.constantFrom("", "a", '"', "\\", '"delta":', '","emittedAtMs":1}'),
      fc.string({ unit: "binary" }),
    );
    const others = fc.constantFrom(
      {},
      { summaryIndex: 1 },
      { note: null },
      { 'foo"delta': "x" },
      { 7: "x", delta2: "y" },
    );
    const text = fc
      .record({ itemId: fc.constantFrom("i", "j"), delta: word, others, time: fc.constantFrom(1, 10, 11, 1.5) })
      .map(({ itemId, delta, others: more, time }) => piece(delta, { itemId, ...more }, time));
    const spoilt = fc.tuple(text, fc.nat(300)).map(([whole, at]) => whole.slice(0, at) + whole.slice(at + 1));
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: text }, spoilt), { maxLength: 30 }), (texts) => {
        const reader = new MessageReader();
        for (const each of texts) expect(reader.read(each)).toStrictEqual(parsed(each));
      }),
      { numRuns: 2_000 },
    );
  });
});

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
