/** Owns running the program `codex-embed` as a real child. */

import { type ChildProcess, spawn } from "node:child_process";
import { CLI } from "./bundle.js";

/** The arguments for Node that start the program. */
export const PROGRAM: readonly string[] = [CLI];

/** After which a child that hangs is killed, so that its test fails and nothing is left. */
const LIMIT_MS = 25_000;

/** How the child ended, and what it wrote. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How the child is run. */
export interface CliOptions {
  readonly cwd?: string;
  /** The whole environment. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What stdin holds; it is ended then. Null leaves it open. */
  readonly stdin?: string | null;
  /** Called with all of stdout and stderr so far, whenever more comes. */
  readonly onOutput?: (output: { stdout: string; stderr: string }, child: ChildProcess) => void;
}

/** Runs the program and resolves when it has ended and its output is closed. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runNode([...PROGRAM, ...args], options);
}

/** Runs Node, or another program in its place, as {@link runCli} does. */
export function runNode(
  args: readonly string[],
  options: CliOptions = {},
  program = process.execPath,
): Promise<CliResult> {
  const env = { FORCE_COLOR: undefined, ...(options.env ?? process.env) };
  const child = spawn(program, args, { cwd: options.cwd, env, timeout: LIMIT_MS, killSignal: "SIGKILL" });
  if (options.stdin !== null) child.stdin.end(options.stdin ?? "");
  child.stdin.on("error", () => {});
  return new Promise((resolve, reject) => {
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
        options.onOutput?.(output, child);
      });
    }
    child.once("error", reject).once("close", (code, signal) => resolve({ code, signal, ...output }));
  });
}
