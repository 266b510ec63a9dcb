/** Running the program `codex-embed` as a real child. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
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

/** Whether {@link runOnTerminal} works here: `script` is part of every Debian, and of most of Linux. */
export const HAS_TERMINAL = process.platform === "linux" && existsSync("/usr/bin/script");

/** How a program is run on a terminal. */
export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The size of the screen. Default: it has none, as a pipe. */
  readonly size?: { readonly rows: number; readonly columns: number };
  /** A file that stdout goes to, in place of the terminal. */
  readonly stdout?: string;
  /** What is typed, or done, when a text was shown behind the one before; what is typed is echoed. */
  readonly typing: readonly (readonly [shown: string, keys: string | ((type: (keys: string) => void) => unknown)])[];
}

/** Runs the program on a pseudo-terminal of its own, by `script`. Its stdout is all that the terminal was sent. */
export function runOnTerminal(args: readonly string[], options: TerminalOptions): Promise<CliResult> {
  const { cwd, env, size, stdout: file, typing } = options;
  const words = [process.execPath, ...PROGRAM, ...args].map((word) => `'${word}'`).join(" ");
  const resize = size === undefined ? "" : `stty rows ${size.rows} columns ${size.columns}; `;
  const command = `${resize}exec ${words}${file === undefined ? "" : ` > '${file}'`}`;
  let [typed, from] = [0, 0];
  return runNode(
    ["-qec", command, "/dev/null"],
    {
      cwd,
      env: { ...env, TERM: "xterm", NO_COLOR: "1" },
      stdin: null,
      onOutput: ({ stdout }, child) => {
        for (let next = typing[typed]; next !== undefined; next = typing[typed]) {
          const at = stdout.indexOf(next[0], from);
          if (at < 0) return;
          from = at + next[0].length;
          typed += 1;
          const type = (keys: string): void => void child.stdin?.write(keys);
          const [, keys] = next;
          if (typeof keys === "string") type(keys);
          else void keys(type);
        }
      },
    },
    "/usr/bin/script",
  );
}
