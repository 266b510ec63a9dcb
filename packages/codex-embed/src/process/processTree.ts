import { execFile, spawnSync } from "node:child_process";
import { pause } from "../util/async.js";
import { markAssignment } from "./environment.js";
import {
  ageMs,
  environmentOf,
  type ProcessInfo,
  type ProcessTable,
  processTable,
  processTableSync,
  stillRuns,
} from "./processTable.js";

/** Which processes {@link ProcessTree.killOrphans} ends. */
export interface Orphans {
  /** `NAME=value`: the environment of the process must contain one of them. Values must not contain blanks. */
  readonly variables: readonly string[];
  /** Processes that started earlier stay. A time of `performance.now()`. */
  readonly sinceMs: number;
}

/**
 * How many looks in a row must find nothing when a look is uncertain: a process in the middle of `execve` shows no
 * environment, and a process that ends while the table is read may have started another.
 */
const LOOKS = 3;
/** How long to wait for the runtime's own commands to die, which may leave processes behind. */
const ORPHAN_WAIT_MS = 500;
/** How long the exit of this program may be delayed. */
const EXIT_WAIT_MS = 200;

/**
 * Every process that one child has started: the child, the members of its process group, their descendants, and whatever
 * carries the child's mark in its environment.
 *
 * Without a mark, a descendant that left the group is known only if a {@link refresh} saw it while all its parents lived. One
 * that detached before the child crashed, without a refresh in between, is not found. The same holds for a descendant that
 * cleared its environment. On Windows descendants are found only while the child runs.
 */
export class ProcessTree {
  readonly #rootPid: number;
  readonly #mark: string | null;
  readonly #members = new Map<number, ProcessInfo>();
  /** Processes without the mark, and how often they were examined. The mark is inherited, so none gets it later. */
  #strangers = new Map<number, Stranger>();
  #rootExited = false;
  #groupGone = false;
  /** Whether this system lists no processes, so that only the group can be tested for being empty. */
  #blind = false;
  /** Whether the last look identified every process. */
  #isCertain = true;
  /** How many looks in a row found no member. */
  #emptyLooks = 0;
  /** Whether to kill processes as they are found, so that one that forks and exits does not escape. */
  #killOnSight = false;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(rootPid: number, mark?: string) {
    this.#rootPid = rootPid;
    this.#mark = mark === undefined ? null : markAssignment(mark);
  }

  /** Call when the child is gone: the system may now give its id to another process. */
  rootExited(): void {
    this.#rootExited = true;
    this.#members.delete(this.#rootPid);
    if (process.platform === "win32") this.#members.clear();
  }

  /** Reads the running processes: forgets the dead and finds new descendants. Never rejects. */
  refresh(): Promise<void> {
    if (process.platform === "win32") return Promise.resolve();
    this.#refreshing = this.#refreshing.then(async () => this.#learn(await processTable()));
    return this.#refreshing;
  }

  /** Refreshes until no member runs, for at most `timeoutMs` or until `cut` settles. Resolves with whether all are gone. */
  async gone(timeoutMs: number, cut?: Promise<unknown>): Promise<boolean> {
    return await this.#poll(timeoutMs, cut, () => {});
  }

  /** Kills all members, including those they create meanwhile, until none is left or `timeoutMs` is over. */
  async killAll(timeoutMs: number): Promise<boolean> {
    this.#killOnSight = true;
    return await this.#poll(timeoutMs, undefined, () => this.#signalKnown("SIGKILL"));
  }

  /** Signals the group and every other member. On Windows any signal ends the tree by force. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (process.platform === "win32") {
      if (!this.#rootExited) await taskkill(this.#rootPid);
      return;
    }
    await this.refresh();
    this.#signalKnown(signal);
  }

  /** Kills all members synchronously, for the exit of this program. */
  killSync(): void {
    if (process.platform === "win32") {
      if (!this.#rootExited) spawnSync("taskkill", taskkillArgs(this.#rootPid), { windowsHide: true, stdio: "ignore" });
      return;
    }
    this.#killOnSight = true;
    const deadline = performance.now() + EXIT_WAIT_MS;
    do {
      this.#learn(processTableSync());
      this.#signalKnown("SIGKILL");
    } while (!this.#isGone && performance.now() < deadline);
  }

  /**
   * Kills marked processes that do not descend from the child: what its commands left behind. Waits until they are gone, and
   * also the child's own descendants with the same variables, which may be about to leave more.
   */
  async killOrphans({ variables, sinceMs }: Orphans): Promise<void> {
    if (process.platform === "win32" || this.#mark === null) return;
    const deadline = performance.now() + ORPHAN_WAIT_MS;
    let emptyLooks = 0;
    for (let delayMs = 2; performance.now() < deadline; delayMs = Math.min(delayMs * 2, 50)) {
      await this.refresh();
      const maxAgeMs = performance.now() - sinceMs;
      const found = [...this.#members.values()].filter(
        (member) => isYoung(member, maxAgeMs) && holds(member, variables),
      );
      emptyLooks = found.length === 0 ? emptyLooks + 1 : 0;
      if (emptyLooks >= (this.#isCertain ? 1 : LOOKS)) return;
      for (const member of found) {
        if (!this.#descends(member) && stillRuns(member)) send(member.pid, "SIGKILL");
      }
      await pause(delayMs);
    }
  }

  async #poll(timeoutMs: number, cut: Promise<unknown> | undefined, act: () => void): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    let isCut = false;
    void cut?.then(() => {
      isCut = true;
    });
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 50)) {
      await this.refresh();
      if (this.#isGone) return true;
      if (this.#emptyLooks > 0 && !this.#blind) {
        await pause(delayMs);
        continue;
      }
      act();
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || isCut) return false;
      await pause(Math.min(delayMs, leftMs), cut);
    }
  }

  get #isGone(): boolean {
    if (process.platform === "win32") return this.#members.size === 0;
    return this.#emptyLooks >= (this.#isCertain ? 1 : LOOKS) && !(this.#blind && send(-this.#rootPid, 0));
  }

  #learn({ processes: table, isWhole }: ProcessTable): void {
    this.#blind = table.size === 0;
    this.#isCertain = isWhole;
    // After the child's exit, a process with its id is a stranger. The system reuses the id only when the group is empty.
    if (this.#rootExited && table.has(this.#rootPid)) this.#groupGone = true;
    for (const [pid, known] of this.#members) {
      const now = table.get(pid);
      if (now?.startTime !== known.startTime) this.#members.delete(pid);
      else this.#members.set(pid, now);
    }
    if (this.#mark !== null) this.#findMarked(table, this.#mark);
    for (let grown = true; grown; ) {
      grown = false;
      for (const info of table.values()) {
        if (this.#members.has(info.pid) || !this.#belongs(info)) continue;
        this.#members.set(info.pid, info);
        grown = true;
      }
    }
    this.#emptyLooks = this.#members.size === 0 ? this.#emptyLooks + 1 : 0;
  }

  #findMarked(table: ProcessTable["processes"], mark: string): void {
    const strangers = new Map<number, Stranger>();
    for (const info of table.values()) {
      const { pid, startTime } = info;
      if (pid === process.pid || this.#members.has(pid)) continue;
      const known = this.#strangers.get(pid);
      const looks = known?.startTime === startTime ? known.looks : 0;
      const environment = looks < LOOKS ? environmentOf(info) : null;
      if (environment?.has(mark) === true) {
        this.#members.set(pid, info);
        if (this.#killOnSight) send(pid, "SIGKILL");
        continue;
      }
      const isUnclear = environment === null ? looks < LOOKS && !stillRuns(info) : environment.isEmpty;
      strangers.set(pid, { startTime, looks: isUnclear ? looks + 1 : LOOKS });
      if (isUnclear && looks + 1 < LOOKS) this.#isCertain = false;
    }
    this.#strangers = strangers;
  }

  #descends(info: ProcessInfo): boolean {
    let at: ProcessInfo | undefined = info;
    // The table is not read at one moment, so the parents in it could form a cycle.
    for (let hops = 0; at !== undefined && hops <= this.#members.size; hops++) {
      if (at.pid === this.#rootPid) return !this.#rootExited;
      at = this.#members.get(at.parentPid);
    }
    return false;
  }

  #belongs(info: ProcessInfo): boolean {
    if (info.pid === this.#rootPid) return !this.#rootExited;
    if (!this.#groupGone && info.groupId === this.#rootPid) return true;
    return this.#members.has(info.parentPid);
  }

  #signalKnown(signal: NodeJS.Signals): void {
    const groupReached = !this.#groupGone && send(-this.#rootPid, signal);
    if (!groupReached && this.#rootExited) this.#groupGone = true;
    // Without a process table the child itself is not among the members.
    if (!groupReached && !this.#rootExited && !this.#members.has(this.#rootPid)) send(this.#rootPid, signal);
    for (const member of this.#members.values()) {
      if (groupReached && member.groupId === this.#rootPid) continue;
      if (stillRuns(member)) send(member.pid, signal);
    }
  }
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // gone meanwhile, or under another user
  }
}

interface Stranger {
  readonly startTime: string;
  readonly looks: number;
}

function isYoung(info: ProcessInfo, maxAgeMs: number): boolean {
  const age = ageMs(info);
  return age !== null && age <= maxAgeMs;
}

function holds(info: ProcessInfo, variables: readonly string[]): boolean {
  const environment = environmentOf(info);
  return environment !== null && variables.some((variable) => environment.has(variable));
}

function taskkillArgs(pid: number): string[] {
  return ["/PID", String(pid), "/T", "/F"];
}

function taskkill(pid: number): Promise<void> {
  return new Promise((resolve) => {
    // It fails when the process is not found, which is fine.
    execFile("taskkill", taskkillArgs(pid), { windowsHide: true }, () => resolve());
  });
}
