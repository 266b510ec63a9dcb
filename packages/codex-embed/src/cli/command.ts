/** Owns what a command is, and the help that is printed of it. */

import { type Arguments, type Flag, type Flags, HELP } from "./flags.js";
import type { Terminal } from "./terminal.js";

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
