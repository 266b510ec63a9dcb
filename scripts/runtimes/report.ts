/** What a run of the end-to-end tests on one runtime shows, held against the declared differences. */

import { isOlder } from "../../packages/codex-embed/src/protocol/runtimes.js";
import type { Difference } from "../../packages/codex-embed/test/support/differences.js";

/** The part of vitest's JSON report that is read. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** The tests of one runtime by `file > name`, each with whether it passed. */
export type Outcomes = ReadonlyMap<string, boolean>;

/** Reads a report. A file that could not be loaded, or that failed outside of its tests, counts as a failed test of its own. */
export function outcomesOf(report: VitestReport): Outcomes {
  const outcomes = new Map<string, boolean>();
  for (const { name, status: ended, assertionResults } of report.testResults) {
    const file = name.replaceAll("\\", "/").replace(/^.*\/test\/e2e\//, "");
    const ran = assertionResults.filter(({ status }) => status === "passed" || status === "failed");
    if (ended === "failed" && ran.every(({ status }) => status === "passed"))
      outcomes.set(`${file} > (the file)`, false);
    for (const { fullName, status } of ran) outcomes.set(`${file} > ${fullName}`, status === "passed");
  }
  return outcomes;
}

/** Adds a second run: a test that passed once has passed, because a busy machine fails some. */
export function merged(first: Outcomes, second: Outcomes): Outcomes {
  const outcomes = new Map(first);
  for (const [test, passed] of second) if (passed || !outcomes.has(test)) outcomes.set(test, passed);
  return outcomes;
}

/** The column of one runtime. */
export interface Column {
  readonly version: string;
  readonly passed: number;
  readonly total: number;
  /** What contradicts the declared differences. */
  readonly problems: readonly Problem[];
}

/** A test that contradicts the declared differences. */
export interface Problem {
  readonly test: string;
  /** `failed`: not declared. `passed`: declared to fail on this runtime. `missing`: declared, and there is no such test. */
  readonly kind: "failed" | "passed" | "missing";
}

/** Holds the outcomes on one runtime against the differences that are declared for it. */
export function columnOf(version: string, outcomes: Outcomes, differences: readonly Difference[]): Column {
  const problems: Problem[] = [];
  const declared = new Set<string>();
  for (const difference of differences) {
    for (const test of testsOf(difference)) {
      const passed = outcomes.get(test);
      if (passed === undefined) problems.push({ test, kind: "missing" });
      if (!isOlder(version, difference.since)) continue;
      declared.add(test);
      if (passed === true && difference.sometimes !== true) problems.push({ test, kind: "passed" });
    }
  }
  for (const [test, passed] of outcomes) if (!passed && !declared.has(test)) problems.push({ test, kind: "failed" });
  const passed = [...outcomes.values()].filter(Boolean).length;
  return { version, passed, total: outcomes.size, problems };
}

/** The tests that show a difference, as `file > name`. */
function testsOf({ tests }: Difference): string[] {
  return Object.entries(tests).flatMap(([file, names]) => names.map((name) => `${file} > ${name}`));
}

/** The rows of docs/compatibility.md: what differs on which runtime. They follow from the declaration alone. */
export function differenceRows(versions: readonly string[], differences: readonly Difference[]): string[] {
  return differences.map((difference) => {
    const cells = versions.map((version) => (isOlder(version, difference.since) ? difference.older : "works"));
    return `| ${[difference.what, ...cells].join(" | ")} |`;
  });
}

/** The table of docs/compatibility.md. */
export function table(columns: readonly Column[], differences: readonly Difference[]): string {
  const versions = columns.map(({ version }) => version);
  const counts = columns.map(({ passed, total }) => `${passed} of ${total}`);
  const rows = [
    `| | ${versions.join(" | ")} |`,
    `|---|${versions.map(() => "---|").join("")}`,
    `| end-to-end tests that pass | ${counts.join(" | ")} |`,
    ...differenceRows(versions, differences),
  ];
  const notes = differences.map(({ what, why }) => `- **${what}**: ${why}`);
  return `${rows.join("\n")}\n\n${notes.join("\n")}`;
}
