import { readFileSync } from "node:fs";
import { type Diagnosis, type DiagnosisCheck, diagnose } from "../index.js";
import { RUNTIME_VERSION, SUPPORTED_RUNTIMES } from "../protocol/index.js";
import { displayJson } from "../util/display.js";
import { didYouMean } from "../validate/kinds.js";
import { demoCommand } from "./demo.js";
import {
  type Arguments,
  type Command,
  commandHelp,
  HELP,
  PROGRAM,
  parseFlags,
  programHelp,
  RUNTIME_FLAGS,
  runtimeOptions,
  unknownFlag,
} from "./flags.js";
import { mcpCommand } from "./mcp.js";
import { clean, type Paint, painter } from "./render/text.js";
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
  const { oldest, newest } = SUPPORTED_RUNTIMES;
  return (
    `${PROGRAM} ${version}\nruntime ${RUNTIME_VERSION} (expected; works with ${oldest} to ${newest}; ` +
    `run "${PROGRAM} doctor" for the installed version)\n`
  );
}

/** `codex-embed doctor` */
const doctorCommand: Command = {
  name: "doctor",
  summary: "Check whether Codex runs here, and say how to fix what is wrong.",
  usage: ["[--json]"],
  flags: {
    json: { help: "Print the diagnosis as JSON." },
    timeout: {
      value: "SECONDS",
      option: ["startupTimeoutMs", "checkTimeoutMs"],
      help: "Limit the start of the runtime, and each check. Default: 15 and 10.",
    },
    ...RUNTIME_FLAGS,
  },
  notes: [
    "Starts the runtime, checks it and stops it. Sends nothing to a model and contacts no other host.",
    "Exit code: 0 if there are only warnings or none, 1 if there is a problem, 2 for invalid arguments.",
  ],
  async run(args, { write, color, signal }) {
    if (args.positionals.length > 0) throw new BadUsage(`Unexpected argument: ${args.positionals.join(" ")}.`);
    const limitMs = args.milliseconds("timeout");
    const limits = limitMs === undefined ? {} : { startupTimeoutMs: limitMs, checkTimeoutMs: limitMs };
    const diagnosis = await diagnose({ ...runtimeOptions(args), ...limits, signal });
    write(args.has("json") ? `${displayJson(diagnosis, 2)}\n` : args.named(diagnosisText(diagnosis, painter(color))));
    return diagnosis.healthy ? 0 : 1;
  },
};

/** Formats a diagnosis for people. */
function diagnosisText(diagnosis: Diagnosis, paint: Paint): string {
  const blocks = diagnosis.checks.map((check) => checkLines(check, paint).join("\n"));
  const count = (status: DiagnosisCheck["status"]): number =>
    diagnosis.checks.filter((check) => check.status === status).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  const verdict = diagnosis.healthy
    ? `${paint("green", "Codex runs here.")}${warnings > 0 ? ` Warnings: ${warnings}.` : ""}`
    : `${paint("red", `Problems: ${problems}.`)}${warnings > 0 ? ` Warnings: ${warnings}.` : ""}`;
  return `${blocks.join("\n")}\n\n${verdict}\n`;
}

const MARKS = { ok: ["green", "ok"], warning: ["yellow", "!"], problem: ["red", "x"] } as const;
const NAME_WIDTH = 15;

function checkLines({ name, status, detail, advice }: DiagnosisCheck, paint: Paint): string[] {
  const [style, mark] = MARKS[status];
  const indent = " ".repeat(4 + NAME_WIDTH);
  const [first = "", ...rest] = clean(detail).split("\n");
  return [
    `${paint(style, mark.padEnd(4))}${paint("bold", name.padEnd(NAME_WIDTH))}${first}`,
    ...rest.map((line) => `${indent}${line}`.trimEnd()),
    ...(advice === undefined || status === "ok" ? [] : [`${indent}${paint("cyan", "->")} ${clean(advice)}`]),
  ];
}

/** All commands, in the order of the help text. */
export const COMMANDS: readonly Command[] = [runCommand, doctorCommand, demoCommand, mcpCommand()];
