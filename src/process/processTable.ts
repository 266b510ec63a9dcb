/** Owns reading which processes exist: from /proc where there is one, else from `ps`. */

import { execFile } from "node:child_process";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";

/** One running process. A process id together with a start time names one process for good. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** Opaque: only to be compared. */
  readonly startTime: string;
}

/** The running processes by their id; zombies are left out. */
export type ProcessTable = ReadonlyMap<number, ProcessInfo>;

/** Reads all running processes; an empty table when the system offers no way to. */
export async function processTable(): Promise<ProcessTable> {
  return process.platform === "linux" || process.platform === "android"
    ? (processTableSync() ?? (await listedByPs()))
    : await listedByPs();
}

/** Reads all running processes at once; null where that needs another program. */
export function processTableSync(): ProcessTable | null {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return null;
  }
  const table = new Map<number, ProcessInfo>();
  for (const name of names) {
    const info = /^\d+$/.test(name) ? procInfo(Number(name)) : null;
    if (info !== null) table.set(info.pid, info);
  }
  return table.size > 0 ? table : null;
}

/** Tells whether this very process still runs, where that can be told at once; otherwise assumes that it does. */
export function stillRuns(known: ProcessInfo): boolean {
  if (process.platform !== "linux" && process.platform !== "android") return true;
  return procInfo(known.pid)?.startTime === known.startTime;
}

function procInfo(pid: number): ProcessInfo | null {
  const stat = procStat(pid);
  if (stat === null) return null;
  // The second field is the command in parentheses, which may itself hold spaces and parentheses: proc(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid, groupId] = fields;
  const startTime = fields[19];
  if (state === "Z" || state === "X" || startTime === undefined) return null;
  return { pid, parentPid: Number(parentPid), groupId: Number(groupId), startTime };
}

/** The line is some 300 bytes; a fourth of the time of `readFileSync`, of which an ending makes hundreds. */
const statBuffer = Buffer.alloc(4_096);

function procStat(pid: number): string | null {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/stat`, "r");
    return statBuffer.toString("latin1", 0, readSync(file, statBuffer));
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function listedByPs(): Promise<ProcessTable> {
  return new Promise((resolve) => {
    const columns = ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="];
    const options = { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: "C" } } as const;
    execFile("ps", columns, options, (error, output) => {
      resolve(error === null ? parsePs(output) : new Map());
    });
  });
}

/** @internal */
export function parsePs(output: string): ProcessTable {
  const table = new Map<number, ProcessInfo>();
  for (const line of output.split("\n")) {
    const [, pid, parentPid, groupId, state, startTime] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
    if (pid === undefined || startTime === undefined || state?.startsWith("Z") === true) continue;
    const info = { pid: Number(pid), parentPid: Number(parentPid), groupId: Number(groupId), startTime };
    table.set(info.pid, info);
  }
  return table;
}
