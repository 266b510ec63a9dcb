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
  readonly help: string;
}

/** Flags by their names, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The flag of every command. */
export const HELP: Flags = { help: { short: "h", help: "Print this text." } };

/** What was given on the command line. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  /** Whether the flag was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The flag's value, or undefined when it was not given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** All values of a flag that repeats. */
  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The flag's value as a positive number. Throws `BadUsage` for anything else. */
  positiveNumber(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(number) && number > 0) return number;
    throw new BadUsage(`--${name} is ${JSON.stringify(text)}, but it takes a number above 0.`);
  }

  /** The flag's value as one of `choices`, which are those of its description. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    return choices.find((choice) => choice === text);
  }
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
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(token.rawName, names);
    const value = checkedValue(token.rawName, flag, token.value, token.inlineValue === true);
    const given = values.get(token.name) ?? [];
    if (given.length > 0 && flag.repeats !== true) throw new BadUsage(`${token.rawName} is given more than once.`);
    values.set(token.name, [...given, value]);
  }
  return new Arguments(positionals, values);
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
