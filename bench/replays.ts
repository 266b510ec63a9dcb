/** A recorded turn of the runtime, replayed to clients that each run in a process of their own. */

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Spawn } from "codex-embed";
import { message, reasoning, shell, startTestCodex, step, usage } from "codex-embed/testing";
import type { Sample } from "./measure.js";
import { programs, run } from "./programs.js";

const REASONING_DELTAS = 400;
const ANSWER_DELTAS = 2_000;
const WORDS =
  "The tests fail because the parser drops the last line of a file that has no line feed at its end. ".split(/(?<= )/);

/** The clients: see `bench/peers`. */
export type Client = "floor" | "embed" | "watched";

/** What a client tells of a turn. */
export interface Told extends Sample {
  /** How many events its reader saw. */
  readonly events: number;
}

/** A turn as the runtime wrote it. */
interface Traffic {
  /** The results of `initialize`, `thread/start` and `turn/start`, as JSON. */
  readonly results: readonly string[];
  /** The notification that begins the turn, what comes between, and the one that ends it; a line each. */
  readonly started: string;
  readonly body: readonly string[];
  readonly completed: string;
}

export class Replays implements AsyncDisposable {
  /** The notifications between the start and the end of the recorded turn. */
  readonly body: readonly string[];
  readonly #folder: string;
  readonly #path: (name: Client | "replayer") => string;

  private constructor(folder: string, body: readonly string[], path: (name: Client | "replayer") => string) {
    this.#folder = folder;
    this.body = body;
    this.#path = path;
  }

  /** Bundles the clients, records a turn, and writes a replay of this many notifications. */
  static async prepare(count: number): Promise<Replays> {
    const path = await programs("replayer", "floor", "embed", "watched");
    const { results, started, body, completed } = await recordTraffic();
    const folder = await mkdtemp(join(tmpdir(), "codex-embed-bench-"));
    const repeated = Array.from({ length: count - 2 }, (_, index) => body[index % body.length] ?? "");
    await writeFile(join(folder, "results"), JSON.stringify(results));
    await writeFile(join(folder, "flood"), [started, ...repeated, completed, ""].join("\n"));
    return new Replays(folder, body, path);
  }

  /** Has a client read the replay. */
  async run(client: Client): Promise<Told> {
    const files = [join(this.#folder, "results"), join(this.#folder, "flood")];
    const { stdout } = await run(process.execPath, [this.#path(client), this.#path("replayer"), ...files]);
    const told: Told = JSON.parse(stdout);
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

/** Has the runtime think, run a command and write a long answer, and keeps what it says. */
async function recordTraffic(): Promise<Traffic> {
  const chunks: Buffer[] = [];
  await using bench = await startTestCodex({ spawn: teed(chunks) });
  bench.model.enqueue(
    step(reasoning({ summary: [words(REASONING_DELTAS)] }), shell("seq 1 100")),
    step(message({ deltas: words(ANSWER_DELTAS) }), usage({ input: 900, output: ANSWER_DELTAS })),
  );
  const thread = await bench.codex.startThread();
  const { id } = await thread.run("Find out why the tests fail.");
  await bench.codex.close();
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  // The user's message names the client that sent it: to another client the turn would be a stranger's.
  const notifications = lines.filter(
    (line) => line.startsWith('{"method":') && line.includes(id) && !line.includes('"type":"userMessage"'),
  );
  const started = notifications.findIndex((line) => line.startsWith('{"method":"turn/started"'));
  const completed = notifications.findIndex((line) => line.startsWith('{"method":"turn/completed"'));
  const results = lines.flatMap((line) => /^\{"id":\d+,"result":(.*)\}$/.exec(line)?.[1] ?? []);
  return {
    results: ['{"userAgent":', '{"thread":', '{"turn":'].map(
      (start) => results.find((result) => result.startsWith(start)) ?? "{}",
    ),
    started: notifications[started] ?? "",
    body: notifications.slice(started + 1, completed),
    completed: notifications[completed] ?? "",
  };
}

/** Starts the runtime as it is, and keeps every byte that it writes. */
function teed(chunks: Buffer[]): Spawn {
  return ({ command, args, cwd, env }) => {
    const child = spawn(command, args, { cwd, env, stdio: "pipe" });
    const stdout = new PassThrough();
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk)).pipe(stdout);
    return Object.assign(child, { stdout });
  };
}

/** The words, over and over. */
function words(count: number): string[] {
  return Array.from({ length: count }, (_, index) => WORDS[index % WORDS.length] ?? "");
}
