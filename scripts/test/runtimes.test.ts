import { readFileSync } from "node:fs";
import { SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { expect, test } from "vitest";
import { DIFFERENCES, type Difference } from "../../packages/codex-embed/test/support/differences.js";
import { columnOf, differenceRows, merged, outcomesOf, table } from "../runtimes/report.js";

const steer: Difference = {
  what: "`steer`",
  since: "0.160.1",
  older: "waits",
  why: "the message is finished first.",
  tests: { "steer.test.ts": ["at once"] },
};

const ran = (outcomes: Record<string, boolean>) =>
  new Map([["a.test.ts > works", true], ...Object.entries(outcomes)] as const);

test("what is declared may fail on older runtimes and nowhere else", () => {
  const fails = ran({ "steer.test.ts > at once": false });
  expect(columnOf("0.150.0", fails, [steer])).toEqual({ version: "0.150.0", passed: 1, total: 2, problems: [] });
  expect(columnOf("0.160.1", fails, [steer]).problems).toEqual([{ test: "steer.test.ts > at once", kind: "failed" }]);
});

test("what is declared and passes, or is gone, is a problem", () => {
  const passes = ran({ "steer.test.ts > at once": true });
  expect(columnOf("0.150.0", passes, [steer]).problems).toEqual([{ test: "steer.test.ts > at once", kind: "passed" }]);
  expect(columnOf("0.150.0", passes, [{ ...steer, sometimes: true }]).problems).toEqual([]);
  expect(columnOf("0.160.1", passes, [steer]).problems).toEqual([]);
  expect(columnOf("0.171.0", ran({}), [steer]).problems).toEqual([
    { test: "steer.test.ts > at once", kind: "missing" },
  ]);
});

test("a report has the tests that ran, and a file that could not be loaded", () => {
  const assertionResults = [
    { fullName: "group works", status: "passed" },
    { fullName: "group fails", status: "failed" },
    { fullName: "group waits", status: "skipped" },
  ];
  const testResults = [
    { name: "/home/me/packages/codex-embed/test/e2e/cli/run.test.ts", status: "failed", assertionResults },
    { name: "C:\\me\\test\\e2e\\broken.test.ts", status: "failed", assertionResults: [] },
  ];
  const outcomes = outcomesOf({ testResults });
  expect([...outcomes]).toEqual([
    ["cli/run.test.ts > group works", true],
    ["cli/run.test.ts > group fails", false],
    ["broken.test.ts > (the file)", false],
  ]);
  const again = new Map([["cli/run.test.ts > group fails", true]]);
  expect(merged(outcomes, again).get("cli/run.test.ts > group fails")).toBe(true);
  expect(merged(outcomes, new Map([["cli/run.test.ts > group works", false]]))).toEqual(outcomes);
});

test("the table has a row for each difference, and a note that says why", () => {
  const column = { version: "0.150.0", passed: 1, total: 2, problems: [] };
  expect(table([column, { ...column, version: "0.160.1", passed: 2 }], [steer])).toBe(
    [
      "| | 0.150.0 | 0.160.1 |",
      "|---|---|---|",
      "| end-to-end tests that pass | 1 of 2 | 2 of 2 |",
      "| `steer` | waits | works |",
      "",
      "- **`steer`**: the message is finished first.",
    ].join("\n"),
  );
});

test("docs/compatibility.md has the declared differences: npm run test:runtimes -- --write", () => {
  const page = readFileSync(new URL("../../docs/compatibility.md", import.meta.url), "utf8");
  for (const row of differenceRows(SUPPORTED_RUNTIMES.tested, DIFFERENCES)) expect(page).toContain(`\n${row}\n`);
  for (const { what, why } of DIFFERENCES) expect(page).toContain(`- **${what}**: ${why}`);
});
