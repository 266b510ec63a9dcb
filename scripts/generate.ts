/** The command that writes `src/protocol/generated` from the pinned runtime, or with `--check` says what is out of date. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { since, sinceRuntimes } from "../packages/codex-embed/src/protocol/generated/since.js";
import { GENERATED, makeModules } from "./generate/modules.js";
import { readRuntime } from "./generate/runtime.js";
import { requestFacts, sinceProblems } from "./generate/since.js";

const projectUrl = new URL("../", import.meta.url);
const outUrl = new URL(GENERATED, projectUrl);

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const runtime = readRuntime(projectUrl);
const { files, types, problems } = makeModules(runtime);
const stale = [...files].filter(([name, text]) => {
  const url = new URL(name, outUrl);
  return !existsSync(url) || readFileSync(url, "utf8") !== text;
});

if (stale.length === 0) {
  console.log("src/protocol/generated is up to date.");
} else if (values.check) {
  for (const [name] of stale) {
    console.error(`src/protocol/generated/${name} is not what the pinned runtime gives: run \`npm run generate\`.`);
  }
  process.exitCode = 1;
} else {
  mkdirSync(outUrl, { recursive: true });
  for (const [name, text] of stale) {
    writeFileSync(new URL(name, outUrl), text);
    console.log(`Wrote src/protocol/generated/${name}.`);
  }
}
const gaps = sinceProblems({ runtimes: sinceRuntimes, table: since }, runtime.version, requestFacts(types));
if (gaps.length > 0) {
  console.error("src/protocol/generated/since.ts does not fit the pinned runtime: run `npm run generate:since`.");
  for (const gap of gaps) console.error(`- since.ts: ${gap}`);
  if (values.check) process.exitCode = 1;
}
if (problems.length > 0) {
  console.error(`To be put right in scripts/generate:\n${problems.map((each) => `- ${each}`).join("\n")}`);
  process.exitCode = 1;
}
