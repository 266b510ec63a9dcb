/** Owns finding and ending every process that descends from one child of this program. */

import { execFile, spawnSync } from "node:child_process";
import { type ProcessInfo, type ProcessTable, processTable, processTableSync, stillRuns } from "./processTable.js";
import { pause } from "./wait.js";

/**
 * The child, the members of its process group, and their descendants.
 *
 * A descendant that has left the group is only known when it was seen while the line of its parents was unbroken: one
 * that detached itself before the child crashed, without a {@link refresh} in between, is not found. On Windows the
 * descendants are only found while the child itself runs.
 */
export class ProcessTree {
  readonly #rootPid: number;
  readonly #members = new Map<number, ProcessInfo>();
  #rootExited = false;
  #groupGone = false;
  /** Whether this system shows no processes, so that only the group can be asked whether it is empty. */
  #blind = false;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(rootPid: number) {
    this.#rootPid = rootPid;
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
    const table = process.platform === "linux" || process.platform === "android" ? processTableSync() : null;
    if (table !== null) this.#learn(table);
    this.#signalKnown("SIGKILL");
  }

  async #poll(timeoutMs: number, cut: Promise<unknown> | undefined, act: () => void): Promise<boolean> {
    await this.#refreshing;
    if (this.#isPlainlyGone()) return true;
    const deadline = performance.now() + timeoutMs;
    let isCut = false;
    void cut?.then(() => {
      isCut = true;
    });
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 50)) {
      await this.refresh();
      if (this.#members.size === 0 && !(this.#blind && send(-this.#rootPid, 0))) return true;
      act();
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || isCut) return false;
      await pause(Math.min(delayMs, leftMs), cut);
    }
  }

  /**
   * Whether nobody is left, as far as can be told without a look at all processes, which takes milliseconds: what a
   * table could still show is in the group, or has a member for a parent.
   */
  #isPlainlyGone(): boolean {
    if (process.platform === "win32" || !this.#rootExited) return false;
    for (const member of this.#members.values()) {
      if (stillRuns(member)) return false;
    }
    return this.#groupGone || isGroupEmpty(this.#rootPid);
  }

  #learn(table: ProcessTable): void {
    this.#blind = table.size === 0;
    // A process with the child's id after its exit is a stranger, and ids are only reused when the group is empty.
    if (this.#rootExited && table.has(this.#rootPid)) this.#groupGone = true;
    for (const [pid, known] of this.#members) {
      const now = table.get(pid);
      if (now?.startTime !== known.startTime) this.#members.delete(pid);
      else this.#members.set(pid, now);
    }
    for (let grown = true; grown; ) {
      grown = false;
      for (const info of table.values()) {
        if (this.#members.has(info.pid) || !this.#belongs(info)) continue;
        this.#members.set(info.pid, info);
        grown = true;
      }
    }
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

/** False also for a group of zombies, and for one that may not be signalled. */
function isGroupEmpty(groupId: number): boolean {
  try {
    process.kill(-groupId, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
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
