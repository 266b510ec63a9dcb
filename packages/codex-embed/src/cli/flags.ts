import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { CodexOptions } from "../index.js";
import { didYouMean } from "../validate/kinds.js";
import { BadUsage, type Terminal } from "./terminal.js";

/** Describes one flag. */
export interface Flag {
  /** The placeholder of its value in the help text, such as `FOLDER`. Without it, the flag is a switch. */
  readonly value?: string;
  /** The value may be omitted. If given, it follows `=`. */
  readonly optionalValue?: boolean;
  /** The only accepted values. */
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeats?: boolean;
  /** The one-letter form. */
  readonly short?: string;
  /** Patterns for the option that it sets, as SDK errors name it. {@link Arguments.named} replaces them by the flag. */
  readonly option?: readonly string[];
  readonly help: string;
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The flag of every command. */
export const HELP: Flags = { help: { short: "h", help: "Print this help." } };

/** The longest delay that a timer supports, in seconds. */
const MAX_SECONDS = 2_147_483;

/** The parsed command line. */
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

  /** The flag's value, or undefined if it was not given. */
  text(name: string): string | undefined {
    return this.list(name).at(-1);
  }

  /** All values of a repeatable flag. */
  list(name: string): readonly string[] {
    return this.#given.get(name)?.values ?? [];
  }

  /** The flag's value, given in seconds, in milliseconds. Throws `BadUsage` unless it is a positive time. */
  milliseconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const seconds = text.trim() === "" ? Number.NaN : Number(text);
    if (seconds > 0 && seconds <= MAX_SECONDS) return Math.ceil(seconds * 1000);
    throw new BadUsage(
      `${this.#shown(name)} is ${JSON.stringify(text)}; it must be a number of seconds > 0 and ≤ ${MAX_SECONDS}.`,
    );
  }

  /** The flag's value as one of `choices`, which are those of its description. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    return choices.find((choice) => choice === text);
  }

  /**
   * Translates an SDK message to the command line: replaces each option name by its flag, in the form that was typed.
   * Text in quotes and parts of paths stay.
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

/** The values of one flag, and the form in which it was typed last. */
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

/** Parses arguments. Throws `BadUsage` for an unknown flag, a missing or unwanted value, or a repeated flag. */
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
  // Not strict: its errors suggest no flag, and only their text tells them apart.
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
    throw new BadUsage(`${shown} takes no value.`);
  }
  if (value === undefined && flag.optionalValue === true) return "";
  if (value === undefined || value === "") throw new BadUsage(`${shown} needs a value: ${shown} ${flag.value}.`);
  if (!isInline && value.length > 1 && value.startsWith("-")) {
    throw new BadUsage(
      `${shown} needs a value, but ${value} follows. To pass it as the value, write ${shown}=${value}.`,
    );
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const near = didYouMean(value, flag.choices);
    const guess = near === null ? "" : ` Did you mean ${near}?`;
    throw new BadUsage(`${shown} is ${JSON.stringify(value)}; it must be one of ${flag.choices.join(", ")}.${guess}`);
  }
  return value;
}

/** Creates the error for a flag that does not exist. */
export function unknownFlag(shown: string, names: readonly string[]): BadUsage {
  const near = shown.startsWith("--") ? didYouMean(shown.slice(2), names) : null;
  return new BadUsage(`Unknown flag ${shown}.${near === null ? "" : ` Did you mean --${near}?`}`);
}

/** The flags of every command that starts a runtime. */
export const RUNTIME_FLAGS: Flags = {
  cwd: { value: "FOLDER", short: "C", option: ["cwd"], help: "The folder to work in. Default: the current folder." },
  config: {
    value: "KEY=VALUE",
    short: "c",
    repeats: true,
    option: ["configOverrides"],
    help: "Override a setting of config.toml. VALUE is TOML.",
  },
  "codex-home": {
    value: "FOLDER",
    option: ["codexHome"],
    help: "The folder of configuration, login and history. Default: CODEX_HOME, then ~/.codex.",
  },
  "codex-bin": {
    value: "FILE",
    option: ["codexBin"],
    help: "The runtime executable. Default: CODEX_BIN, then the installed package.",
  },
};

/** Converts {@link RUNTIME_FLAGS} to options of a `Codex`. */
export function runtimeOptions(args: Arguments): CodexOptions {
  const cwd = args.text("cwd");
  return {
    codexBin: args.text("codex-bin"),
    codexHome: args.text("codex-home"),
    configOverrides: args.list("config"),
    ...(cwd === undefined ? {} : { cwd: resolve(cwd) }),
  };
}

/** A command of the program. To add one, list it in `COMMANDS`. */
export interface Command {
  readonly name: string;
  /** What it does, in one line of the help text. */
  readonly summary: string;
  /** The forms of the command line, after the name of the command. */
  readonly usage: readonly string[];
  readonly flags: Flags;
  /** More paragraphs of the help text. */
  readonly notes: readonly string[];
  /** Runs the command. Resolves with the exit code. The message of a rejection is printed. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** The installed name of the program. */
export const PROGRAM = "codex-embed";

/** The help text of one command. */
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

/** The help text of the program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return [
    "Run the Codex agent from the command line.",
    "",
    "Usage:",
    ...commands.map(({ name, summary }) => `  ${PROGRAM} ${name.padEnd(width)}${summary}`),
    "",
    `  ${PROGRAM} COMMAND --help   Show the flags of a command.`,
    `  ${PROGRAM} --version        Show the versions of this program and of the runtime.`,
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
