/** Owns streams in place of a terminal's, for a program that runs in this process. */

import { PassThrough } from "node:stream";
import type { Streams } from "../../../src/cli/terminal.js";

/** Streams whose output is kept. */
export interface KeptStreams {
  readonly streams: Streams;
  readonly stdin: PassThrough;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Makes the streams; with `tty`, a person seems to sit there. */
export function keptStreams(options: { tty?: boolean; env?: Record<string, string> } = {}): KeptStreams {
  const kept = { stdout: "", stderr: "" };
  const make = (): PassThrough & { isTTY: boolean } =>
    Object.assign(new PassThrough(), { isTTY: options.tty === true });
  const [stdin, stdout, stderr] = [make(), make(), make()];
  stdout.setEncoding("utf8").on("data", (text: string) => void (kept.stdout += text));
  stderr.setEncoding("utf8").on("data", (text: string) => void (kept.stderr += text));
  return {
    streams: { stdin, stdout, stderr, env: { NO_COLOR: "1", ...options.env } },
    stdin,
    stdout: () => kept.stdout,
    stderr: () => kept.stderr,
  };
}
