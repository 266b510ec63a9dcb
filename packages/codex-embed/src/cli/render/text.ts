/** Owns plain text: cleaning what models and programs write, shortening it, and writing numbers for people. */

import { homedir } from "node:os";
import { isAbsolute, relative, sep } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { escapeForDisplay } from "../../display.js";

const MAX_LINE_LENGTH = 160;

/** Makes a text safe to print: no escape sequences, no control characters, and of overwritten lines only the last state. */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .split("\n")
    .map(lastState)
    .join("\n")
    .replaceAll("\t", "    ")
    .replace(/[^\P{Cc}\n]/gu, "");
}

/** What a line shows at the end: each carriage return lets the text behind it overwrite the beginning. */
function lastState(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end -= 1;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
}

/** Makes a text safe to print that people go by, such as a command: nothing is left out. */
export function spelledOut(text: string): string {
  return escapeForDisplay(text.replaceAll("\t", "    "));
}

/** What is done, on one line: shortened, with nothing hidden in it. */
export function oneLine(text: string): string {
  const [first = "", ...rest] = spelledOut(text).trim().split("\n");
  return rest.length === 0 ? shorten(first) : `${shorten(first)} … +${count(rest.length, "line")}`;
}

/** The last `max` lines of an output, and how many stand before them. */
export function lastLines(output: string, max: number): { readonly hidden: number; readonly lines: readonly string[] } {
  const text = clean(output).trimEnd();
  if (text === "") return { hidden: 0, lines: [] };
  const lines = text.split("\n");
  return { hidden: Math.max(0, lines.length - max), lines: lines.slice(-max).map(shorten) };
}

/** A line, cut when it is very long. */
export function shorten(line: string): string {
  return line.length <= MAX_LINE_LENGTH ? line : `${line.slice(0, MAX_LINE_LENGTH - 1)}…`;
}

/** A duration for people. */
export function duration(ms: number): string {
  if (ms < 100) return "<0.1 s";
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** A number with separators between the thousands. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** A number and its noun. */
export function count(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A path as short as it can be: relative inside `cwd`, with `~` inside the user's home. */
export function shortPath(path: string, cwd?: string): string {
  if (cwd !== undefined) {
    const inside = relative(cwd, path);
    const isInside = inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
    if (isInside) return spelledOut(inside.startsWith("~") ? `.${sep}${inside}` : inside);
  }
  const home = homedir();
  return spelledOut(path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path);
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

/** Takes the quotes off a single word of a POSIX shell; undefined when it is more than one word. */
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
