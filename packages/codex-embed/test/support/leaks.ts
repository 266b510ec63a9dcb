/** Tells what a piece of a test left behind: handles of this process, and processes below it. */

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";

/** The pids of all living descendants of this process. Linux only; elsewhere empty. */
export function descendants(root = process.pid): number[] {
  const children = new Map<number, number[]>();
  let names: string[] = [];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      if (fields[0] === "Z") continue;
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It went away while we looked.
    }
  }
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(root);
}

const MARK = /^CODEX_EMBED_MARK_[0-9a-f]{32}$/;

/** The variable by which everything that a process starts is told, once it was launched. Linux only. */
export function markOf(pid: number | undefined): string {
  const own = environmentOf(pid ?? 0).map((entry) => entry.replace(/=.*/s, ""));
  const mark = own.find((name) => MARK.test(name) && process.env[name] === undefined);
  if (mark === undefined) throw new Error(`The process ${pid} carries no mark.`);
  return mark;
}

/** The living processes that carry a mark. */
export function marked(mark: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => environmentOf(pid).includes(`${mark}=1`));
}

/** Of a zombie and of a process that is gone there is none. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/** The handles of this process, without the ones that come and go with the event loop and with the test runner. */
function handles(): string[] {
  const passing = new Set(["Immediate", "TickObject", "CloseReq", "Timeout"]);
  return process.getActiveResourcesInfo().filter((name) => !passing.has(name));
}

/** What is in `after` beyond what is in `before`, counted. */
function added<T>(before: readonly T[], after: readonly T[]): T[] {
  const left = [...before];
  return after.filter((item) => {
    const index = left.indexOf(item);
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
}

/** Runs `body`, then asserts that it left no handle, no process and no exit listener. */
export async function leavesNothing(body: () => Promise<void>): Promise<void> {
  const before = { handles: handles(), below: descendants(), listeners: process.listenerCount("exit") };
  await body();
  // A closed handle is gone only after the loop has turned.
  await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  expect({
    handles: added(before.handles, handles()),
    processes: added(before.below, descendants()),
    listeners: process.listenerCount("exit"),
  }).toEqual({ handles: [], processes: [], listeners: before.listeners });
}

/** Waits until `condition` holds, at most `limitMs`. For what no event tells of, such as the end of a foreign process. */
export async function until(condition: () => boolean, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition() && performance.now() < deadline) await new Promise<void>((resolve) => setImmediate(resolve));
}
