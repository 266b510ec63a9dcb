/** The tests of processes that are not children of this program. */

import { ChildProcess } from "node:child_process";
import { EventEmitter, getEventListeners } from "node:events";
import { PassThrough } from "node:stream";
import { Codex, serveAppServer, UsageError } from "codex-embed";
import { describe, expect, it, vi } from "vitest";
import { AgentProcess, type Spawn, type SpawnedProcess } from "../../../src/process/agentProcess.js";
import type { SpawnRequest } from "../../../src/process/launch.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

/** Stands for a process on another machine: no id, and an end that is only reported. */
class Remote extends EventEmitter implements SpawnedProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly signals: string[] = [];
  readonly #obeys: string;

  constructor(obeys: string) {
    super();
    this.#obeys = obeys;
    this.stdin.resume().on("end", () => this.#take("stdin"));
  }

  kill(signal: NodeJS.Signals): void {
    this.#take(signal);
  }

  #take(what: string): void {
    this.signals.push(what);
    if (what === this.#obeys) this.emit("exit", 0, null);
  }
}

const request: SpawnRequest = { command: "codex", args: ["app-server"], env: { A: "1" } };

async function startRemote(remote: Remote, drainMs = 20): Promise<AgentProcess> {
  const starting = AgentProcess.start(request, { graceMs: 20, drainMs, spawn: () => remote });
  remote.emit("spawn");
  return await starting;
}

describe("a spawn that returns", () => {
  const pipes = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: null };
  const kill = vi.fn(() => true);

  it.each<[string, unknown, string]>([
    ["nothing", undefined, "returned a value of type undefined"],
    ["null", null, "returned null"],
    ["a promise", Promise.resolve({}), "returned a promise"],
    ["text", "codex", "returned a value of type string"],
    ["an empty object", {}, "returned an object without stdin, stdout, stderr, on, kill"],
    [
      "no pipes",
      Object.assign(new EventEmitter(), { ...pipes, stdin: null, kill }),
      "returned an object without stdin.",
    ],
    ["no events", { ...pipes, kill }, "returned an object without on."],
  ])("%s is a UsageError", async (_, junk, why) => {
    kill.mockClear();
    const spawn = untyped<Spawn>(() => junk);
    const error = await AgentProcess.start(request, { spawn }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(why);
    if (why.endsWith(".")) expect(kill).toHaveBeenCalledWith("SIGKILL");
    await expect(Codex.launch({ spawn })).rejects.toThrow(why);
    await expect(serveAppServer({ spawn })).rejects.toThrow(why);
  });
});

it("reports a child that Node had no files for, and so gave no pipes", async () => {
  const spawn = (): SpawnedProcess => {
    const child = new ChildProcess();
    process.nextTick(() => child.emit("error", Object.assign(new Error("spawn codex EMFILE"), { code: "EMFILE" })));
    return child as SpawnedProcess;
  };
  const error = await AgentProcess.start(request, { spawn }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "SPAWN_FAILED", message: expect.stringContaining("too many open files") });
});

describe("a custom spawn", () => {
  it("gets the whole request, and its process is used", async () => {
    verifies("spawn-hook");
    const remote = new Remote("stdin");
    let requested: SpawnRequest | undefined;
    const starting = AgentProcess.start(request, {
      drainMs: 20,
      spawn: (wanted) => {
        requested = wanted;
        return remote;
      },
    });
    remote.emit("spawn");
    const agent = await starting;
    expect(requested).toEqual(request);
    expect(agent.pid).toBeUndefined();
    expect([agent.stdin, agent.stdout]).toEqual([remote.stdin, remote.stdout]);
    remote.stderr.write("words\n");
    expect(await agent.shutdown()).toEqual({ exitCode: 0, signal: null });
    expect(agent.stderrTail()).toBe("words\n");
    expect(remote.signals).toEqual(["stdin"]);
  });

  it("is asked to signal, in the order of the phases", async () => {
    const remote = new Remote("SIGKILL");
    const agent = await startRemote(remote);
    await agent.shutdown();
    expect(remote.signals).toEqual(["stdin", "SIGTERM", "SIGKILL"]);
  });

  it("is not waited for when nobody reads its stdout", async () => {
    const remote = new Remote("stdin");
    const agent = await startRemote(remote, 60_000);
    remote.stderr.end();
    await agent.shutdown();
    expect(remote.stdout.destroyed).toBe(true);
  });

  it("may report its end as an error, which reaches the exit", async () => {
    const remote = new Remote("stdin");
    const agent = await startRemote(remote);
    const error = new Error("the connection to the container broke");
    remote.emit("error", error);
    expect(await agent.exited).toEqual({ exitCode: null, signal: null, error });
    await agent.shutdown();
    expect(remote.signals).toEqual([]);
  });

  it("rejects when it reports an error before it runs", async () => {
    const before = getEventListeners(process, "exit").length;
    const remote = new Remote("stdin");
    const starting = AgentProcess.start(request, { drainMs: 20, spawn: () => remote });
    remote.emit("error", new Error("no such image"));
    await expect(starting).rejects.toMatchObject({ code: "SPAWN_FAILED", cause: { message: "no such image" } });
    expect(getEventListeners(process, "exit")).toHaveLength(before);
    expect(remote.stdin.destroyed).toBe(true);
  });

  it("may have exited by the time it is used", async () => {
    const remote = new Remote("stdin");
    const starting = AgentProcess.start(request, { drainMs: 20, spawn: () => remote });
    remote.emit("exit", 125, null);
    const agent = await starting;
    expect(await agent.exited).toEqual({ exitCode: 125, signal: null });
  });
});
