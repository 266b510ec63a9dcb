/** How the traffic of a real runtime is recorded. */

import { spawn } from "node:child_process";
import { PassThrough } from "node:stream";
import type { Spawn } from "codex-embed";

/** Starts the runtime as it is, and keeps every byte that it writes. */
export function teed(chunks: Buffer[]): Spawn {
  return ({ command, args, cwd, env }) => {
    const child = spawn(command, args, { cwd, env, stdio: "pipe" });
    const stdout = new PassThrough();
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk)).pipe(stdout);
    return Object.assign(child, { stdout });
  };
}
