/** Running the programs of a trial: with a clean environment, a limit of time, and what they printed when they fail. */

import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";

/** How a program is run. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** What a program printed before it ended with 0. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 300_000;
const TAIL = 3_000;

/** What `npm run`, a test runner and the user's own runtime set, which a stranger's machine would not have. */
const FOREIGN =
  /^(?:npm_(?!config_(?:cache|registry|userconfig|globalconfig|cafile))|CODEX_|VITEST|NODE_(?!EXTRA_CA_CERTS)|INIT_CWD$)/i;

/** The environment of a trial's programs. */
function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !FOREIGN.test(name)) env[name] = value;
  }
  return { ...env, ...extra };
}

/** Runs a program to its end. Rejects with the end of its output when it fails or takes too long. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Output> {
  const { child, output, ended } = start(program, args, options);
  const limit = setTimeout(() => end(child), options.timeoutMs ?? TIMEOUT_MS);
  const how = await ended;
  clearTimeout(limit);
  if (how === 0) return output;
  const told = `${output.stdout}\n${output.stderr}`.trim().slice(-TAIL);
  throw new Error(`${basename(program)} ${args.join(" ")}: ended with ${how}\n${told}`);
}

/** A program under way: what it has printed so far, and how it ends. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number | string>;
}

/** Starts a program at the head of its own process group, so that {@link end} reaches all that it starts. */
export function start(program: string, args: readonly string[], { cwd, env }: RunOptions): Running {
  const child = spawn(program, args, {
    cwd,
    env: cleanEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const ended = new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal ?? "nothing"));
  });
  return { child, output, ended };
}

/** Ends a program and all that it started. */
export function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
