/** Owns the tests of reading the running processes. */

import { describe, expect, it } from "vitest";
import { parsePs, processTable, stillRuns } from "../../../src/process/processTable.js";

describe("the table of processes", () => {
  it.skipIf(process.platform === "win32")("has this program, its parent and its group", async () => {
    const table = await processTable();
    const own = table.get(process.pid);
    expect(own).toMatchObject({ pid: process.pid, parentPid: process.ppid });
    expect(table.has(process.ppid)).toBe(true);
    if (own === undefined) return;
    expect(stillRuns(own)).toBe(true);
    if (process.platform === "linux") expect(stillRuns({ ...own, startTime: "0" })).toBe(false);
  });

  it("is read from ps, without zombies and headings", () => {
    const output = [
      "    1     0     1 Ss   Fri Nov 21 08:40:00 2026    ",
      "  412     1   412 S+   Fri Nov 21 08:41:10 2026",
      "  413   412   412 Z    Fri Nov 21 08:41:11 2026",
      "  PID  PPID  PGID STAT STARTED",
      "",
    ].join("\n");
    expect([...parsePs(output).values()]).toEqual([
      { pid: 1, parentPid: 0, groupId: 1, startTime: "Fri Nov 21 08:40:00 2026" },
      { pid: 412, parentPid: 1, groupId: 412, startTime: "Fri Nov 21 08:41:10 2026" },
    ]);
  });
});
