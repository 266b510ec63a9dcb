/** What the clients of the replay share: how it is started, and how they tell what they used. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** The command line of the replay: the program, and its arguments. */
export const replayArgs: readonly string[] = process.argv.slice(2);

/** Starts the replay as a plain child. */
export function startReplay(): ChildProcessByStdio<Writable, Readable, null> {
  return spawn(process.execPath, replayArgs, { stdio: ["pipe", "pipe", "inherit"] });
}

/** Asks for the turn. */
export function startTurn(stdin: Writable): void {
  stdin.write('{"id":0,"method":"turn/start"}\n');
}

/** Whether a message is the last of the turn. */
export function isEnd(message: unknown): boolean {
  return typeof message === "object" && message !== null && "method" in message && message.method === "turn/completed";
}

/** Begins to measure; the function that it returns ends that and tells, with how many events the reader saw. */
export function measured(): (events: number) => void {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  return (events) => {
    const value = performance.now() - begin;
    const { user, system } = process.cpuUsage(cpu);
    process.stdout.write(JSON.stringify({ value, cpuMs: (user + system) / 1000, events }));
  };
}
