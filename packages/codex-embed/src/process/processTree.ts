/** Finds and ends every process that one child of this program has started. */

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
  /** `NAME=value`: the environment must hold one of them. The values must hold no blanks. */
  readonly variables: readonly string[];
  /** On the clock of `performance.now()`: processes that started earlier stay. */
  readonly sinceMs: number;
}

/**
 * How often in a row nothing must be found while something cannot be told: a process in the middle of `execve` shows no
 * environment, and one that ends while the table is read may have started another.
 */
const LOOKS = 3;
/** How long the runtime's own commands may take to die before what they leave behind is no longer waited for. */
const ORPHAN_WAIT_MS = 500;
/** How long the exit of this program may be held up. */
const EXIT_WAIT_MS = 200;

/**
 * The child, the members of its process group, their descendants, and whatever carries the child's mark in its environment.
 *
 * Without a mark, a descendant that has left the group is only known when it was seen while the line of its parents was
 * unbroken: one that detached itself before the child crashed, without a {@link refresh} in between, is not found. The same
 * holds for a descendant that cleared its environment. On Windows the descendants are only found while the child runs.
 */
export class ProcessTree {
  readonly #rootPid: number;
  readonly #mark: string | null;
  readonly #members = new Map<number, ProcessInfo>();
  /** Processes without the mark, and how often they were looked at: none gets it later, for it is inherited. */
  #strangers = new Map<number, Stranger>();
  #rootExited = false;
  #groupGone = false;
  /** Whether this system shows no processes, so that only the group can be asked whether it is empty. */
  #blind = false;
  /** Whether the last look has told of every process what it is. */
  #isCertain = true;
  /** How many looks in a row have found no member. */
  #emptyLooks = 0;
  /** Whether a process that is found is killed in the same moment, so that one which forks and exits does not get away. */
  #killOnSight = false;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(rootPid: number, mark?: string) {
    this.#rootPid = rootPid;
    this.#mark = mark === undefined ? null : markAssignment(mark);
  }

  /** Says that the child is gone, so that its id may come to stand for another process. */
  rootExited(): void {
    this.#rootExited = true;
    this.#members.delete(this.#rootPid);
    if (process.platform === "win32") this.#members.clear();
  }

  /** Takes a snapshot of who runs: forgets the dead and learns of new descendants. Never rejects. */
  refresh(): Promise<void> {
    if (process.platform === "win32") return Promise.resolve();
    this.#refreshing = this.#refreshing.then(async () => this.#learn(await processTable()));
    return this.#refreshing;
  }

  /** Refreshes until no member runs any more, but no longer than `timeoutMs` or until `cut` settles. */
  async gone(timeoutMs: number, cut?: Promise<unknown>): Promise<boolean> {
    return await this.#poll(timeoutMs, cut, () => {});
  }

  /** Kills all members, also the ones they create meanwhile, until none is left or `timeoutMs` is over. */
  async killAll(timeoutMs: number): Promise<boolean> {
    this.#killOnSight = true;
    return await this.#poll(timeoutMs, undefined, () => this.#signalKnown("SIGKILL"));
  }

  /** Signals the group and every other member. On Windows every signal ends the tree by force. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (process.platform === "win32") {
      if (!this.#rootExited) await taskkill(this.#rootPid);
      return;
    }
    await this.refresh();
    this.#signalKnown(signal);
  }

  /** For the exit of this program, when nothing asynchronous runs any more. */
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
   * Kills marked processes that do not descend from the child, which is what its commands leave behind. Waits until those
   * are gone, and those among the child's descendants that would belong to them: they may be about to leave some.
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
    // A process with the child's id after its exit is a stranger, and ids are only reused when the group is empty.
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
    // A table is not read in one moment, so that its parents could form a circle.
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
    // Without a table of processes the child itself is not among the members.
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
    // It fails when the process is not found, which is what was wanted.
    execFile("taskkill", taskkillArgs(pid), { windowsHide: true }, () => resolve());
  });
}
