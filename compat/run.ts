/** The command that tries the packed package wherever it is promised to work; each argument narrows it by name. */

import { readFileSync, writeFileSync } from "node:fs";
import { arch, release, type } from "node:os";
import { parseArgs } from "node:util";
import { between } from "../scripts/markers.js";
import { Bench, type Trial } from "./bench.js";
import { bundlers } from "./bundlers.js";
import { layouts } from "./layouts.js";
import { managers } from "./managers.js";
import { next } from "./next.js";
import { nodes } from "./nodes.js";
import { typescripts } from "./typescripts.js";

const TRIALS: readonly Trial[] = [...nodes, ...typescripts, ...layouts, ...bundlers, ...next, ...managers];
const documentation = new URL("../docs/compatibility.md", import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});

const chosen = TRIALS.filter(({ name }) => {
  return positionals.length === 0 || positionals.some((word) => name.toLowerCase().includes(word.toLowerCase()));
});
if (chosen.length === 0)
  throw new Error(`No trial has such a name. There are: ${TRIALS.map(({ name }) => name).join("; ")}`);

const rows: string[] = [];
let failures = 0;
const bench = await Bench.open();
try {
  for (const trial of chosen) {
    const from = performance.now();
    let result: string;
    try {
      result = await trial.run(bench);
    } catch (error) {
      failures += 1;
      result = "**failed**";
      console.error(`${trial.name} FAILED:`, error);
    }
    const seconds = ((performance.now() - from) / 1_000).toFixed(1);
    console.error(`${trial.name}: ${result} (${seconds} s)`);
    rows.push(`| ${trial.name} | ${trial.what} | ${result} | ${seconds} |`);
  }
} finally {
  bench.close();
}

const date = new Date().toISOString().slice(0, 10);
const machine = `${type()} ${release().split("-")[0]}, ${arch()}, Node ${process.version}`;
const text = [
  `Tried on ${date} with \`npm run compat\` (${machine}).`,
  "",
  "| case | what was done | result | seconds |",
  "|---|---|---|---|",
  ...rows,
].join("\n");
console.log(text);
if (values.write && failures === 0 && positionals.length === 0) {
  writeFileSync(documentation, between(readFileSync(documentation, "utf8"), "compat", text));
}
if (failures > 0) console.error(`\n${failures} of ${chosen.length} failed; nothing was written.`);
process.exitCode = failures === 0 ? 0 : 1;
