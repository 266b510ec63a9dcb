/** Text that a person decides on, made safe to show: nothing in it is hidden, and nothing steers what shows it. */

/** Default ignorables, controls other than LF, bidi controls, line separators, private use, surrogates, unassigned. */
const INVISIBLE = String.raw`(?!\n)[\p{Default_Ignorable_Code_Point}\p{C}\p{Zl}\p{Zp}]`;

/** Blanks other than the space: also those that Unicode counts as letters and symbols. */
const BLANK = String.raw`(?! )[\p{Zs}\u2800\u{1d159}\u{13441}\u{13442}\u{16fe4}]`;

/** Marks that strike out, or enclose, the character before them. */
const OVERLAY = String.raw`[\p{Me}\u0334-\u0338\u20d0-\u20f0]`;

const NEVER_SHOWN = `(?:${INVISIBLE}|${BLANK}|${OVERLAY})`;

/** A letter with marks as languages write them; more marks pile up over the lines around. */
const MARKED_LETTER = String.raw`(?!${NEVER_SHOWN})[\p{L}\p{N}](?:(?!${NEVER_SHOWN})\p{M}){1,4}`;

const UNSAFE = new RegExp(`${NEVER_SHOWN}|${MARKED_LETTER}|\\p{M}`, "gu");

const UNSAFE_IN_JSON = new RegExp(NEVER_SHOWN, "gu");

const IS_MARKED_LETTER = new RegExp(`^${MARKED_LETTER}$`, "u");

/**
 * Writes out every character that does not show as itself, as `\u{200b}`: controls, everything that is invisible or
 * turns the direction of text, blanks other than the space, marks that cover a character or pile up. Line feeds stay.
 */
export function escapeForDisplay(text: string): string {
  return text.replace(UNSAFE, (found) => (IS_MARKED_LETTER.test(found) ? found : codePoints(found)));
}

/** {@link escapeForDisplay} on one line: line feeds and tabs are written as `\n` and `\t`. */
export function escapeToOneLine(text: string): string {
  return escapeForDisplay(text.replaceAll("\t", "\\t").replaceAll("\n", "\\n"));
}

/** Whether {@link escapeForDisplay} leaves a text as it is. */
export function isPlainToSee(text: string): boolean {
  return escapeForDisplay(text) === text;
}

/** JSON of a value that may be printed on a terminal: what does not show as itself is escaped as `\uXXXX`. */
export function displayJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE_IN_JSON, (found) =>
    found.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

function codePoints(text: string): string {
  return Array.from(text, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`).join("");
}
