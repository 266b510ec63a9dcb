/**
 * Runs the end-to-end tests on several runtimes, and holds what fails against the differences that are declared. Without
 * versions: on every tested one. `--write` writes the table of docs/compatibility.md, `--judge` runs nothing and takes the
 * reports of the last runs.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RUNTIME_VERSION } from "../packages/codex-embed/src/protocol/generated/tables.js";
import { SUPPORTED_RUNTIMES } from "../packages/codex-embed/src/protocol/runtimes.js";
import { DIFFERENCES } from "../packages/codex-embed/test/support/differences.js";
import { between } from "./markers.js";
import { type Column, columnOf, merged, type Outcomes, outcomesOf, table } from "./runtimes/report.js";
import { installRuntime, runtimesFolder } from "./shared/runtimes.js";

const TESTS = "packages/codex-embed/test/e2e";
/** The first three choose their runtimes themselves; the others measure the client, at length. */
const LEFT_OUT = ["contract.test.ts", "floor.test.ts", "olderRuntime.test.ts", "load.test.ts", "soak.test.ts"];
/** What to do about a test that contradicts the declared differences. */
const ADVICE = {
  failed: "Fails: fix it, or declare the difference in test/support/differences.ts",
  passed: "Passes: correct its row in test/support/differences.ts",
  missing: "No such test: correct its row in test/support/differences.ts",
} as const;
const root = fileURLToPath(new URL("../", import.meta.url));
const page = new URL("../docs/compatibility.md", import.meta.url);
const reports = join(runtimesFolder(), "reports");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false }, judge: { type: "boolean", default: false } },
});
const { tested } = SUPPORTED_RUNTIMES;
const versions = positionals.length === 0 ? tested : positionals;
if (values.write && tested.join() !== versions.join()) {
  throw new Error(`--write needs all tested runtimes: ${tested.join(", ")}. Leave out the versions.`);
}

mkdirSync(reports, { recursive: true });
const columns: Column[] = [];
for (const version of versions) {
  const column = columnOf(version, await outcomesOn(version), DIFFERENCES);
  columns.push(column);
  console.log(`${version}: ${column.passed} of ${column.total} tests pass.`);
  for (const { test, kind } of column.problems) console.log(`  ${ADVICE[kind]}: ${test}`);
}
if (columns.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
else if (values.write) {
  const date = new Date().toISOString().slice(0, 10);
  const run = `Run on ${date} with \`npm run test:runtimes\` (${process.platform}, ${process.arch}, Node ${process.version}).`;
  writeFileSync(page, between(readFileSync(page, "utf8"), "runtimes", `${run}\n\n${table(columns, DIFFERENCES)}`));
}

async function outcomesOn(version: string): Promise<Outcomes> {
  const report = join(reports, `${version}.json`);
  const again = join(reports, `${version}-again.json`);
  if (!values.judge) {
    rmSync(again, { force: true });
    await runTests(version, report, [TESTS]);
    const { problems } = columnOf(version, read(report), DIFFERENCES);
    const failed = problems.flatMap(({ test, kind }) => (kind === "failed" ? (test.split(" > ")[0] ?? []) : []));
    const files = [...new Set(failed)].map((file) => `${TESTS}/${file}`);
    if (files.length > 0) await runTests(version, again, files);
  }
  return existsSync(again) ? merged(read(report), read(again)) : read(report);
}

function read(report: string): Outcomes {
  return outcomesOf(JSON.parse(readFileSync(report, "utf8")));
}

async function runTests(version: string, report: string, files: readonly string[]): Promise<void> {
  const left = LEFT_OUT.flatMap((file) => ["--exclude", `**/${file}`]);
  const output = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  const binary = version === RUNTIME_VERSION ? "" : await installRuntime(version);
  // It exits with 1 when a test fails: the report tells which.
  spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", ...files, ...left, ...output], {
    cwd: root,
    env: { ...process.env, CODEX_BIN: binary, CODEX_TEST_RUNTIME: version },
    stdio: ["ignore", "inherit", "inherit"],
  });
}
