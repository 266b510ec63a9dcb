/** The tests of what becomes of the host program and of its processes when either dies. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { locateRuntime } from "../../../src/process/locate.js";
import { bundleHost, fixturePath, Lines, parseFamily, runs, temporaryFolder, until } from "./children.js";

function startHost(script: string, args: readonly string[], env = process.env): ChildProcessWithoutNullStreams {
  const host = spawn(process.execPath, [script, ...args], { env });
  onTestFinished(() => void host.kill("SIGKILL"));
  return host;
}

describe("a host", () => {
  it("survives writing 8 MiB to a child that has exited", async () => {
    const script = bundleHost("hostOfTheDead.ts", await temporaryFolder());
    const child = pathToFileURL(fixturePath("exitsAtOnce.mjs")).href;
    const host = spawnSync(process.execPath, [script, child], { encoding: "utf8", timeout: 10_000 });
    expect(host).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(host.stdout)).toEqual({
      exitCode: 3,
      outcomes: ["before: refused", "after: refused", "later: refused"],
      tail: "ERROR cannot go on: api_key=[redacted]\n",
    });
  });

  it.skipIf(process.platform === "win32")("takes the whole tree with it when it exits without a shutdown", async () => {
    const script = bundleHost("hostWithAgent.ts", await temporaryFolder());
    const host = startHost(script, [process.execPath, fixturePath("family.mjs"), "stubborn"]);
    const lines = new Lines(host.stdout);
    await lines.line(0);
    const family = parseFamily(await lines.line(1));
    // The detached grandchild holds the pipe that the host's output goes through: exit, not close.
    const exited = once(host, "exit");
    host.stdin.write("exit\n");
    expect(await exited).toEqual([0, null]);
    const expected = process.platform === "linux" ? Object.values(family) : [family.parent, family.inGroup];
    await until(() => !expected.some(runs));
  });

  it("starts and ends a child 20 times, keeps nothing of it, and can end", async () => {
    const script = bundleHost("hostOfCycles.ts", await temporaryFolder());
    const host = spawnSync(process.execPath, [script, process.execPath, fixturePath("echo.mjs")], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(host).toMatchObject({ status: 0, stderr: "" });
    const report: { before: { exitListeners: number }; after: unknown; during: unknown; pids: number[] } = JSON.parse(
      host.stdout,
    );
    expect(report.pids).toHaveLength(21);
    expect(report.pids.filter(runs)).toEqual([]);
    expect(report.after).toEqual(report.before);
    expect(report.during).toEqual([report.before.exitListeners + 1]);
  });

  it("takes the pinned runtime with it when it is killed", async () => {
    const folder = await temporaryFolder();
    const script = bundleHost("hostWithAgent.ts", folder);
    const runtime = locateRuntime({ env: {} });
    const args = [runtime.command, ...runtime.args, "app-server", "--disable", "plugins"];
    const host = startHost(script, args, { ...process.env, CODEX_HOME: folder });
    const started: { agent: number } = JSON.parse(await new Lines(host.stdout).line(0));
    expect(runs(started.agent)).toBe(true);
    host.kill("SIGKILL");
    await once(host, "exit");
    await until(() => !runs(started.agent));
  });
});
