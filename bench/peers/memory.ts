/** Takes a flood of text and tells what memory that took. */

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Codex, type TurnHandle } from "codex-embed";

const [scene, ...flood] = process.argv.slice(2);
const peer = ["--import", "tsx", fileURLToPath(new URL("fakeRuntime.ts", import.meta.url)), ...flood];
const MB = 1024 * 1024;

const codex = await Codex.launch({
  codexBin: process.execPath,
  launchArgs: peer,
  env: { PATH: process.env["PATH"] ?? "" },
});
const thread = await codex.startThread();
const before = used();
const most = { ...before };
const timer = setInterval(() => {
  const { heapUsed, rss } = process.memoryUsage();
  most.heapUsed = Math.max(most.heapUsed, heapUsed);
  most.rss = Math.max(most.rss, rss);
}, 2);
const text = await runTurn();
clearInterval(timer);
await sleep(100);
const left = used();
const grown = { heap: most.heapUsed - before.heapUsed, rss: most.rss - before.rss };
const inMb = { ...grown, ...text, left: left.heapUsed - before.heapUsed };
console.log(JSON.stringify(Object.fromEntries(Object.entries(inMb).map(([name, bytes]) => [name, bytes / MB]))));
await codex.close();

/** The handle is known here alone. */
async function runTurn(): Promise<{ text: number; held: number }> {
  const turn = await thread.startTurn("Go.");
  const readers = scene === "2" ? Array.from({ length: 8 }, () => read(turn)) : scene === "1" ? [readSlowly(turn)] : [];
  await Promise.all([turn.result(), ...readers]);
  const held = used().heapUsed - before.heapUsed;
  const { items } = await turn.result();
  const lengths = items.map((item) => (item.type === "agentMessage" ? item.text.length : 0));
  return { text: lengths.reduce((sum, length) => sum + length, 0), held };
}

async function read(turn: TurnHandle): Promise<void> {
  for await (const _ of turn);
}

/** Takes its time at each event, in which many more come. */
async function readSlowly(turn: TurnHandle): Promise<void> {
  for await (const _ of turn) await sleep(20);
}

function used(): { heapUsed: number; rss: number } {
  globalThis.gc?.();
  return process.memoryUsage();
}
