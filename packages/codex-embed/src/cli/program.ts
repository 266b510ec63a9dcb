import { readFileSync } from "node:fs";
import { RUNTIME_VERSION } from "../protocol/index.js";
import { didYouMean } from "../validate/kinds.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import {
  type Arguments,
  type Command,
  commandHelp,
  HELP,
  PROGRAM,
  parseFlags,
  programHelp,
  unknownFlag,
} from "./flags.js";
import { mcpCommand } from "./mcp.js";
import { runCommand } from "./run.js";
import {
  BadUsage,
  failureOf,
  namesOptions,
  ProgramExit,
  type Streams,
  type Terminal,
  withTerminal,
} from "./terminal.js";

/** Runs the program with these arguments. Resolves with the exit code; failures are printed to stderr. */
export function runProgram(
  args: readonly string[],
  streams?: Streams,
  commands: readonly Command[] = COMMANDS,
): Promise<number> {
  return withTerminal((terminal) => dispatch(args, terminal, commands), streams);
}

async function dispatch(args: readonly string[], terminal: Terminal, commands: readonly Command[]): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      terminal.note(programHelp(commands));
      return 2;
    case "--help":
    case "-h":
      terminal.write(programHelp(commands));
      return 0;
    case "--version":
    case "-V":
      terminal.write(versions());
      return 0;
    case "help": {
      const [wanted] = rest;
      terminal.write(wanted === undefined ? programHelp(commands) : commandHelp(find(wanted, commands)));
      return 0;
    }
    default:
      return dispatchTo(find(first, commands), rest, terminal);
  }
}

async function dispatchTo(command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  let parsed: Arguments | undefined;
  try {
    parsed = parseFlags({ ...command.flags, ...HELP }, args);
    if (!parsed.has("help")) return await command.run(parsed, terminal);
    terminal.write(commandHelp(command));
    return 0;
  } catch (error) {
    if (error instanceof BadUsage) {
      throw new BadUsage(`${PROGRAM} ${command.name}: ${error.message}\nSee: ${PROGRAM} ${command.name} --help`);
    }
    if (parsed === undefined || !namesOptions(error)) throw error;
    const { text, exitCode } = failureOf(error);
    throw new ProgramExit(parsed.named(text), exitCode);
  }
}

function find(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const see = `\nSee: ${PROGRAM} --help`;
  if (name.startsWith("-")) {
    const { message } = unknownFlag(name, ["help", "version"]);
    throw new BadUsage(`${PROGRAM}: ${message} The flags of a command follow its name.${see}`);
  }
  const names = commands.map((command) => command.name);
  const near = didYouMean(name, names);
  const guess = near === null ? ` Commands: ${names.join(", ")}.` : ` Did you mean ${near}?`;
  throw new BadUsage(`${PROGRAM}: Unknown command ${JSON.stringify(name)}.${guess}${see}`);
}

function versions(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  const version = isManifest ? String(manifest.version) : "unknown";
  return `${PROGRAM} ${version}\nruntime ${RUNTIME_VERSION} (expected; run "${PROGRAM} doctor" for the installed version)\n`;
}

/** All commands, in the order of the help text. */
export const COMMANDS: readonly Command[] = [runCommand, doctorCommand, demoCommand, mcpCommand()];
