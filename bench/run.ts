/** Owns the command `npm run bench`: all measurements, or those that are named. */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Measured } from "./measure.js";
import { reportTables, writePage } from "./page.js";
import { type Report, readResults, regressions, writeResults } from "./results.js";

const BENCHES: Readonly<Record<string, () => Promise<Measured>>> = {
  notifications: async () => (await import("./notifications.js")).notifications(),
  lines: async () => (await import("./lines.js")).lines(),
  turn: async () => (await import("./turn.js")).turn(),
  exec: async () => (await import("./exec.js")).exec(),
  concurrency: async () => (await import("./concurrency.js")).concurrency(),
  requests: async () => (await import("./requests.js")).requests(),
  startup: async () => (await import("./startup.js")).startup(),
  reconnect: async () => (await import("./reconnect.js")).reconnect(),
  memory: async () => (await import("./memory.js")).memory(),
  interrupt: async () => (await import("./interrupt.js")).interrupt(),
  package: async () => (await import("./package.js")).packageSizes(),
};

const RESULTS = fileURLToPath(new URL("results.json", import.meta.url));
const PAGE = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const FLAME = fileURLToPath(new URL("../docs/images/flame.svg", import.meta.url));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: "string" }, flame: { type: "boolean", default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
const before = values.compare === undefined ? undefined : readResults(values.compare);
if (unknown.length > 0) {
  console.error(`There is no measurement ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 2;
} else if (values.compare !== undefined && before === undefined) {
  console.error(`There are no results in ${values.compare} to compare with.`);
  process.exitCode = 2;
} else if (values.flame) {
  await (await import("./flame.js")).flame(FLAME);
} else {
  const reports: Report[] = [];
  for (const [name, run] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.log(`\n## ${name}\n`);
    const { races, notes = [] } = await run();
    const report = { name, date: new Date().toISOString().slice(0, 10), races, notes };
    console.log(reportTables(report));
    reports.push(report);
  }
  if (before === undefined) writePage(PAGE, writeResults(RESULTS, reports, Object.keys(BENCHES)));
  else tell(regressions(before, reports));
}

function tell(lines: readonly string[]): void {
  console.log(
    lines.length === 0 ? "\nNothing became worse by more than the noise." : "\nWorse by more than the noise:",
  );
  for (const line of lines) console.log(`- ${line}`);
  if (lines.length > 0) process.exitCode = 1;
}
