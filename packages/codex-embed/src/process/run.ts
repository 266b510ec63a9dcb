import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { watchLimits } from "../util/async.js";
import { AgentProcess, type ProcessExit } from "./agentProcess.js";
import { type Environment, launchEnvironment, newMark, withMark } from "./environment.js";

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

/** A program whose output people or a model read. */
export interface TailRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Merged over the environment of this program. */
  readonly env: Environment;
  /** How many characters of its output are kept: the last ones. */
  readonly tailChars: number;
  /** Milliseconds after which it and everything that it started are killed. */
  readonly timeoutMs: number;
  /** Kills them too. */
  readonly signal: AbortSignal;
}

/** How it ended, and the end of what it wrote. */
export interface TailOutcome extends ProcessExit {
  readonly tail: string;
  readonly isTimedOut: boolean;
}

/**
 * Runs a program without input and keeps the end of what it writes to stdout and stderr. Resolves once it and everything
 * that it started are gone.
 *
 * @throws LaunchError when it cannot be started; UsageError for a variable that no environment can carry; the reason of the
 * signal when that aborts.
 */
export async function runForTail({ tailChars, timeoutMs, signal, env, ...request }: TailRequest): Promise<TailOutcome> {
  let tail = "";
  const keep = (text: string): void => {
    tail += text;
    // Cut in large steps, so that many small writes stay cheap.
    if (tail.length > 2 * tailChars + 65_536) tail = tail.slice(-tailChars);
  };
  const mark = newMark();
  const whole = withMark(launchEnvironment({ env }), mark);
  const child = await AgentProcess.start({ ...request, env: whole, mark }, { onStderr: keep });
  const decoder = new StringDecoder("utf8");
  child.stdout.on("data", (chunk: Buffer) => keep(decoder.write(chunk)));
  child.stdin.end();
  let isTimedOut = false;
  const stop = watchLimits({ signal, timeoutMs }, (limit) => {
    isTimedOut ||= limit === "timeout";
    void child.kill();
  });
  try {
    await child.exited;
  } finally {
    stop();
  }
  const exit = await child.shutdown();
  signal.throwIfAborted();
  return { ...exit, tail: tailChars === 0 ? "" : tail.slice(-tailChars), isTimedOut };
}
