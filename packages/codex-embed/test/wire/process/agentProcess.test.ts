/** The tests of one process's life, with real children. */

import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LaunchError } from "../../../src/errors/connection.js";
import { AgentProcess } from "../../../src/process/agentProcess.js";
import { processTable } from "../../../src/process/processTable.js";
import {
  fixturePath,
  Lines,
  nodeRequest,
  parseFamily,
  runs,
  shellRequest,
  startFixture,
  temporaryFolder,
  until,
} from "./children.js";

describe("a process that ends by itself", () => {
  it("reports its exit code, and its last words without colours and secrets", async () => {
    const agent = await startFixture(nodeRequest("exitsAtOnce.mjs"));
    expect(await agent.exited).toEqual({ exitCode: 3, signal: null });
    expect(await agent.shutdown()).toEqual({ exitCode: 3, signal: null });
    expect(agent.stderrTail()).toBe("ERROR cannot go on: api_key=[redacted]\n");
  });

  it("reports the signal that it died by", async () => {
    const agent = await startFixture(nodeRequest("echo.mjs"));
    await new Lines(agent.stdout).line(0);
    process.kill(agent.pid ?? 0, "SIGKILL");
    expect(await agent.exited).toEqual({ exitCode: null, signal: "SIGKILL" });
  });

  it("is exited although a grandchild holds its stdout, and takes its group with it", async () => {
    const agent = await startFixture(nodeRequest("family.mjs", "crash"), { drainMs: 100 });
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    let closed = false;
    agent.stdout.once("close", () => {
      closed = true;
    });
    agent.stdin.write("x");
    expect(await agent.exited).toEqual({ exitCode: 7, signal: null });
    expect(closed).toBe(false);
    await agent.shutdown();
    expect(runs(family.inGroup)).toBe(false);
    expect(agent.stdout.destroyed).toBe(true);
  });

  it("lets a reader have all output that was written before the exit", async () => {
    const agent = await startFixture(nodeRequest("lastWords.mjs", "72"));
    const lines = new Lines(agent.stdout);
    await lines.line(0);
    // More than Node reads ahead and less than fits with that into the pipe: some is there when the process is gone.
    agent.stdout.pause();
    await agent.shutdown({ graceMs: 5_000 });
    expect(lines.text).toHaveLength("ready\n".length + 72 * 1024);
  });

  it("lets a reader have it also when this program is too busy to read before the time limit", async () => {
    const agents = await Promise.all(
      Array.from({ length: 40 }, () => startFixture(shellRequest("read go; echo $go"), { graceMs: 5_000, drainMs: 0 })),
    );
    const read = agents.map((agent) => new Lines(agent.stdout));
    for (const agent of agents) agent.stdin.end("last words\n");
    await Promise.all(agents.map(async (agent) => (await agent.exited) && agent.shutdown()));
    expect(read.map(({ text }) => text)).toEqual(agents.map(() => "last words\n"));
  });
});

describe("stderr", () => {
  it("is drained when it floods, and only its end is kept", async () => {
    let received = 0;
    const agent = await startFixture(nodeRequest("flood.mjs"), {
      onStderr: (text) => {
        received += text.length;
        throw new Error("an observer's own fault");
      },
    });
    expect(await new Lines(agent.stdout).line(0)).toBe("done");
    await agent.shutdown();
    expect(received).toBeGreaterThanOrEqual(50_000_000);
    expect(Buffer.byteLength(agent.stderrTail())).toBeLessThanOrEqual(16 * 1024);
    expect(agent.stderrTail()).toMatch(/^x{99}\n[^]*\nthe last line\n$/);
  });

  it("may be observed by a function whose promise rejects", async () => {
    const rejecting = (): unknown => Promise.reject(new Error("late"));
    const agent = await startFixture(nodeRequest("exitsAtOnce.mjs"), {
      onStderr: rejecting,
    });
    await agent.shutdown();
    expect(agent.stderrTail()).toContain("cannot go on");
  });
});

describe.skipIf(process.platform === "win32")("the end of a tree", () => {
  it("does not concern this program's group: the process leads one of its own", async () => {
    const agent = await startFixture(nodeRequest("echo.mjs"));
    const groupId = agent.pid ?? 0;
    expect(process.kill(-groupId, 0)).toBe(true);
  });

  it("takes a child that ignores everything, its group, and a grandchild that left the group", async () => {
    const agent = await startFixture(nodeRequest("family.mjs", "stubborn"));
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    expect(await agent.shutdown({ graceMs: 50 })).toEqual({ exitCode: null, signal: "SIGKILL" });
    expect(Object.values(family).filter(runs)).toEqual([]);
    expect(agent.stdout.closed).toBe(true);
  });

  it("takes the descendants that a polite child leaves behind", async () => {
    const agent = await startFixture(nodeRequest("family.mjs"));
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    expect(await agent.shutdown()).toEqual({ exitCode: 0, signal: null });
    expect(Object.values(family).filter(runs)).toEqual([]);
  });

  it("takes a descendant that left the group when nobody is left in it", async () => {
    const agent = await startFixture(nodeRequest("family.mjs"));
    const { inGroup, detached } = parseFamily(await new Lines(agent.stdout).line(0));
    process.kill(inGroup, "SIGKILL");
    await until(() => !runs(inGroup));
    expect(await agent.shutdown()).toEqual({ exitCode: 0, signal: null });
    expect(runs(detached)).toBe(false);
  });

  it("does not wait for any grace when killed, also in the middle of a polite ending", async () => {
    const agent = await startFixture(nodeRequest("family.mjs", "stubborn"));
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    const polite = agent.shutdown({ graceMs: 60_000 });
    expect(await agent.kill()).toEqual({ exitCode: null, signal: "SIGKILL" });
    expect(await polite).toEqual(await agent.exited);
    expect(Object.values(family).filter(runs)).toEqual([]);
  });

  it("finds descendants whose name looks like the fields after it", async () => {
    const folder = await temporaryFolder();
    const odd = join(folder, "a) S 1 1 (b");
    await symlink(process.execPath, odd);
    const agent = await startFixture({ ...nodeRequest("family.mjs", "stubborn"), command: odd });
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    await agent.kill();
    expect(Object.values(family).filter(runs)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("does not wait for a dead descendant that nobody has reaped", async () => {
    const args = ["-c", "sleep 60 & echo $!; exec sleep 60"];
    const agent = await startFixture({ ...nodeRequest("echo.mjs"), command: "/bin/sh", args });
    const zombie = Number(await new Lines(agent.stdout).line(0));
    // From here on the parent is a program that reaps no one.
    await until(() => readFileSync(`/proc/${agent.pid}/comm`, "utf8") === "sleep\n");
    process.kill(zombie, "SIGKILL");
    await until(() => !runs(zombie));
    expect(process.kill(zombie, 0)).toBe(true);
    const { processes: table } = await processTable();
    expect([table.has(agent.pid ?? 0), table.has(zombie)]).toEqual([true, false]);
  });

  it("leaves the group of this program alone when a spawn hook did not make a new one", async () => {
    const { spawn } = await import("node:child_process");
    const agent = await startFixture(nodeRequest("family.mjs", "stubborn"), {
      graceMs: 50,
      spawn: (request) => spawn(request.command, [...request.args], { env: request.env }),
    });
    const family = parseFamily(await new Lines(agent.stdout).line(0));
    expect((await agent.shutdown()).signal).toBe("SIGKILL");
    expect(Object.values(family).filter(runs)).toEqual([]);
  });
});

describe("shutdown", () => {
  it("may be called again, together and afterwards", async () => {
    const agent = await startFixture(nodeRequest("echo.mjs"));
    await new Lines(agent.stdout).line(0);
    const [first, second] = await Promise.all([agent.shutdown(), agent.shutdown()]);
    expect(first).toEqual({ exitCode: 0, signal: null });
    expect(second).toBe(first);
    expect(await agent.kill()).toBe(first);
  });

  it("does not hang when nobody reads stdout", async () => {
    const agent = await startFixture(nodeRequest("lastWords.mjs", "1024"), { graceMs: 50, drainMs: 60_000 });
    await agent.shutdown();
    expect(agent.stdout.closed).toBe(true);
  });

  it("shares one exit listener among processes", async () => {
    const before = getEventListeners(process, "exit").length;
    const agents = await Promise.all([1, 2, 3].map(() => AgentProcess.start(nodeRequest("echo.mjs"))));
    expect(getEventListeners(process, "exit")).toHaveLength(before + 1);
    await Promise.all(agents.map((agent) => agent.shutdown()));
    expect(getEventListeners(process, "exit")).toHaveLength(before);
  });
});

describe.skipIf(process.platform === "win32")("a process that cannot be started", () => {
  const failure = async (command: string, cwd?: string): Promise<LaunchError> => {
    const started: unknown = await AgentProcess.start({ command, args: [], cwd, env: {} }).catch(
      (error: unknown) => error,
    );
    if (!LaunchError.isInstance(started)) throw new Error(`Not a LaunchError: ${String(started)}`);
    return started;
  };

  it("rejects with the path, the reason and the system's error", async () => {
    const before = getEventListeners(process, "exit").length;
    const missing = await failure("/nowhere/codex");
    expect(missing).toMatchObject({ code: "SPAWN_FAILED", cause: { code: "ENOENT" } });
    expect(missing.message).toMatch(
      /^\/nowhere\/codex could not be started: .* does not exist \(ENOENT\)\. Check that path and the working directory\.$/,
    );

    const plain = join(await temporaryFolder(), "plain");
    await writeFile(plain, "#!/bin/sh\n");
    expect(await failure(plain)).toMatchObject({ code: "SPAWN_FAILED", cause: { code: "EACCES" } });

    await writeFile(plain, "#!/nowhere/interpreter\n");
    await chmod(plain, 0o755);
    expect((await failure(plain)).message).toContain("interpreter or loader");
    expect(getEventListeners(process, "exit")).toHaveLength(before);
  });

  it("rejects when the command line is too long for the system", async () => {
    const request = { ...nodeRequest("echo.mjs"), args: ["x".repeat(4 * 1024 * 1024)] };
    await expect(AgentProcess.start(request)).rejects.toMatchObject({ code: "SPAWN_FAILED", cause: { code: "E2BIG" } });
  });

  it("rejects when the spawn hook throws", async () => {
    const spawn = (): never => {
      throw new Error("no such container");
    };
    const started = AgentProcess.start({ command: fixturePath("echo.mjs"), args: [], env: {} }, { spawn });
    await expect(started).rejects.toMatchObject({
      code: "SPAWN_FAILED",
      message: expect.stringContaining("no such container"),
      cause: { message: "no such container" },
    });
  });
});
