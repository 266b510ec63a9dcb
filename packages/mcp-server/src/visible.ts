/** Indents text that a person decides on at an MCP client, so that none of it looks like ours. */

import { escapeForDisplay } from "../../codex-embed/src/util/display.js";

/** The text with its lines, each set in, so that none of them can look like a line of ours. */
export function setIn(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${escapeForDisplay(line, { singleLine: true })}`)
    .join("\n");
}

/** The beginning of a text on one line, for a note that nobody decides on. */
export function brief(text: string, length = 160): string {
  const line = escapeForDisplay(text.trim().replace(/\s+/g, " "), { singleLine: true });
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
