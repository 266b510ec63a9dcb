/** Owns the count of the instructions that a program takes: a figure that other work on the machine does not change. */

import { run } from "./programs.js";

/** Otherwise threads and the clock decide when V8 optimizes and collects. */
const PREDICTABLE = ["--single-threaded", "--predictable", "--hash-seed=7"];

/** The unit of what {@link instructions} gives. */
export const INSTRUCTIONS = "M instructions";

/** What is said of a count, and of one that is missing. */
export const COUNTED_BY =
  "The instructions are counted by valgrind, with V8 on one thread: two runs differ by less than 1 %.";
export const NOT_COUNTED = "valgrind is not installed, so that no instructions were counted.";

/** Whether they can be counted here. */
export async function hasValgrind(): Promise<boolean> {
  try {
    await run("valgrind", ["--version"]);
    return true;
  } catch {
    return false;
  }
}

/** The millions of instructions of a Node process, without those of its children. */
export async function instructions(args: readonly string[]): Promise<number> {
  const valgrind = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", process.execPath];
  const { stderr } = await run("valgrind", [...valgrind, ...PREDICTABLE, ...args]);
  const count = /I\s+refs:\s+([\d,]+)/.exec(stderr)?.[1];
  if (count === undefined) throw new Error(`valgrind has counted nothing: ${stderr.slice(-500)}`);
  return Number(count.replaceAll(",", "")) / 1e6;
}
