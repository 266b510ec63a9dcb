/** The measuring of one case: what the user got and when, what is left over, and whether that is as it must be. */

import { unsaid } from "./advice.js";
import type { Case, Told } from "./cases.js";
import { addedSince, foldersIn, look, withTemporaryFolders } from "./leftovers.js";
import { type Column, makeFolder, Stage } from "./stage.js";

/** The longest time that a case may take. */
const BOUND_MS = 60_000;

/** What was seen of one case. */
export interface Measured {
  readonly mode: string;
  readonly outcome: string;
  /** From the fault to the user knowing. */
  readonly ms: number;
  /** How long the client took to close. */
  readonly closeMs: number;
  /** Processes, handles and folders that were left, in words. */
  readonly left: readonly string[];
  /** What is not as it must be; empty when all is well. */
  readonly faults: readonly string[];
}

/** Sets the stage, runs the case on it, and looks what remains. Rejects for a case that could not be set. */
export async function measure(column: Column, each: Case, cutMs: number): Promise<Measured> {
  const folder = await makeFolder();
  const before = look();
  let stage: Stage | undefined;
  try {
    return await withTemporaryFolders(folder.path, async () => {
      stage = await Stage.set(column, folder.path, cutMs, each.options);
      const told = await within(each.run(stage), "The user was told nothing");
      const closeMs = await within(stage.close(), "The client did not close");
      const processes = (await stage.processes()).map((pid) => `process ${pid}`);
      await stage.home.dispose();
      const left = [...processes, ...(await addedSince(before)), ...(await foldersIn(folder.path))];
      const { outcome, ms } = told;
      return { mode: each.mode, outcome, ms, closeMs, left, faults: faultsOf(each, told, left) };
    });
  } finally {
    await stage?.strike();
    await folder.remove();
  }
}

function faultsOf({ expected }: Case, { outcome, errors }: Told, left: readonly string[]): string[] {
  return [
    ...(outcome === expected ? [] : [`It came to: ${outcome}; and must come to: ${expected}`]),
    ...left.map((what) => `It left behind: ${what}`),
    ...errors.flatMap(unsaid),
  ];
}

/** Rejects when it takes longer than a case may. */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${BOUND_MS} ms.`)), BOUND_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
