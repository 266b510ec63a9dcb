/** `npm run runtime:facts -- A B`: runs two runtimes side by side, and prints what they do differently. */

import { parseArgs } from "node:util";
import { leastDifference, sharedLines } from "./facts/compare.js";
import { PROBES } from "./facts/probes.js";
import { observe, type Side } from "./facts/side.js";
import { installRuntime } from "./shared/runtimes.js";

const USAGE = `npm run runtime:facts -- A B   compares the runtimes A and B, such as 0.169.0 and 0.171.0
  --rounds N   how often each probe runs on each side (default 3)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" } },
});
const [from, to] = positionals;
const rounds = Number(values.rounds);
if (from === undefined || to === undefined || positionals.length > 2 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const runtimes = [
    { version: from, codexBin: await installRuntime(from) },
    { version: to, codexBin: await installRuntime(to) },
  ];
  console.error(`${Object.keys(PROBES).length} probes, ${rounds} rounds, the runtimes in turns`);
  const [left, right] = await observe(runtimes, rounds);
  if (left !== undefined && right !== undefined) console.log(printFacts(left, right));
}

function printFacts(left: Side, right: Side): string {
  const lines = [
    `# ${left.version} and ${right.version} side by side`,
    "",
    `\`-\` only ${left.version} sends it, \`+\` only ${right.version}, \`~\` a value differs.`,
    "",
  ];
  const differences = new Map(
    Object.keys(PROBES).map((name) => [name, leastDifference(left.runs.get(name) ?? [], right.runs.get(name) ?? [])]),
  );
  differences.set("the request to the model", leastDifference([left.request], [right.request]));
  differences.set("notifications of no thread", [
    ...left.others.filter((method) => !right.others.includes(method)).map((method) => `- ${method}`),
    ...right.others.filter((method) => !left.others.includes(method)).map((method) => `+ ${method}`),
  ]);
  const shared = sharedLines([...differences.values()]);
  const tell = (title: string, difference: readonly string[]): void => {
    if (difference.length > 0) lines.push(`## ${title}`, "", "```diff", ...difference, "```", "");
  };
  tell("In several probes", [...shared]);
  for (const [name, difference] of differences) {
    tell(
      name,
      difference.filter((line) => !shared.has(line)),
    );
  }
  const same = [...differences].filter(([, difference]) => difference.length === 0).map(([name]) => name);
  if (same.length > 0) lines.push("## The same", "", ...same.map((name) => `- ${name}`), "");
  lines.push(
    "## Latency",
    "",
    `| median (fastest to slowest), ms | ${left.version} | ${right.version} |`,
    "|---|---|---|",
    `| start of the runtime with its test home | ${spread(left.startMs)} | ${spread(right.startMs)} |`,
    `| a turn with one message | ${spread(left.turnMs)} | ${spread(right.turnMs)} |`,
  );
  return lines.join("\n");
}

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (part: number) => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(0);
  return `${at(0.5)} (${at(0)} to ${at(1)}), n = ${sorted.length}`;
}
