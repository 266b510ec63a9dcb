/** One of the runtimes that are compared, with everything that is seen of it. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Thread } from "codex-embed";
import { message, startTestCodex, type TestCodex } from "codex-embed/testing";
import { type Fact, type Names, normalize } from "./normalize.js";
import { PROBES, type Probe } from "./probes.js";
import { type Heard, Recorder } from "./recorder.js";
import { described } from "./request.js";

/** A runtime of any version, by its native binary. */
export interface Runtime {
  readonly version: string;
  readonly codexBin: string;
}

/** What was seen of one runtime. */
export interface Side {
  readonly version: string;
  /** By the name of the probe: the messages of each run. */
  readonly runs: ReadonlyMap<string, readonly (readonly Fact[])[]>;
  /** The request to the model: its headers, the members of its body, and the tools. */
  readonly request: readonly Fact[];
  /** The methods of the notifications that belong to no thread. */
  readonly others: readonly string[];
  readonly startMs: readonly number[];
  readonly turnMs: readonly number[];
}

/** Runs every probe `rounds` times on each runtime. The runtimes take turns, so that a busy machine slows all of them. */
export async function observe(runtimes: readonly Runtime[], rounds: number): Promise<Side[]> {
  const sides: OpenSide[] = [];
  try {
    for (const runtime of runtimes) sides.push(await OpenSide.open(runtime));
    for (let round = 0; round < rounds; round++) {
      for (const [name, probe] of Object.entries(PROBES)) for (const side of sides) await side.run(name, probe);
      for (const side of sides) await side.timeStart();
      for (let turn = 0; turn < TURNS_PER_ROUND; turn++) for (const side of sides) await side.timeTurn();
    }
  } finally {
    for (const side of sides) await side.close();
  }
  return sides;
}

const TURNS_PER_ROUND = 5;

class OpenSide implements Side {
  readonly version: string;
  readonly runs = new Map<string, Fact[][]>(Object.keys(PROBES).map((name) => [name, []]));
  readonly startMs: number[] = [];
  readonly turnMs: number[] = [];
  readonly #runtime: Runtime;
  readonly #bench: TestCodex;
  readonly #recorder: Recorder;
  /** For the turns whose time is taken. */
  readonly #thread: Thread;

  private constructor(runtime: Runtime, bench: TestCodex, recorder: Recorder, thread: Thread) {
    this.version = runtime.version;
    this.#runtime = runtime;
    this.#bench = bench;
    this.#recorder = recorder;
    this.#thread = thread;
  }

  static async open(runtime: Runtime): Promise<OpenSide> {
    const recorder = new Recorder();
    const bench = await startTestCodex({ ...optionsOf(runtime), spawn: recorder.spawn });
    return new OpenSide(runtime, bench, recorder, await bench.codex.startThread({ ephemeral: true }));
  }

  get request(): Fact[] {
    const [first] = this.#bench.model.requests;
    return first === undefined ? [] : normalize([{ method: "request", params: described(first) }], this.#names);
  }

  get others(): string[] {
    const others = this.#recorder.heard.filter(({ params }) => threadOf(params) === undefined);
    return [...new Set(others.map(({ method }) => method))].toSorted();
  }

  async run(name: string, probe: Probe): Promise<void> {
    const { codex, model } = this.#bench;
    const begin = this.#recorder.heard.length;
    // A patch of an earlier run would be in the way.
    const cwd = await mkdtemp(join(this.#bench.workspace, "run-"));
    let id = "";
    await probe(async (options, ...steps) => {
      const thread = await codex.startThread({ ...options, cwd });
      id = thread.id;
      model.when((request) => request.threadId === id).enqueue(...steps);
      return thread;
    });
    const heard: Heard[] = this.#recorder.heard.slice(begin).filter(({ params }) => threadOf(params) === id);
    this.runs.get(name)?.push(normalize(heard, new Map([[cwd, "<cwd>"], ...this.#names])));
  }

  async timeStart(): Promise<void> {
    const begin = performance.now();
    await using _started = await startTestCodex(optionsOf(this.#runtime));
    this.startMs.push(performance.now() - begin);
  }

  async timeTurn(): Promise<void> {
    this.#bench.model.when((request) => request.threadId === this.#thread.id).enqueue(message("Hello."));
    const begin = performance.now();
    await this.#thread.run("Hi.");
    this.turnMs.push(performance.now() - begin);
  }

  async close(): Promise<void> {
    await this.#bench.close();
  }

  get #names(): Names {
    const { workspace, codexHome } = this.#bench;
    return new Map([
      [workspace, "<workspace>"],
      [codexHome, "<home>"],
      [this.version, "<version>"],
    ]);
  }
}

function optionsOf({ codexBin }: Runtime) {
  return { codexBin, allowVersionMismatch: true } as const;
}

function threadOf(params: unknown): string | undefined {
  const id = member(params, "threadId") ?? member(member(params, "thread"), "id");
  return typeof id === "string" ? id : undefined;
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
