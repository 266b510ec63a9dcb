import { describe, expect, it, test } from "vitest";
import { indent } from "../../../../mcp-server/src/forms.js";
import { displayText } from "../../../src/cli/render/text.js";
import { displayJson, escapeForDisplay, isSafeToDisplay } from "../../../src/util/display.js";
import { quadraticShare } from "../../support/cost.js";
import { verifies } from "../../support/verifies.js";

const ALL = Array.from({ length: 0x110000 }, (_, codePoint) => String.fromCodePoint(codePoint));
/** What shows as nothing, or steers a terminal. A line feed is left to whoever lays the text out. */
const INVISIBLE = ALL.filter((character) =>
  /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(character),
);

describe("every character that shows as nothing", () => {
  const written = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

  test("is written out, by the terminal and in the forms of the MCP server alike", () => {
    verifies("invisible-characters");
    expect(INVISIBLE.length).toBeGreaterThan(4_000);
    for (const character of INVISIBLE) {
      if (character === "\n" || character === "\t") continue;
      const text = `a${character}b`;
      const shown = `a${written(character)}b`;
      expect([
        escapeForDisplay(text),
        escapeForDisplay(text, { singleLine: true }),
        displayText(text),
        indent(text),
      ]).toEqual([shown, shown, shown, `    ${shown}`]);
    }
    expect(escapeForDisplay("a\tb\nc", { singleLine: true })).toBe("a\\tb\\nc");
    expect(displayText("a\tb\nc")).toBe("a    b\nc");
  });

  test("is escaped in JSON, which stays the same value", () => {
    verifies("invisible-characters");
    for (const character of INVISIBLE) {
      const json = displayJson({ [character]: character }, 1);
      if (character !== "\n") expect(json.includes(character)).toBe(false);
      expect(JSON.parse(json)).toEqual({ [character]: character });
    }
  });
});

describe("text of the agent", () => {
  it.each([
    ["a blank that is none", "a\u00a0b\u3000c\u2800", "a\\u{a0}b\\u{3000}c\\u{2800}"],
    ["what strikes out", "rm\u0336 x=\u0338", "rm\\u{336} x=\\u{338}"],
    ["marks that pile up", `a${"\u0301".repeat(6)}`, `a${"\u0301".repeat(4)}\\u{301}\\u{301}`],
    ["marks on nothing", "\u0301$ \u0301", "\\u{301}$ \\u{301}"],
    ["half a character", "x\ud83d", "x\\u{d83d}"],
    ["a tag", "x\u{e0041}", "x\\u{e0041}"],
    ["no character", "x\uffff\u0378", "x\\u{ffff}\\u{378}"],
  ])("does not hide or cover: %s", (_name, text, shown) => {
    expect(escapeForDisplay(text)).toBe(shown);
    expect(isSafeToDisplay(text)).toBe(false);
  });

  it.each([
    "ünï — 漢字 👍🏽",
    "Tie\u0302\u0301ng Vie\u0323\u0302t",
    "हिन्दी में",
    "ภาษาไทยที่นี่",
    "שָׁלוֹם",
    "e\u0301, 2\u0302",
  ])("stays as it is where nothing is hidden: %s", (text) => {
    expect(escapeForDisplay(text)).toBe(text);
    expect(isSafeToDisplay(text)).toBe(true);
  });

  it("is refused where it is no text, from plain JavaScript", () => {
    expect(() => Reflect.apply(escapeForDisplay, undefined, [null])).toThrow(TypeError);
    expect(() => Reflect.apply(isSafeToDisplay, undefined, [undefined])).toThrow(TypeError);
  });

  it.each(["a", "\u200b", "\u0301", "a\u0301", "\u0336", " ", "\n"])("is read once: %j", async (piece) => {
    const show = (count: number): void => {
      escapeForDisplay(piece.repeat(count));
      displayJson(piece.repeat(count));
    };
    expect(await quadraticShare(show, { size: 25_000, times: 8 })).toBeLessThan(0.5);
  });
});
