/** The rows of too much at once: on stderr, on stdout, and for a reader that does not read. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gate, message } from "codex-embed/testing";
import { type Case, named, type Row, rejected } from "./cases.js";

const NOISE_BYTES = 64 * 1024 * 1024;
const DELTAS = 5_000;
const BUFFER_BYTES = 20_000;

const noise = `yes "no news is good news" | head -c ${NOISE_BYTES}; echo`;

/** Noise ahead of everything that the runtime says; the time is that of the start and the turn. */
const noisyStart: Case = {
  mode: "64 MiB of noise first",
  expected: "turn `completed`",
  options: { wrapper: `${noise}\nexec "$RUNTIME" "$@"` },
  run: async (stage) => {
    const at = performance.now();
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    const { status } = await thread.run("Go.");
    return { outcome: `turn \`${status}\``, ms: performance.now() - at, errors: [] };
  },
};

/** Noise from the moment at which the turn begins: before, a server tells its address on stderr. */
const noisyTurn: Case = {
  mode: "64 MiB of noise",
  expected: "turn `completed`",
  options: {
    wrapper: `{ until [ -e "$CODEX_HOME/noise" ]; do sleep 0.02; done; ${noise}; } >&2 &\nexec "$RUNTIME" "$@"`,
  },
  run: async (stage) => {
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    const at = performance.now();
    await writeFile(join(stage.home.codexHome, "noise"), "");
    const { status } = await thread.run("Go.");
    return { outcome: `turn \`${status}\``, ms: performance.now() - at, errors: [] };
  },
};

const pieces = Array.from({ length: DELTAS }, (_, index) => `piece ${index} `);

const manyDeltas: Case = {
  mode: `${DELTAS} deltas`,
  expected: "turn `completed`, text whole",
  run: async (stage) => {
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    stage.model.enqueue(message({ deltas: pieces }));
    const at = performance.now();
    const turn = await thread.startTurn("Go.");
    let text = "";
    for await (const piece of turn.textStream()) text += piece;
    const { status } = await turn.result();
    const isWhole = text === pieces.join("");
    return {
      outcome: `turn \`${status}\`, text ${isWhole ? "whole" : "broken"}`,
      ms: performance.now() - at,
      errors: [],
    };
  },
};

const slowReader: Case = {
  mode: `streamBufferBytes: ${BUFFER_BYTES}`,
  expected: "reader: `StreamOverflowError`; turn `completed`, text whole",
  options: { client: { streamBufferBytes: BUFFER_BYTES } },
  run: async (stage) => {
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    const begun = gate();
    stage.model.enqueue(message({ deltas: ["", begun, ...pieces] }));
    const turn = await thread.startTurn("Go.");
    const reader = turn[Symbol.asyncIterator]();
    await reader.next();
    begun.open();
    // The reader reads nothing until the turn has ended.
    const { status, finalResponse } = await turn.result();
    const at = performance.now();
    const error = await rejected(
      (async () => {
        while ((await reader.next()).done !== true);
      })(),
    );
    const text = finalResponse === pieces.join("") ? "whole" : "broken";
    return {
      outcome: `reader: ${named(error)}; turn \`${status}\`, text ${text}`,
      ms: performance.now() - at,
      errors: [error],
    };
  },
};

/** The rows, in the order of the table. */
export const floods: readonly Row[] = [
  { fault: "floods stderr", cases: () => [noisyTurn] },
  { fault: "floods stdout", cases: (column) => (column === "stdio" ? [manyDeltas, noisyStart] : [manyDeltas]) },
  { fault: "slow reader of events", cases: () => [slowReader] },
];
