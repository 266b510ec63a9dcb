/** Owns how text of the agent is shown to a person who decides on it: nothing in it is hidden, or can pose as ours. */

/** Control characters, and those that are invisible or turn the direction of the text. */
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** The text on one line, with every character that does not show as itself written out. */
export function oneLine(text: string): string {
  return text.replace(DECEPTIVE, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** The text with its lines, each set in, so that none of them can look like a line of ours. */
export function setIn(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${oneLine(line)}`)
    .join("\n");
}

/** The beginning of a text on one line, for a note that nobody decides on. */
export function brief(text: string, length = 160): string {
  const line = oneLine(text.trim().replace(/\s+/g, " "));
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
