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
 * Escapes text from the agent, a tool or a server before a person decides on it: a command to approve, a path, a
 * question. Every character that does not show as itself becomes a code point in braces, such as `\u{200b}`: control
 * characters (also those that steer a terminal), invisible characters, characters that turn the direction of text,
 * blanks other than the space, and marks that cover a character or pile up. Letters of all languages stay. Line feeds
 * stay too, unless `singleLine` is set.
 *
 * Show escaped text only, and decide on the original. Linear in the length of the text.
 *
 * ```ts
 * approveCommand: async ({ command }) => ((await confirm(escapeForDisplay(command ?? ""))) ? "accept" : "decline")
 * ```
 *
 * @param text - the text as it was received.
 * @param options - `singleLine`: also write line feeds and tabs as `\n` and `\t`. Default false.
 * @returns the text to show. It equals `text` when nothing in it had to be escaped.
 * @throws TypeError if `text` is not a string.
 */
export function escapeForDisplay(text: string, options: { readonly singleLine?: boolean | undefined } = {}): string {
  if (typeof text !== "string") throw new TypeError(`escapeForDisplay: text must be a string, not ${typeof text}.`);
  const source = options.singleLine === true ? text.replaceAll("\t", "\\t").replaceAll("\n", "\\n") : text;
  return source.replace(UNSAFE, (found) => (IS_MARKED_LETTER.test(found) ? found : codePoints(found)));
}

/**
 * Tells whether a text shows exactly what it holds: {@link escapeForDisplay} would return it unchanged. Use it to refuse
 * what must not be escaped because it is used again as it is shown, such as a URL or the key of a form field.
 *
 * @param text - the text as it was received. Line feeds are safe.
 * @throws TypeError if `text` is not a string.
 */
export function isSafeToDisplay(text: string): boolean {
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
