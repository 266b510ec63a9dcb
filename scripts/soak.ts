/** The command that runs thousands of turns while the runtime crashes and connections break, and says what was wrong. */

import { parseArgs } from "node:util";
import type { Over } from "./soak/place.js";
import { soak } from "./soak/run.js";

const MOST_SHOWN = 10;

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "10000" },
    threads: { type: "string", default: "32" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    over: { type: "string", default: "stdio" },
    "incident-every": { type: "string" },
  },
});

const turns = wholeNumber(values.turns);
const threads = wholeNumber(values.threads);
const seed = wholeNumber(values.seed);
const over = transport(values.over);
const every = values["incident-every"];
const turnsPerIncident = every === undefined ? undefined : wholeNumber(every);
const more = turnsPerIncident === undefined ? "" : ` --incident-every ${turnsPerIncident}`;
console.log(`npm run soak -- --turns ${turns} --threads ${threads} --seed ${seed} --over ${over}${more}`);
const { figures, findings } = await soak({
  turns,
  threads,
  seed,
  over,
  turnsPerIncident,
  onLap: (done, heap) => console.log(`${done} turns, heap ${heap}`),
});
for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(32)}${figure}`);
for (const { what, script } of findings.slice(0, MOST_SHOWN)) {
  console.error(`\n${what}\n  seed ${seed}${script === null ? "" : `, turn ${JSON.stringify(script)}`}`);
}
process.exitCode = findings.length === 0 ? 0 : 1;

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${text} is not a whole number.`);
  return number;
}

function transport(name: string): Over {
  if (name === "stdio" || name === "ws") return name;
  throw new Error(`--over takes stdio or ws, not ${name}.`);
}
