/** The look at what a case leaves behind in this program and around it: handles, listeners, and temporary folders. */

import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What comes and goes with the event loop. */
const PASSING = new Set(["Immediate", "TickObject", "CloseReq"]);
/** A test runner has timers of its own. */
if (process.env["VITEST"] !== undefined) PASSING.add("Timeout");
/** How long what was closed may take to be gone. */
const SETTLE_TURNS = 50;

/** A look at this program. */
export interface Look {
  readonly handles: readonly string[];
  readonly listeners: number;
}

/** Takes a look. */
export function look(): Look {
  const handles = process.getActiveResourcesInfo().filter((name) => !PASSING.has(name));
  return { handles, listeners: process.listenerCount("exit") };
}

/** What there is now and was not then, once the event loop had time to close it; timers must be gone as well. */
export async function addedSince(before: Look): Promise<string[]> {
  let left: string[] = [];
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    const now = look();
    left = [...added(before.handles, now.handles)];
    if (now.listeners > before.listeners) left.push(`${now.listeners - before.listeners} listeners of exit`);
    if (left.length === 0) break;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return left;
}

function added(before: readonly string[], after: readonly string[]): string[] {
  const known = [...before];
  return after.filter((name) => {
    const index = known.indexOf(name);
    if (index !== -1) known.splice(index, 1);
    return index === -1;
  });
}

/** Has all temporary folders of this program made inside `folder` while `body` runs. */
export async function withTemporaryFolders<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const before = { TMPDIR: process.env["TMPDIR"], XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"] };
  await Promise.all(["tmp", "cache"].map((name) => mkdir(join(folder, name))));
  process.env["TMPDIR"] = join(folder, "tmp");
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  try {
    return await body();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** The temporary folders that are still there. */
export async function foldersIn(folder: string): Promise<string[]> {
  const places = [join(folder, "tmp"), join(folder, "cache", "codex-embed-testing")].filter((path) => existsSync(path));
  return (await Promise.all(places.map((path) => readdir(path)))).flat();
}
