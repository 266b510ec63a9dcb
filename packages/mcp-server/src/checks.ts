/** Checks of what a program gives to this package: options and paths. */

import { realpathSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { Codex, UsageError } from "codex-embed";
import { z } from "zod";

/** The longest time that a timer of Node can hold. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

// The message of each check completes the sentence "… must be …".

/** Any string. */
export const text = z.string("a string");

/** A time that a timer can hold. */
export const milliseconds = z.custom<number>(
  (value) => typeof value === "number" && value > 0 && value <= MAX_TIMER_MS,
  `more than 0 and at most ${MAX_TIMER_MS} ms`,
);

/** An integer from `least` on. */
export const integer = (least: number) =>
  z.custom<number>((value) => Number.isSafeInteger(value) && Number(value) >= least, `an integer ≥ ${least}`);

/** One of these strings. */
export const oneOf = <const T extends string>(names: readonly T[]) =>
  z.enum(names, `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`);

/** An object that has these methods, whatever else it has. */
export const withMethods = <T extends object>(methods: readonly (keyof T & string)[], what: string) =>
  z.custom<T>(
    (value) => isRecord(value) && methods.every((method) => typeof value[method] === "function"),
    `${what} with the methods ${methods.join(", ")}`,
  );

/**
 * Checks the options of a call, and returns them.
 *
 * @param checks - the check of each option; any other key is refused
 * @param call - the name of the called function, for the error
 * @throws UsageError naming the option, the kind of its value, and what to give. It never quotes a given string, which
 * can be a secret.
 */
export function checkOptions<T extends z.ZodRawShape>(
  options: unknown,
  checks: T,
  call: string,
): z.output<z.ZodObject<T>> {
  const checked = z.strictObject(checks, "an object of options").safeParse(options, { reportInput: true });
  if (checked.success) return checked.data;
  const { issues } = checked.error;
  // First of all: an option that is missing or wrong may be one that is misspelled.
  const unknown = issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys : []))[0];
  if (unknown !== undefined) {
    throw new UsageError(`${call}: unknown option ${shownKey(unknown)}. ${adviceFor(unknown, Object.keys(checks))}`);
  }
  const [issue] = issues;
  const path = issue?.path.map((step) => (typeof step === "number" ? `[${step}]` : String(step))).join("");
  throw new UsageError(`${call}: ${path || "options"} is ${kindOf(issue?.input)}; it must be ${issue?.message}.`);
}

/** Lets `new Codex` check its options, and names them as `codex.…` in the error. Starts nothing. */
export function checkCodexOptions(options: object, call: string): void {
  try {
    // Any cwd will do. The default fails in a deleted working directory, where `roots` can still name another one.
    new Codex({ cwd: tmpdir(), ...options });
  } catch (error) {
    if (!UsageError.isInstance(error)) throw error;
    const message = error.message.replace(/^new Codex: (unknown option )?/, `${call}: $1codex.`);
    throw new UsageError(message, { cause: error });
  }
}

/** The kind of a value, or the value itself where that cannot be a secret. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  if (value === "") return "an empty string";
  if (typeof value === "string") return value.trim() === "" ? "a blank string" : "a string";
  if (typeof value === "object") return Array.isArray(value) ? "an array" : "an object";
  return `a ${typeof value}`;
}

const MAX_KEY_CHARS = 60;

function shownKey(key: string): string {
  return key.length <= MAX_KEY_CHARS && /^[\w$-]+$/.test(key) ? key : JSON.stringify(key.slice(0, MAX_KEY_CHARS));
}

function adviceFor(key: string, known: readonly string[]): string {
  const near = didYouMean(key.slice(0, MAX_KEY_CHARS).toLowerCase(), known);
  if (near !== undefined) return `Did you mean ${near}?`;
  return `Known options: ${known.join(", ")}. Options of the runtime, such as codexHome, go into codex.`;
}

/** The known name that differs in at most a third of the letters, or else has the word in it. */
function didYouMean(word: string, known: readonly string[]): string | undefined {
  const distances = known.map((name) => ({ name, distance: editDistance(word, name.toLowerCase()) }));
  const [nearest] = distances.sort((one, other) => one.distance - other.distance);
  if (nearest !== undefined && nearest.distance <= word.length / 3) return nearest.name;
  return word.length > 3 ? known.find((name) => name.toLowerCase().includes(word)) : undefined;
}

/** How many letters have to be added, removed or replaced. */
function editDistance(from: string, to: string): number {
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    last = current;
  }
  return last.at(-1) ?? 0;
}

/**
 * The folder at a path, with all links followed; `~` and `~/…` are in the home folder of this program's user.
 *
 * @param what - how the error begins, such as `roots holds`
 * @throws UsageError when there is no such folder.
 */
export function existingFolder(path: string, what: string): string {
  if (path === "") throw new UsageError(`${what} an empty path. Give a folder.`);
  const absolute = absolutePath(path, `${what} ${JSON.stringify(path)}, which`);
  try {
    const real = realpathSync(absolute);
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    throw new UsageError(`${what} ${absolute}, which is not an existing folder.`, { cause });
  }
  throw new UsageError(`${what} ${absolute}, which is not a folder.`);
}

/**
 * The absolute form of a path.
 *
 * @param what - how the error begins
 * @throws UsageError for `~name`, and for a relative path when the working directory was deleted.
 */
export function absolutePath(path: string, what: string): string {
  const expanded = /^~(?:[/\\]|$)/.test(path) ? join(homedir(), path.slice(1)) : path;
  if (isAbsolute(expanded)) return resolve(expanded);
  if (expanded.startsWith("~")) {
    throw new UsageError(`${what} begins with ~ and a name. Only ~ and ~/… are expanded: give an absolute path.`);
  }
  try {
    return resolve(expanded);
  } catch (cause) {
    throw new UsageError(`${what} is relative to a working directory that was deleted. Give an absolute path.`, {
      cause,
    });
  }
}

/** Whether a value is an object with members, and no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
