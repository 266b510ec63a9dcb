/** `npm run soak`: thousands of turns while the runtime crashes and connections break. Prints figures and what was wrong. */

import { parseArgs } from "node:util";
import { isOver, soak } from "./soak/run.js";

const MOST_SHOWN = 10;

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "10000" },
    threads: { type: "string", default: "32" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    over: { type: "string", default: "stdio" },
  },
});

const [turns, threads, seed] = [values.turns, values.threads, values.seed].map(integer);
const { over } = values;
if (!isOver(over)) throw new Error(`--over must be stdio or ws, not ${over}.`);
if (turns === undefined || threads === undefined || seed === undefined) throw new Error("An option is missing.");
console.log(`npm run soak -- --turns ${turns} --threads ${threads} --seed ${seed} --over ${over}`);
const onLap = (done: number): void => console.log(`${done} turns`);
const { figures, findings } = await soak({ turns, threads, seed, over, onLap });
for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(32)}${figure}`);
for (const finding of findings.slice(0, MOST_SHOWN)) console.error(`\n${finding}\n  seed ${seed}`);
process.exitCode = findings.length === 0 ? 0 : 1;

function integer(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${text} is not an integer ≥ 0.`);
  return number;
}
