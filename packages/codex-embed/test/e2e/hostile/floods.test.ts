/** Repeats that what a client has not asked for takes no memory for good, and costs nothing of what it waits for. */

import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Codex, type HandlerErrorEvent } from "codex-embed";
import { expect, test } from "vitest";
import { nextNotification } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const codexBin = fileURLToPath(new URL("../../fixtures/floodRuntime.mjs", import.meta.url));
const COUNT = 10_000;
const MEBIBYTE = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

function heapBytes(): number {
  if (typeof collect !== "function") throw new Error("There is no garbage collector to call.");
  collect();
  return process.memoryUsage().heapUsed;
}

/** A client of the flood, with a turn that it waits for and a thread in which nothing goes on. */
async function bench() {
  const declined: HandlerErrorEvent["params"][] = [];
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const codex = await Codex.launch({
    codexBin,
    env: { FLOOD_COUNT: String(COUNT) },
    logger: silent,
    handlers: {
      approveCommand: ({ command }) => (command === "accept" ? "accept" : new Promise(() => {})),
      approveFileChange: () => "accept",
    },
  });
  codex.on("handlerError", ({ params }) => void declined.push(params));
  await codex.startThread({ serviceName: "idle" });
  const thread = await codex.startThread();
  const turn = await thread.startTurn("Go.");
  return { codex, turn, declined };
}

test.each<[kind: string, limitBytes: number]>([
  ["threads with a turn", 3 * MEBIBYTE],
  ["turns of one unknown thread", 1.5 * MEBIBYTE],
  ["turns of a known thread", 1.5 * MEBIBYTE],
  ["large events of unknown threads", 16 * MEBIBYTE],
  ["file changes of unknown threads", 8 * MEBIBYTE],
  ["file changes of a known turn", 16 * MEBIBYTE],
  ["token counts of unknown threads", 1.5 * MEBIBYTE],
  ["settings of unknown threads", 0.7 * MEBIBYTE],
  ["agents named in a known turn", 8 * MEBIBYTE],
  ["requests that nobody answers", 4 * MEBIBYTE],
  ["requests that are answered", 6 * MEBIBYTE],
  ["requests of a known turn", 6 * MEBIBYTE],
])("a flood of %s", async (searchTerm, limitBytes) => {
  verifies("unwanted-messages");
  const { codex, turn, declined } = await bench();
  await using _codex = codex;
  const isPending = searchTerm === "requests that nobody answers";
  const before = heapBytes();
  await codex.listThreads({ searchTerm });
  if (searchTerm.startsWith("requests")) {
    const expected = isPending ? COUNT - 256 : COUNT;
    const answers = async () => Number((await codex.request("thread/loaded/list", {})).data[0]);
    while ((await answers()) < expected);
    expect(await answers()).toBe(expected);
    if (searchTerm !== "requests that are answered") expect(declined).toHaveLength(isPending ? expected : 0);
    declined.length = 0;
  }
  const grown = heapBytes() - before;
  expect(grown).toBeLessThan(limitBytes);
  const ended = nextNotification(codex, "turn/completed");
  await turn.steer("Tell me.");
  await ended;
  expect((await turn.result()).finalResponse).toBe("All of it.");
});
