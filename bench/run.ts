/** Owns the command `npm run bench`: all measurements, or those that are named. */

import { parseArgs } from "node:util";

const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  surfaces: () => import("./surfaces.js"),
};

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  console.error(`There is no measurement ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.log(`\n${name}\n`);
    await run();
  }
}
