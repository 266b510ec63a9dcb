/** `npm run bench`: all measurements, or those that are named. Writes their tables into docs/performance.md. */

import { parseArgs } from "node:util";
import type { Measured } from "./measure.js";
import { tablesOf, writePage } from "./page.js";

const BENCHES: Readonly<Record<string, () => Promise<Measured>>> = {
  notifications: async () => (await import("./notifications.js")).notifications(),
  turn: async () => (await import("./turn.js")).turn(),
  exec: async () => (await import("./exec.js")).exec(),
  requests: async () => (await import("./requests.js")).requests(),
  guards: async () => (await import("./guards.js")).guards(),
  startup: async () => (await import("./startup.js")).startup(),
  reconnect: async () => (await import("./reconnect.js")).reconnect(),
  memory: async () => (await import("./memory.js")).memory(),
};

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  console.error(`Unknown measurement: ${unknown.join(", ")}. Known: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.log(`\n## ${name}\n`);
    const tables = tablesOf(await run());
    console.log(tables);
    writePage(name, tables);
  }
}
