import { describe, expect, it } from "vitest";
import { clean, displayText, lastLines, oneLine, shortPath, wantsColor } from "../../../src/cli/render/text.js";
import { quadraticShare } from "../../support/cost.js";

describe("what people go by", () => {
  it.each([
    ["rm -rf / #\rls", "rm -rf / #\\u{d}ls"],
    ["\u001b]0;rm\u0007ls", "\\u{1b}]0;rm\\u{7}ls"],
    ["ls \u202e\u200b\u2028\u0085", "ls \\u{202e}\\u{200b}\\u{2028}\\u{85}"],
    ["one\r\ntwo\tthree", "one\\u{d}\ntwo    three"],
    ["plain é 漢 🙂", "plain é 漢 🙂"],
  ])("is shown with all that is in it (%#)", (text, shown) => {
    expect(displayText(text)).toBe(shown);
  });

  it("keeps all of its line, and of its path", () => {
    expect(oneLine("rm -rf / #\rls\nmore")).toBe("rm -rf / #\\u{d}ls … +1 line");
    expect(shortPath("/work/a\rb", "/work")).toBe("a\\u{d}b");
  });
});

describe("what was printed", () => {
  it.each([
    ["10%\r100%\n", "100%\n"],
    ["\u001b[31mred\u001b[39m", "red"],
    ["one\r\ntwo\u0007", "one\ntwo"],
    ["a\rb\r\r\n\r\nc\r", "b\n\nc"],
  ])("is shown as it stands in the end (%#)", (text, shown) => {
    expect(clean(text)).toBe(shown);
  });
});

it.each([
  ["a line without end", "a"],
  ["carriage returns", "\r"],
  ["blanks", " "],
  ["the beginnings of escapes", "\u001b["],
])("takes time in proportion to the text: %s", async (_name, piece) => {
  // The last letter keeps what stands before it from being the end.
  const read = (count: number) => lastLines(`${piece.repeat(count)}x`, 12);
  expect(await quadraticShare(read, { size: 20_000, times: 8 })).toBeLessThan(0.5);
});

it("gets colour on a terminal that can show it, unless the environment says otherwise", () => {
  expect(wantsColor({ isTTY: true }, {})).toBe(true);
  expect(wantsColor({}, {})).toBe(false);
  expect(wantsColor({}, { FORCE_COLOR: "1" })).toBe(true);
  expect(wantsColor({ isTTY: true }, { FORCE_COLOR: "0" })).toBe(false);
  expect(wantsColor({ isTTY: true }, { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
  expect(wantsColor({ isTTY: true }, { TERM: "dumb" })).toBe(false);
});
