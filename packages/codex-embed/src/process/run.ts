import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { onAbort } from "../util/async.js";
import { AgentProcess, type ProcessExit } from "./agentProcess.js";
import { type Environment, newMark, withMark } from "./environment.js";

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
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** How many characters of its output are kept: the last ones. */
  readonly tailChars: number;
  /** Ends it and everything that it started by force. */
  readonly signal: AbortSignal;
}

/**
 * Runs a program without input and keeps the end of what it writes to stdout and stderr. Resolves once it and everything
 * that it started are gone.
 *
 * @throws LaunchError when it cannot be started.
 */
export async function runForTail({
  tailChars,
  signal,
  env,
  ...request
}: TailRequest): Promise<ProcessExit & { tail: string }> {
  let tail = "";
  const keep = (text: string): void => {
    tail += text;
    // Cut in large steps, so that many small writes stay cheap.
    if (tail.length > 2 * tailChars + 65_536) tail = tail.slice(-tailChars);
  };
  const mark = newMark();
  const child = await AgentProcess.start({ ...request, env: withMark(env, mark), mark }, { onStderr: keep });
  const decoder = new StringDecoder("utf8");
  child.stdout.on("data", (chunk: Buffer) => keep(decoder.write(chunk)));
  child.stdin.end();
  const stop = onAbort(signal, () => void child.kill());
  if (signal.aborted) void child.kill();
  try {
    await child.exited;
    return { ...(await child.shutdown()), tail: tail.slice(-tailChars) };
  } finally {
    stop();
  }
}
