/** What a run may leave behind: memory, processes, and handles that keep this process running. */

import { getHeapCodeStatistics } from "node:v8";
import { descendantsOf } from "../../packages/codex-embed/test/support/processes.js";

/** Bytes in use. */
export interface Memory {
  readonly heap: number;
  readonly rss: number;
}

const GC_ROUNDS = 5;
/** Handles that are closing get a few turns of the event loop for it. */
const PATIENCE = 200;
/** What comes and goes with the event loop. */
const PASSING: ReadonlySet<string> = new Set(["Immediate", "TickObject", "CloseReq"]);

/**
 * The memory in use when all that can be freed has been. Without `--expose-gc` that is not known: null. Machine code is left
 * out of the heap: V8 compiles for as long as there is something to do, and by snapshots that is what grew.
 */
export async function memoryInUse(): Promise<Memory | null> {
  const { gc } = globalThis;
  if (gc === undefined) return null;
  for (let round = 0; round < GC_ROUNDS; round++) {
    await turnOfLoop();
    gc();
  }
  const { heapUsed, rss } = process.memoryUsage();
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  return { heap: heapUsed - code - bytecode, rss };
}

/** Compares what there is with what there was when it was made. */
export class Leftovers {
  readonly #resources = process.getActiveResourcesInfo();
  readonly #processes: readonly number[];

  private constructor(processes: readonly number[]) {
    this.#processes = processes;
  }

  static async since(): Promise<Leftovers> {
    return new Leftovers(await descendantsOf(process.pid));
  }

  /** What is there and was not. */
  async found(): Promise<string[]> {
    const processes = (await descendantsOf(process.pid)).filter((pid) => !this.#processes.includes(pid));
    let resources = this.#added();
    for (let round = 0; round < PATIENCE && resources.length > 0; round++) {
      await turnOfLoop();
      resources = this.#added();
    }
    return [
      ...processes.map((pid) => `process ${pid} is left`),
      ...resources.map((name) => `a handle is left: ${name}`),
    ];
  }

  #added(): string[] {
    const left = [...this.#resources];
    return process.getActiveResourcesInfo().filter((name) => {
      const index = left.indexOf(name);
      if (index !== -1) left.splice(index, 1);
      return index === -1 && !PASSING.has(name);
    });
  }
}

function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
