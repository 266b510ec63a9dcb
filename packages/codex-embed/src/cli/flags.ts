import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { CodexOptions } from "../index.js";
import { didYouMean } from "../validate/kinds.js";
import { BadUsage, type Terminal } from "./terminal.js";

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
    const near = didYouMean(value, flag.choices);
    const guess = near === null ? "" : ` Did you mean ${near}?`;
    throw new BadUsage(`${shown} is ${JSON.stringify(value)}; it takes ${flag.choices.join(", ")}.${guess}`);
  }
  return value;
}

/** The complaint about a flag that does not exist. */
export function unknownFlag(shown: string, names: readonly string[]): BadUsage {
  const near = shown.startsWith("--") ? didYouMean(shown.slice(2), names) : null;
  return new BadUsage(`Unknown flag ${shown}.${near === null ? "" : ` Did you mean --${near}?`}`);
}

/** The flags of every command that starts a runtime. */
export const RUNTIME_FLAGS: Flags = {
  cwd: { value: "FOLDER", short: "C", option: ["cwd"], help: "The folder to work in. Default: this one." },
  config: {
    value: "KEY=VALUE",
    short: "c",
    repeats: true,
    option: ["configOverrides"],
    help: "A setting over config.toml; the value is TOML.",
  },
  "codex-home": {
    value: "FOLDER",
    option: ["codexHome"],
    help: "Configuration, login and history. Default: CODEX_HOME, then ~/.codex.",
  },
  "codex-bin": {
    value: "FILE",
    option: ["codexBin"],
    help: "The runtime to start. Default: CODEX_BIN, then the installed package.",
  },
};

/** The options that the flags stand for. */
export function runtimeOptions(args: Arguments): CodexOptions {
  const cwd = args.text("cwd");
  return {
    codexBin: args.text("codex-bin"),
    codexHome: args.text("codex-home"),
    configOverrides: args.list("config"),
    ...(cwd === undefined ? {} : { cwd: resolve(cwd) }),
  };
}

/** A command of the program. To add one, put it into the table of `commands.ts`. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The forms of the call, without the program and the command. */
  readonly usage: readonly string[];
  readonly flags: Flags;
  /** Further paragraphs of the help. */
  readonly notes: readonly string[];
  /** Runs it. Resolves with the exit code; what it rejects with is told by its message. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** The name of the program, as it is installed. */
export const PROGRAM = "codex-embed";

/** The help of one command. */
export function commandHelp({ name, summary, usage, flags, notes }: Command): string {
  return [
    summary,
    "",
    "Usage:",
    ...usage.map((form) => `  ${PROGRAM} ${name} ${form}`.trimEnd()),
    "",
    "Flags:",
    ...flagLines({ ...flags, ...HELP }),
    ...notes.flatMap((note) => ["", note]),
    "",
  ].join("\n");
}

/** The help of the program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return [
    "Runs the Codex agent, and finds out why it does not run.",
    "",
    "Usage:",
    ...commands.map(({ name, summary }) => `  ${PROGRAM} ${name.padEnd(width)}${summary}`),
    "",
    `  ${PROGRAM} COMMAND --help   The flags of a command.`,
    `  ${PROGRAM} --version        The versions of this program and of the runtime.`,
    "",
  ].join("\n");
}

function flagLines(flags: Flags): string[] {
  const rows = Object.entries(flags).map(([name, flag]) => [flagForm(name, flag), flagText(flag)] as const);
  const width = Math.max(...rows.map(([form]) => form.length)) + 3;
  return rows.map(([form, text]) => `  ${form.padEnd(width)}${text}`);
}

function flagForm(name: string, { value, optionalValue, short }: Flag): string {
  const long = `${short === undefined ? "" : `-${short}, `}--${name}`;
  if (value === undefined) return long;
  return optionalValue === true ? `${long}[=${value}]` : `${long} ${value}`;
}

function flagText({ help, choices, repeats }: Flag): string {
  const among = choices === undefined ? "" : ` One of ${choices.join(", ")}.`;
  return `${help}${among}${repeats === true ? " Repeatable." : ""}`;
}
