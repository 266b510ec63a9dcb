import { spawn } from "node:child_process";
import type { Environment } from "./environment.js";

/** A program that runs to its end. */
export interface RunRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Environment;
  /** What it reads from stdin. Default: nothing. */
  readonly input?: Uint8Array | undefined;
  /** How many bytes it may write to stdout. */
  readonly maxOutputBytes: number;
}

/** What a program left. */
export interface RunOutcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** The beginning of its stderr. */
  readonly stderr: string;
  /** Whether it was killed because it wrote more than `maxOutputBytes`. */
  readonly isCut: boolean;
}

const MAX_STDERR_BYTES = 8 * 1024;

/** Runs a short program without a shell and collects its output. Rejects when it cannot be started. */
export function runProgram({ command, args, cwd, env, input, maxOutputBytes }: RunRequest): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let outputBytes = 0;
    let stderrBytes = 0;
    let isCut = false;
    child.stdout.on("data", (chunk: Buffer) => {
      if (isCut) return;
      outputBytes += chunk.length;
      isCut = outputBytes > maxOutputBytes;
      if (isCut) child.kill("SIGKILL");
      else stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderrBytes < MAX_STDERR_BYTES) stderr.push(chunk);
      stderrBytes += chunk.length;
    });
    // It may exit before it has read everything. Its exit code tells why.
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (exitCode) => {
      const text = Buffer.concat(stderr).toString("utf8", 0, MAX_STDERR_BYTES);
      resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: text, isCut });
    });
    child.stdin.end(input);
  });
}
