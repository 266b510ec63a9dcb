/** `npm run runtime:update -- VERSION|latest`: moves this repository to another runtime, and says what is left to do. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { versions } from "./release/repository.js";
import { makeMove, mentionsOf, prepareMove } from "./runtime/move.js";
import { printReport } from "./runtime/report.js";
import { dropState, loadState, reportUrl, saveState, type UpdateState } from "./runtime/state.js";
import { verify } from "./runtime/verify.js";

const USAGE = `npm run runtime:update -- VERSION|latest   move to another runtime
npm run runtime:update -- --continue       check again, after what was left has been done
  --no-test       leave the tests out
  --report FILE   write the report there`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    continue: { type: "boolean", default: false },
    "no-test": { type: "boolean", default: false },
    report: { type: "string" },
  },
});
const [requested] = positionals;
if (positionals.length > 1 || (requested === undefined) !== values.continue) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    const state = requested === undefined ? resume() : await begin(requested);
    if (state !== null) finish(state);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

async function begin(version: string): Promise<UpdateState | null> {
  const move = await prepareMove(version);
  if (move === null) {
    console.log(`The runtime ${versions().runtime} is pinned already. Nothing to do.`);
    return null;
  }
  const state = makeMove(move);
  saveState(state);
  return state;
}

function resume(): UpdateState {
  const state = loadState();
  const { runtime } = versions();
  if (runtime === state.to) return state;
  throw new Error(
    `The update went to ${state.to}, but ${runtime} is pinned. Begin again: npm run runtime:update -- latest`,
  );
}

function finish({ from, to, decisions, rewritten, difference }: UpdateState): void {
  const failures = verify({ withTests: !values["no-test"] });
  const mentions = mentionsOf(from);
  const path = values.report === undefined ? fileURLToPath(reportUrl(from, to)) : resolve(values.report);
  writeFileSync(path, printReport({ from, to, failures, decisions, rewritten, mentions, difference }));
  if (failures.length === 0) dropState();
  else process.exitCode = 1;
  for (const { step, what } of failures) console.log(`- ${step}: ${what}`);
  const result =
    failures.length === 0
      ? `The runtime is ${to} now, and nothing fails${values["no-test"] ? "; the tests were left out" : ""}.`
      : `The runtime is ${to} now. ${failures.length} things fail: put them right, then run npm run runtime:update -- --continue`;
  console.log(`${result}\nThe difference, and what is left to do by hand: ${path}`);
}
