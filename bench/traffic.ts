/** Owns the traffic that is replayed: a real turn of the runtime, recorded when the measurement begins. */

import { message, reasoning, shell, startTestCodex, step, usage } from "codex-embed/testing";
import { teed } from "../scripts/shared/teed.js";

const REASONING_DELTAS = 400;
const ANSWER_DELTAS = 2_000;
const WORDS =
  "The tests fail because the parser drops the last line of a file that has no line feed at its end. ".split(/(?<= )/);

/** A turn as the runtime wrote it. */
export interface Traffic {
  /** The results of the requests that begin a turn, as JSON, in the order in which they are made. */
  readonly results: readonly string[];
  /** The notification that begins the turn, what comes between, and the one that ends it; a line each. */
  readonly started: string;
  readonly body: readonly string[];
  readonly completed: string;
}

/** Has the runtime think, run a command and write a long answer, and keeps what it says. */
export async function recordTraffic(): Promise<Traffic> {
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
  const notifications = lines.filter((line) => line.startsWith('{"method":') && line.includes(id));
  const started = notifications.findIndex((line) => line.startsWith('{"method":"turn/started"'));
  const completed = notifications.findIndex((line) => line.startsWith('{"method":"turn/completed"'));
  return {
    results: lines.flatMap((line) => /^\{"id":\d+,"result":(.*)\}$/.exec(line)?.[1] ?? []),
    started: notifications[started] ?? "",
    body: notifications.slice(started + 1, completed),
    completed: notifications[completed] ?? "",
  };
}

/** The lines of a turn of this many notifications: what came between its ends is repeated. */
export function turnOf({ started, body, completed }: Traffic, count: number): string[] {
  const between = Array.from({ length: count - 2 }, (_, index) => body[index % body.length] ?? "");
  return [started, ...between, completed];
}

/** The words, over and over. */
function words(count: number): string[] {
  return Array.from({ length: count }, (_, index) => WORDS[index % WORDS.length] ?? "");
}
