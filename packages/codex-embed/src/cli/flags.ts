/** Owns the flags of a command: their description, and the reading of arguments by it. */

import { parseArgs } from "node:util";
import { BadUsage } from "./failure.js";
import { nearest } from "../usage/nearest.js";

/** The description of a flag. */
export interface Flag {
  /** What stands for its value in the help, such as `FOLDER`. Without it, the flag is a switch. */
  readonly value?: string;
  /** The value may be left out; when it is given, it follows after `=`. */
  readonly optionalValue?: boolean;
  /** The only values that it takes. */
  readonly choices?: readonly string[];
  /** It may be given several times. */
  readonly repeats?: boolean;
  /** One letter that does the same. */
  readonly short?: string;
  /** What errors of the SDK call the option that it sets, as patterns; {@link Arguments.named} puts the flag there. */
  readonly option?: readonly string[];
  readonly help: string;
}

/** Flags by their names, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The flag of every command. */
export const HELP: Flags = { help: { short: "h", help: "Print this text." } };

/** The longest time that a timer takes, in seconds. */
const MAX_SECONDS = 2_147_483;

/** What was given on the command line. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #flags: Flags;
  readonly #given: ReadonlyMap<string, Given>;

  constructor(positionals: readonly string[], flags: Flags, given: ReadonlyMap<string, Given>) {
    this.positionals = positionals;
    this.#flags = flags;
    this.#given = given;
  }

  /** Whether the flag was given. */
  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** The flag's value, or undefined when it was not given. */
  text(name: string): string | undefined {
    return this.list(name).at(-1);
  }

  /** All values of a flag that repeats. */
  list(name: string): readonly string[] {
    return this.#given.get(name)?.values ?? [];
  }

  /** The flag's value, which is in seconds, in milliseconds. Throws `BadUsage` for what is no time that can be waited for. */
  milliseconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const seconds = text.trim() === "" ? Number.NaN : Number(text);
    if (seconds > 0 && seconds <= MAX_SECONDS) return Math.ceil(seconds * 1000);
    throw new BadUsage(
      `${this.#shown(name)} is ${JSON.stringify(text)}; it takes a number of seconds above 0, and at most ${MAX_SECONDS}.`,
    );
  }

  /** The flag's value as one of `choices`, which are those of its description. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    return choices.find((choice) => choice === text);
  }

  /**
   * A message of the SDK in the words of the command line: the name of an option becomes the flag that sets it, as it
   * was typed. What stands in quotes, or is part of a path, stays.
   */
  named(message: string): string {
    return Object.entries(this.#flags).reduce(
      (text, [name, { option = [] }]) =>
        option.reduce((renamed, pattern) => renameOption(renamed, pattern, this.#shown(name)), text),
      message,
    );
  }

  #shown(name: string): string {
    return this.#given.get(name)?.shown ?? `--${name}`;
  }
}

/** The values of one flag, and how it was written the last time. */
interface Given {
  readonly shown: string;
  readonly values: readonly string[];
}

function renameOption(text: string, pattern: string, flag: string): string {
  const option = new RegExp(
    `"(?:[^"\\\\\n]|\\\\.)*"|(?<![\\w/\\\\.~-])(?:[Tt]he option )?(?<name>${pattern})(?![\\w/\\\\-])`,
    "g",
  );
  return text.replace(option, (found, name) => (name === undefined ? found : flag));
}

/** Reads arguments. Throws `BadUsage` for an unknown flag, a missing or unwanted value, or a flag that is given twice. */
export function parseFlags(flags: Flags, args: readonly string[]): Arguments {
  const names = Object.keys(flags);
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value, optionalValue, short }]) => [
      name,
      {
        type: value === undefined || optionalValue === true ? ("boolean" as const) : ("string" as const),
        multiple: true,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  // Not strict, since what it says of a mistake cannot be told apart by a program, and names no near flag.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const all = new Map<string, Given>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(token.rawName, names);
    const value = checkedValue(token.rawName, flag, token.value, token.inlineValue === true);
    const given = all.get(token.name)?.values ?? [];
    if (given.length > 0 && flag.repeats !== true) throw new BadUsage(`${token.rawName} is given more than once.`);
    all.set(token.name, { shown: token.rawName, values: [...given, value] });
  }
  return new Arguments(positionals, flags, all);
}

function checkedValue(shown: string, flag: Flag, value: string | undefined, isInline: boolean): string {
  if (flag.value === undefined) {
    if (value === undefined) return "";
    throw new BadUsage(`${shown} is a switch and takes no value.`);
  }
  if (value === undefined && flag.optionalValue === true) return "";
  if (value === undefined || value === "") throw new BadUsage(`${shown} needs a value: ${shown} ${flag.value}.`);
  if (!isInline && value.length > 1 && value.startsWith("-")) {
    throw new BadUsage(`${shown} needs a value, but ${value} follows. If that is the value, write ${shown}=${value}.`);
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const near = nearest(value, flag.choices);
    const guess = near === null ? "" : ` Did you mean ${near}?`;
    throw new BadUsage(`${shown} is ${JSON.stringify(value)}; it takes ${flag.choices.join(", ")}.${guess}`);
  }
  return value;
}

/** The complaint about a flag that does not exist. */
export function unknownFlag(shown: string, names: readonly string[]): BadUsage {
  const near = shown.startsWith("--") ? nearest(shown.slice(2), names) : null;
  return new BadUsage(`Unknown flag ${shown}.${near === null ? "" : ` Did you mean --${near}?`}`);
}
