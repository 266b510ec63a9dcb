import { type Diagnosis, type DiagnosisCheck, diagnose } from "../index.js";
import { displayJson } from "../util/display.js";
import { type Command, RUNTIME_FLAGS, runtimeOptions } from "./flags.js";
import { clean, type Paint, painter } from "./render/text.js";
import { BadUsage } from "./terminal.js";

/** `codex-embed doctor` */
export const doctorCommand: Command = {
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
