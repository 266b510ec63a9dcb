/** The look at this machine's processes: which of them belong to a stage, and which of those is the runtime. */

import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** The living processes whose environment names the folder, and so the runtime of that home and all that it started. */
export async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (environment.includes(folder)) found.push(Number(name));
  }
  return found;
}

/** The runtime itself among them, not the shells around it. Rejects when there is none, or more than one. */
export async function runtimeIn(folder: string): Promise<number> {
  const pids = await processesOf(folder);
  const names = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/exe`).catch(() => "")));
  const runtimes = pids.filter((_, index) => basename(names[index] ?? "").startsWith("codex"));
  const [pid] = runtimes;
  if (pid === undefined || runtimes.length > 1) throw new Error(`There are ${runtimes.length} runtimes in ${folder}.`);
  return pid;
}

/** Resolves when all threads of a process stand still: until then, those that run may still answer. */
export async function hasStopped(pid: number): Promise<void> {
  for (let isStill = false; !isStill; ) {
    const threads = await readdir(`/proc/${pid}/task`);
    const stats = await Promise.all(
      threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, "utf8").catch(() => "")),
    );
    isStill = stats.every((stat) => stat === "" || /\) T /.test(stat));
  }
}
