import { execFile, spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";

/** One running process. The process id and the start time together identify it forever. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** Opaque, for comparison only. */
  readonly startTime: string;
  /** Command line and environment, as `ps` shows them. Absent on systems with /proc. */
  readonly shown?: string;
}

/** The running processes, without zombies. */
export interface ProcessTable {
  readonly processes: ReadonlyMap<number, ProcessInfo>;
  /** False when a process ended while the table was read: it may have started another that is missing here. */
  readonly isWhole: boolean;
}

const NO_TABLE: ProcessTable = { processes: new Map(), isWhole: true };

const HAS_PROC = process.platform === "linux" || process.platform === "android";
/** The unit of start times in /proc. Linux reports 100 to programs, whatever the kernel uses: proc(5). */
const TICKS_PER_SECOND = 100;

/** Reads all running processes, from /proc or `ps`. The table is empty on a system with neither. */
export async function processTable(): Promise<ProcessTable> {
  return (HAS_PROC ? readProc() : null) ?? (await listedByPs());
}

/** Reads all running processes synchronously, for the exit of this program. */
export function processTableSync(): ProcessTable {
  const table = HAS_PROC ? readProc() : null;
  if (table !== null) return table;
  const { stdout } = spawnSync("ps", PS_ARGS, { ...psOptions(), timeout: PS_TIMEOUT_MS });
  return typeof stdout === "string" ? parsePs(stdout) : NO_TABLE;
}

/** Whether this very process still runs. Assumes so on systems without /proc. */
export function stillRuns(known: ProcessInfo): boolean {
  return !HAS_PROC || procInfo(known.pid)?.startTime === known.startTime;
}

/**
 * The environment that a process of this user was started with. Null for a process of another user and for one that is
 * gone.
 */
export function environmentOf(info: ProcessInfo): ProcessEnvironment | null {
  const text = HAS_PROC ? procEnvironment(info.pid) : (info.shown?.replace(/\s/g, "\0") ?? null);
  if (text === null) return null;
  const entries = `\0${text}\0`;
  return { isEmpty: text === "", has: (assignment) => entries.includes(`\0${assignment}\0`) };
}

/** The environment of another process. */
export interface ProcessEnvironment {
  /** Also true for a moment in the middle of `execve`. */
  readonly isEmpty: boolean;
  /** Whether it contains `NAME=value`. The value must not contain blanks. */
  has(assignment: string): boolean;
}

/** How long a process has been running, in milliseconds, rounded up to the resolution of the system. Null if unknown. */
export function ageMs(info: ProcessInfo): number | null {
  const age = HAS_PROC
    ? uptimeMs() - (Number(info.startTime) * 1_000) / TICKS_PER_SECOND
    : Date.now() - Date.parse(info.startTime);
  return Number.isNaN(age) ? null : age;
}

function uptimeMs(): number {
  try {
    return Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1_000;
  } catch {
    return Number.NaN;
  }
}

function readProc(): ProcessTable | null {
  let names: string[];
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return null;
  }
  const processes = new Map<number, ProcessInfo>();
  // The newest first: they are most likely to be gone before they are read.
  for (const name of names.reverse()) {
    const info = procInfo(Number(name));
    if (info !== null) processes.set(info.pid, info);
  }
  return processes.size > 0 ? { processes, isWhole: processes.size === names.length } : null;
}

function procInfo(pid: number): ProcessInfo | null {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the command in parentheses, which may itself contain spaces and parentheses: proc(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 20);
  const [state, parentPid, groupId] = fields;
  const startTime = fields[19];
  if (state === "Z" || state === "X" || startTime === undefined) return null;
  return { pid, parentPid: Number(parentPid), groupId: Number(groupId), startTime };
}

/** Reading into it takes a fourth of the time of `readFileSync`, and a shutdown reads hundreds of files. Most environments fit. */
const buffer = Buffer.alloc(16_384);

function readSmall(path: string): string | null {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return buffer.toString("latin1", 0, readSync(file, buffer));
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function procEnvironment(pid: number): string | null {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/environ`, "r");
    if (fstatSync(file).uid !== process.geteuid?.()) return null;
    const parts: string[] = [];
    for (let bytes = readSync(file, buffer); bytes > 0; bytes = readSync(file, buffer)) {
      parts.push(buffer.toString("latin1", 0, bytes));
    }
    return parts.join("").replace(/\0$/, "");
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The flag that shows the environment. Where `-E` has that meaning (macOS), `-e` means `-A`. */
const PS_ENVIRONMENT = process.platform === "darwin" ? "-E" : "-e";
const PS_ARGS = ["-A", PS_ENVIRONMENT, "-ww", "-o", "pid=,ppid=,pgid=,uid=,stat=,lstart=,command="];
const PS_TIMEOUT_MS = 2_000;

function psOptions() {
  return { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: "C" } } as const;
}

function listedByPs(): Promise<ProcessTable> {
  return new Promise((resolve) => {
    execFile("ps", PS_ARGS, psOptions(), (error, output) => resolve(error === null ? parsePs(output) : NO_TABLE));
  });
}

const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d{4})(?:\s+(.*))?$/;

/** @internal */
export function parsePs(output: string, uid = process.geteuid?.()): ProcessTable {
  const processes = new Map<number, ProcessInfo>();
  for (const line of output.split("\n")) {
    const [, pid, parentPid, groupId, owner, state, startTime, shown = ""] = PS_LINE.exec(line) ?? [];
    if (pid === undefined || startTime === undefined || state?.startsWith("Z") === true) continue;
    const info = { pid: Number(pid), parentPid: Number(parentPid), groupId: Number(groupId), startTime };
    processes.set(info.pid, Number(owner) === uid ? { ...info, shown: shown.trimEnd() } : info);
  }
  return { processes, isWhole: true };
}
