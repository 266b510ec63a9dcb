/** The look at the processes of this machine. */

import { readdir, readFile } from "node:fs/promises";

/** Whether a process is there and is no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && stateOf(stat) !== "Z";
}

/** The children of a process, their children and so on. Empty where there is no `/proc`. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    if (stat !== "" && stateOf(stat) !== "Z") parents.set(Number(name), parentOf(stat));
  }
  const found: number[] = [];
  for (let known = [pid]; known.length > 0; ) {
    known = [...parents].filter(([, parent]) => known.includes(parent)).map(([child]) => child);
    found.push(...known);
  }
  return found;
}

/** The command's name stands in parentheses and may hold anything. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function stateOf(stat: string): string {
  return fieldsOf(stat)[0] ?? "";
}

function parentOf(stat: string): number {
  return Number(fieldsOf(stat)[1]);
}
