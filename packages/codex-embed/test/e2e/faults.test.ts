/** Tests each cell of the fault matrix once: nothing hangs, nothing is left, and every error says what to do. */

import { platform } from "node:os";
import { describe, expect, test } from "vitest";
import { unsaid } from "../../../../scripts/faults/advice.js";
import { matrix } from "../../../../scripts/faults/matrix.js";
import { measure } from "../../../../scripts/faults/measure.js";
import { COLUMNS } from "../../../../scripts/faults/stage.js";
import { between } from "../../../../scripts/markers.js";
import { verifies } from "../support/verifies.js";

const CUT_MS = 200;
const rows = await matrix();

/** The fast ones, without the unix socket; `npm run faults` has all. What must come of a cell is said where it is described. */
const cells = rows.flatMap((row) =>
  COLUMNS.filter((column) => column !== "unix").flatMap((column) => {
    const cases = row.cases(column);
    const [each] = typeof cases === "string" ? [] : cases.filter(({ isSlow }) => isSlow !== true);
    return each === undefined ? [] : [{ fault: row.fault, column, mode: each.mode, each }];
  }),
);

// The processes that are left are looked for in /proc.
describe.runIf(platform() === "linux")("the user gets what the matrix says, and nothing is left", () => {
  // A cell that hangs says so itself, before the test does.
  test.each(cells)("$fault, $column $mode", { timeout: 150_000 }, async ({ column, each }) => {
    verifies("faults");
    const { outcome, faults } = await measure(column, each, CUT_MS);
    expect({ outcome, faults }).toEqual({ outcome: each.expected, faults: [] });
  });
});

describe("the matrix", () => {
  test("has a case or a reason in each cell", () => {
    for (const row of rows) for (const column of COLUMNS) expect(row.cases(column)).not.toHaveLength(0);
  });

  test("finds out what an error does not say", () => {
    expect(unsaid(new Error("The runtime was killed by SIGKILL."))).toEqual([
      "Error does not say what to do: The runtime was killed by SIGKILL.",
    ]);
    expect(unsaid(new Error("Oh."))).toHaveLength(3);
    expect(unsaid(new Error("The runtime was killed by SIGKILL. Start another."))).toEqual([]);
  });

  test("replaces its table in the documentation, and nothing else", () => {
    const text = "a\n<!-- faults:begin -->\nold\n<!-- faults:end -->\nb\n";
    expect(between(text, "faults", "new")).toBe("a\n<!-- faults:begin -->\nnew\n<!-- faults:end -->\nb\n");
    expect(() => between("a", "faults", "new")).toThrow("faults:begin");
  });
});
