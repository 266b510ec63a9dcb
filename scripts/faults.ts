/** The command that causes every fault of the matrix for real, and says what its user gets. */

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { parseArgs } from "node:util";
import { matrix } from "./faults/matrix.js";
import { type Measured, measure } from "./faults/measure.js";
import { COLUMNS } from "./faults/stage.js";
import { line, type MeasuredRow, table } from "./faults/table.js";
import { between } from "./markers.js";

const CUT_MS = 5_000;
const documentation = new URL("../docs/reliability.md", import.meta.url);

const { values } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});

if (type() !== "Linux") throw new Error("The matrix looks at processes by /proc: run it on Linux.");

const rows: MeasuredRow[] = [];
let failures = 0;
for (const row of await matrix()) {
  if (!row.fault.includes(values.only)) continue;
  const cells: MeasuredRow["cells"][number][] = [];
  for (const column of COLUMNS) {
    const cases = row.cases(column);
    if (typeof cases === "string") {
      cells.push(cases);
      continue;
    }
    const measured: Measured[] = [];
    for (const each of cases) {
      const place = `${row.fault}, ${column}`;
      try {
        const seen = await measure(column, each, CUT_MS);
        measured.push(seen);
        console.error(`${place}: ${line(seen)}`);
        for (const fault of seen.faults) console.error(`  WRONG: ${fault}`);
        failures += seen.faults.length;
      } catch (error) {
        failures += 1;
        console.error(`${place}, ${each.mode}: WRONG:`, error);
      }
    }
    cells.push(measured);
  }
  rows.push({ fault: row.fault, cells });
}

const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus().length} cores, ${type()} ${release().split("-")[0]}, Node ${process.version}`;
const text = `Measured on ${date} with \`npm run faults -- --write\` (${machine}).\n\n${table(rows)}`;
console.log(text);
if (values.write && failures === 0 && values.only === "") {
  writeFileSync(documentation, between(readFileSync(documentation, "utf8"), "faults", text));
}
if (failures > 0) console.error(`\n${failures} findings; nothing was written.`);
process.exitCode = failures === 0 ? 0 : 1;
