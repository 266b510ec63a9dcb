/** The tests of reading the running processes. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { ageMs, environmentOf, parsePs, processTable, stillRuns } from "../../../src/process/processTable.js";

describe("the table of processes", () => {
  it.skipIf(process.platform === "win32")("has this program, its parent and its group", async () => {
    const table = (await processTable()).processes;
    const own = table.get(process.pid);
    expect(own).toMatchObject({ pid: process.pid, parentPid: process.ppid });
    expect(table.has(process.ppid)).toBe(true);
    if (own === undefined) return;
    expect(stillRuns(own)).toBe(true);
    if (process.platform === "linux") expect(stillRuns({ ...own, startTime: "0" })).toBe(false);
  });

  it("is read from ps, without zombies and headings", () => {
    const output = [
      "    1     0     1     0 Ss   Fri Nov 21 08:40:00 2026     /sbin/init A=1 B=two",
      "  412     1   412   501 S+   Fri Nov  1 08:41:10 2026     node -c x.MARK=1 PATH=/bin MARK=1 C=",
      "  413   412   412   501 Z    Fri Nov 21 08:41:11 2026     (sh)",
      "  414   412   412   501 R    Fri Nov 21 08:41:12 2026",
      "  PID  PPID  PGID   UID STAT STARTED COMMAND",
      "",
    ].join("\n");
    expect([...parsePs(output, 501).processes.values()]).toEqual([
      { pid: 1, parentPid: 0, groupId: 1, startTime: "Fri Nov 21 08:40:00 2026" },
      {
        pid: 412,
        parentPid: 1,
        groupId: 412,
        startTime: "Fri Nov  1 08:41:10 2026",
        shown: "node -c x.MARK=1 PATH=/bin MARK=1 C=",
      },
      { pid: 414, parentPid: 412, groupId: 412, startTime: "Fri Nov 21 08:41:12 2026", shown: "" },
    ]);
  });

  it.runIf(process.platform === "linux")("tells the environment and the age of a process of this user", async () => {
    const startedMs = performance.now();
    const long = "x".repeat(100_000);
    const child = spawn("/bin/sleep", ["60"], { env: { FIRST: "1", LONG: long, LAST: "2" }, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    const info = (await processTable()).processes.get(child.pid ?? 0);
    if (info === undefined) throw new Error("The child is not in the table.");
    const environment = environmentOf(info);
    expect(environment?.isEmpty).toBe(false);
    const has = (assignment: string) => environment?.has(assignment);
    expect(["FIRST=1", `LONG=${long}`, "LAST=2"].map(has)).toEqual([true, true, true]);
    expect(["FIRST=", "IRST=1", "FIRST=11", "LAST"].map(has)).toEqual([false, false, false, false]);
    // The system counts in hundredths of a second.
    expect(ageMs(info)).toBeLessThanOrEqual(performance.now() - startedMs + 20);
    expect(ageMs(info)).toBeGreaterThanOrEqual(-20);
    expect(environmentOf({ ...info, pid: 2 ** 22 + 1 })).toBe(null);
  });

  it.runIf(process.platform === "linux" && process.getuid?.() === 0)("tells none of another user's", async () => {
    const child = spawn("/bin/sleep", ["60"], { env: { FIRST: "1" }, uid: 65_534, gid: 65_534, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    const info = (await processTable()).processes.get(child.pid ?? 0);
    expect(info && environmentOf(info)).toBe(null);
  });
});
