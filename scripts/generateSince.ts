/**
 * The command that writes `src/protocol/generated/since.ts`: what each runtime of the supported range added to the requests.
 * It takes the committed table and adds the runtimes that it does not have; `--all` compares all of them again, which
 * downloads 250 MB for each minor version.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { since, sinceRuntimes } from "../packages/codex-embed/src/protocol/generated/since.js";
import { compareVersions, SUPPORTED_RUNTIMES } from "../packages/codex-embed/src/protocol/runtimes.js";
import { flatten } from "./generate/flatten.js";
import { readBinary } from "./generate/runtime.js";
import { extendSince, firstSince, printSince, type RequestFacts, requestFacts } from "./generate/since.js";
import { installRuntime, publishedRuntimes } from "./shared/runtimes.js";

const { values } = parseArgs({ options: { all: { type: "boolean", default: false } } });
const { oldest, newest } = SUPPORTED_RUNTIMES;
const [first, last = oldest] = [sinceRuntimes[0], sinceRuntimes.at(-1)];
const isKept = !values.all && first === oldest && compareVersions(last, newest) <= 0;
const from = isKept ? last : oldest;
const missing = await releasesAfter(from);

if (isKept && missing.length === 0) {
  console.log(`src/protocol/generated/since.ts has the runtimes from ${oldest} to ${newest}.`);
} else {
  let before = await factsOf(from);
  let table = isKept ? { runtimes: sinceRuntimes, table: since } : firstSince(from, before);
  for (const version of missing) {
    const after = await factsOf(version);
    table = extendSince(table, before, version, after);
    before = after;
  }
  writeFileSync(new URL("../packages/codex-embed/src/protocol/generated/since.ts", import.meta.url), printSince(table));
  console.log("Wrote src/protocol/generated/since.ts.");
}

/** The first published release of each minor version after this one, and at last the pinned release. */
async function releasesAfter(version: string): Promise<string[]> {
  if (version === newest) return [];
  const lines = new Map([version, newest].map((known) => [lineOf(known), known]));
  for (const release of (await publishedRuntimes()).sort(compareVersions)) {
    const isBetween = compareVersions(release, version) > 0 && compareVersions(release, newest) < 0;
    if (isBetween && !lines.has(lineOf(release))) lines.set(lineOf(release), release);
  }
  return [...new Set([...lines.values(), newest])].filter((each) => each !== version).sort(compareVersions);
}

function lineOf(version: string): string {
  return version.replace(/\.\d+$/, "");
}

async function factsOf(version: string): Promise<RequestFacts> {
  console.log(`Reading the requests of ${version}`);
  return requestFacts(flatten(readBinary(await installRuntime(version)).files));
}
