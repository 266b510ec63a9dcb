/** Owns the replays of a measurement: what is written to the clients, and how these are run, a process each time. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sample } from "./measure.js";
import { programs, run } from "./programs.js";
import { recordTraffic, type Traffic } from "./traffic.js";
import { framed, lines } from "./wireForms.js";

/** The clients: see `bench/peers`. */
export type Client = "floor" | "embed" | "readline" | "vscodeJsonrpc";

/** What a client says of a turn. */
export interface Told extends Sample {
  /** How many events its reader saw. */
  readonly events: number;
}

const FORMS = { lines, framed };

/** The recorded turn, and a folder of what is replayed. */
export class Replays implements AsyncDisposable {
  readonly traffic: Traffic;
  readonly #folder: string;
  readonly #path: (name: Client | "replayer") => string;

  private constructor(folder: string, traffic: Traffic, path: (name: Client | "replayer") => string) {
    this.#folder = folder;
    this.traffic = traffic;
    this.#path = path;
  }

  /** Bundles the clients and records the turn. */
  static async prepare(...clients: readonly Client[]): Promise<Replays> {
    const path = await programs("replayer", ...clients);
    const traffic = await recordTraffic();
    const folder = await mkdtemp(join(tmpdir(), "codex-embed-bench-"));
    await writeFile(join(folder, "results"), JSON.stringify(traffic.results));
    return new Replays(folder, traffic, path);
  }

  /** Writes down what is replayed under a name, in the forms of all clients. */
  async write(name: string, messages: readonly string[]): Promise<void> {
    for (const [form, text] of Object.entries(FORMS)) await writeFile(this.#file(name, form), text(messages));
  }

  /** The command line that has a client read a replay, without Node itself. */
  commandLine(client: Client, name: string): string[] {
    const form = client === "vscodeJsonrpc" ? "framed" : "lines";
    return [this.#path(client), this.#path("replayer"), join(this.#folder, "results"), this.#file(name, form), form];
  }

  /** Has a client read a replay. */
  async run(client: Client, name: string): Promise<Told> {
    const { stdout } = await run(process.execPath, this.commandLine(client, name));
    const told: Told = JSON.parse(stdout);
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  #file(name: string, form: string): string {
    return join(this.#folder, `${name}.${form}`);
  }
}
