/** Tests that what detached itself from a process is found by the mark in its environment, and ended. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AgentProcess } from "../../../src/process/agentProcess.js";
import { newMark } from "../../../src/process/environment.js";
import { marked } from "../../support/leaks.js";
import { verifies } from "../../support/verifies.js";
import { bundleHost, Lines, runs, shellRequest, startFixture, temporaryFolder, until } from "./children.js";

/** Ways to leave: each says `ready` when what it leaves behind is there and no line of parents leads to it. */
const DETACHED: Readonly<Record<string, string>> = {
  "in a session of its own": "(setsid sh -c 'echo ready; exec sleep 600' &)",
  "by a double fork": "(setsid sh -c 'sh -c \"echo ready; exec sleep 600\" & exit' &)",
  "in the background, with nohup": "(setsid nohup sh -c 'echo ready >&2; exec sleep 600' 2>&1 >/dev/null &)",
  "deaf to SIGTERM": "(setsid sh -c 'trap \"\" TERM HUP; echo ready; while :; do sleep 1; done' &)",
  "and starts a copy of itself at SIGTERM":
    'export SELF=\'trap "setsid sh -c \\"\\$SELF\\" & exit" TERM; echo ready; while :; do sleep 0.05; done\'; (setsid sh -c "$SELF" &)',
  "and is another process every 200 ms":
    'export SELF=\'sleep 0.2; setsid sh -c "$SELF" & exit\'; (setsid sh -c "echo ready; $SELF" &)',
};

function killAfterwards(mark: string): void {
  onTestFinished(() => {
    for (const pid of marked(mark)) if (pid !== process.pid && runs(pid)) process.kill(pid, "SIGKILL");
  });
}

/** A shell that does what it is told, and ends with its stdin. */
const OBEDIENT = 'while read -r line; do eval "$line"; done';

interface Started {
  readonly agent: AgentProcess;
  readonly mark: string;
  readonly lines: Lines;
}

async function obedient(mark = newMark()): Promise<Started> {
  killAfterwards(mark);
  const agent = await startFixture(shellRequest(OBEDIENT, mark), { graceMs: 200, drainMs: 50 });
  return { agent, mark, lines: new Lines(agent.stdout) };
}

/** Starts the script, and waits until it has said `ready`. */
async function left(script: string): Promise<Started> {
  const started = await obedient();
  started.agent.stdin.write(`${script}\n`);
  await started.lines.line(0);
  return started;
}

const others = ({ agent, mark }: Started) => marked(mark).filter((pid) => pid !== agent.pid && runs(pid));

describe.runIf(process.platform === "linux")("what has left the tree", () => {
  it.each(Object.entries(DETACHED))("%s is ended by a shutdown", async (_, script) => {
    const started = await left(script);
    await until(() => others(started).length > 0);
    expect(await started.agent.shutdown()).toEqual({ exitCode: 0, signal: null });
    expect(marked(started.mark)).toEqual([]);
  });

  it.each(Object.entries(DETACHED))("%s is ended when the process was killed", async (_, script) => {
    const started = await left(script);
    await until(() => others(started).length > 0);
    process.kill(started.agent.pid ?? 0, "SIGKILL");
    expect(await started.agent.shutdown()).toEqual({ exitCode: null, signal: "SIGKILL" });
    expect(marked(started.mark)).toEqual([]);
  });

  it.each(Object.entries(DETACHED))("%s is ended when this program exits", async (_, script) => {
    verifies("exit-leaves-no-process");
    const host = spawn(process.execPath, [
      bundleHost("hostWithAgent.ts", await temporaryFolder()),
      "/bin/sh",
      "-c",
      `${script}\n${OBEDIENT}`,
    ]);
    onTestFinished(() => void host.kill("SIGKILL"));
    const lines = new Lines(host.stdout);
    const { mark }: { mark: string } = JSON.parse(await lines.line(0));
    killAfterwards(mark);
    await lines.line(1);
    host.stdin.write("exit\n");
    expect(await once(host, "exit")).toEqual([0, null]);
    await until(() => marked(mark).filter(runs).length === 0);
  });

  it("is not what carries the mark of another launch, also of the one around this", async () => {
    verifies("exit-leaves-no-process");
    const outer = newMark();
    process.env[outer] = "1";
    onTestFinished(() => void delete process.env[outer]);
    const inner = await left(DETACHED["in a session of its own"] ?? "");
    expect(marked(outer)).toEqual(marked(inner.mark));
    const neighbour = spawn("/bin/sleep", ["600"], { env: { [outer]: "1", [`${inner.mark}0`]: "1" }, stdio: "ignore" });
    onTestFinished(() => void neighbour.kill("SIGKILL"));
    await inner.agent.shutdown();
    expect(marked(inner.mark)).toEqual([]);
    expect(marked(outer)).toEqual([neighbour.pid]);
  });

  it.runIf(process.getuid?.() === 0)("is not ended when it belongs to another user", async () => {
    verifies("exit-leaves-no-process");
    const { agent, mark } = await left("echo ready");
    const env = { [mark]: "1" };
    const stranger = spawn("/bin/sleep", ["600"], { env, uid: 65_534, gid: 65_534, stdio: "ignore" });
    onTestFinished(() => void stranger.kill("SIGKILL"));
    await once(stranger, "spawn");
    await agent.shutdown();
    expect(stranger.exitCode ?? stranger.signalCode).toBe(null);
  });

  it("is not found when it has cleared its environment, as the documentation says", async () => {
    const { agent, lines } = await left("(setsid env -i /bin/sh -c 'echo $$; exec sleep 600' &)");
    const cleared = Number(await lines.line(0));
    onTestFinished(() => void process.kill(cleared, "SIGKILL"));
    await agent.shutdown();
    expect(runs(cleared)).toBe(true);
  });
});

describe.runIf(process.platform === "linux")("orphans", () => {
  const job = (name: string) => `JOB=${name} setsid sh -c 'echo ready; exec sleep 600' &`;
  const jobs = ({ mark }: Started) =>
    marked(mark)
      .flatMap((pid) => /\0JOB=(\w+)/.exec(readFileSync(`/proc/${pid}/environ`, "latin1"))?.[1] ?? [])
      .sort();

  it("of a job are ended: the ones that began in time and do not descend from the process", async () => {
    const started = await left(`(${job("mine")})`);
    await sleep(50);
    const sinceMs = performance.now();
    started.agent.stdin.write(`(${job("mine")}); (${job("theirs")}); ${job("mine")}\n`);
    await started.lines.line(3);
    await until(() => jobs(started).length === 4);
    // The subshells have exited, so that their jobs descend from the process no more.
    await until(() => marked(started.mark).length === jobs(started).length + 1);
    const before = marked(started.mark);
    // The child of the process stays, and is waited for.
    await started.agent.killOrphans({ variables: ["JOB=other", "JOB=mine"], sinceMs });
    expect(jobs(started)).toEqual(["mine", "mine", "theirs"]);
    expect(before.filter((pid) => !runs(pid))).toHaveLength(1);
    await started.agent.shutdown();
    expect(marked(started.mark)).toEqual([]);
  });

  it("that a dying child of the process leaves are waited for", async () => {
    const started = await left(`JOB=mine sh -c '(setsid sleep 600 & echo ready; wait)' & child=$!`);
    const done = started.agent.killOrphans({ variables: ["JOB=mine"], sinceMs: 0 });
    started.agent.stdin.write("kill -9 $child\n");
    await done;
    expect(jobs(started)).toEqual([]);
  });
});
