import { homedir } from "node:os";
import { isAbsolute, relative, sep } from "node:path";
import { stripVTControlCharacters, styleText } from "node:util";
import { escapeForDisplay } from "../../util/display.js";

/** The styles of text. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Styles a text. Without colour, returns it unchanged. */
export type Paint = (style: Style, text: string) => string;

/** Creates the function that styles text. */
export function painter(color: boolean): Paint {
  // Without this option, styleText would check process.stdout itself.
  return (style, text) => (color && text !== "" ? styleText(style, text, { validateStream: false }) : text);
}

/**
 * Whether to write colour to a stream: NO_COLOR forbids it, FORCE_COLOR demands it, else a capable terminal gets it.
 */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

const MAX_LINE_LENGTH = 160;

/**
 * Makes a text safe to print: no escape sequences, no control characters, and of overwritten lines only the last state.
 */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .split("\n")
    .map(lastState)
    .join("\n")
    .replaceAll("\t", "    ")
    .replace(/[^\P{Cc}\n]/gu, "");
}

/** The text that a line shows in the end: each carriage return makes the text after it overwrite the line. */
function lastState(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end -= 1;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
}

/** Makes a text that people decide on, such as a command, safe to print: every character of it shows. */
export function displayText(text: string): string {
  return escapeForDisplay(text.replaceAll("\t", "    "));
}

/** Fits a text on one line: shortened, with invisible characters escaped. */
export function oneLine(text: string): string {
  const [first = "", ...rest] = displayText(text).trim().split("\n");
  return rest.length === 0 ? shorten(first) : `${shorten(first)} … +${count(rest.length, "line")}`;
}

/** The last `max` lines of an output, and the number of lines before them. */
export function lastLines(output: string, max: number): { readonly hidden: number; readonly lines: readonly string[] } {
  const text = clean(output).trimEnd();
  if (text === "") return { hidden: 0, lines: [] };
  const lines = text.split("\n");
  return { hidden: Math.max(0, lines.length - max), lines: lines.slice(-max).map(shorten) };
}

/** Shortens a very long line. */
export function shorten(line: string): string {
  return line.length <= MAX_LINE_LENGTH ? line : `${line.slice(0, MAX_LINE_LENGTH - 1)}…`;
}

/** Formats a duration. */
export function duration(ms: number): string {
  if (ms < 100) return "<0.1 s";
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Formats a number with thousands separators. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** Formats a number with its noun. */
export function count(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Shortens a path: relative inside `cwd`, with `~` inside the user's home. */
export function shortPath(path: string, cwd?: string): string {
  if (cwd !== undefined) {
    const inside = relative(cwd, path);
    const isInside = inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
    if (isInside) return displayText(inside.startsWith("~") ? `.${sep}${inside}` : inside);
  }
  const home = homedir();
  return displayText(path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path);
}

/**
 * The command inside `/bin/bash -lc '…'`, which is how the runtime reports what it runs; anything else as it is. The
 * runtime takes the shell from the model, by a path that can be any program: one from elsewhere is part of the command.
 */
export function commandText(command: string): string {
  const script = /^(?:\/usr|\/usr\/local|\/opt\/homebrew)?\/bin\/(?:ba|z|da|k)?sh -l?c (?<word>[^]*)$/.exec(command)
    ?.groups?.["word"];
  return script === undefined ? command : (unquote(script) ?? command);
}

/** Removes the quotes of a single POSIX shell word. Returns undefined if the text is more than one word. */
function unquote(word: string): string | undefined {
  const parts = /'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\[^])*)"|\\(?<escaped>[^])|(?<plain>[^\s'"\\]+)/gy;
  let text = "";
  let end = 0;
  for (const match of word.matchAll(parts)) {
    const { single, double, escaped, plain } = match.groups ?? {};
    text += single ?? double?.replace(/\\(?<special>[$`"\\])/g, "$<special>") ?? escaped ?? plain ?? "";
    end = match.index + match[0].length;
  }
  return end === word.length ? text : undefined;
}

/** Append-only output, divided into blocks. */
export class Page {
  readonly #write: (text: string) => void;
  #open: string | null = null;
  #midLine = false;
  /** The start of the output counts as an empty line. */
  #afterEmptyLine = true;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** The block that is open for appending, or null. */
  get open(): string | null {
    return this.#open;
  }

  /** Ends the open block and adds an empty line unless there is one. */
  gap(): void {
    this.end();
    if (!this.#afterEmptyLine) this.#newline();
  }

  /** Ends the open block and writes a line. */
  line(text = ""): void {
    this.end();
    this.append(text);
    this.#newline();
  }

  /** Ends the open block and opens another. */
  begin(key: string): void {
    this.end();
    this.#open = key;
  }

  /** Appends to the open block. Styles each line separately, after `indent`. */
  append(text: string, style: (line: string) => string = (line) => line, indent = ""): void {
    for (const [index, line] of text.split("\n").entries()) {
      if (index > 0) this.#newline();
      if (line === "") continue;
      this.#write((this.#midLine ? "" : indent) + style(line));
      this.#midLine = true;
    }
  }

  /** Ends the open block and its line. */
  end(): void {
    this.#open = null;
    if (this.#midLine) this.#newline();
  }

  #newline(): void {
    this.#write("\n");
    this.#afterEmptyLine = !this.#midLine;
    this.#midLine = false;
  }
}
