/** Tests `restart: "on-crash"`: a crash ends its turns and no thread, and the next call finds another process. */

import { spawn as spawnChild } from "node:child_process";
import {
  type CloseReason,
  Codex,
  LaunchError,
  type Spawn,
  ThreadNotFoundError,
  TransportClosedError,
  UsageError,
} from "codex-embed";
import { gate, message, shell, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../support/leaks.js";
import { isAlive } from "../support/processes.js";
import { readAll, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const start = (options: Parameters<typeof startTestCodex>[0] = {}) =>
  startTestCodex({ restart: "on-crash", ...options });

/** Kills the process behind a client, and resolves when the client knows. */
async function crash({ codex }: Awaited<ReturnType<typeof start>>): Promise<CloseReason | null> {
  const { pid } = codex;
  if (pid === undefined) throw new Error("There is no process to kill.");
  const told = new Promise<CloseReason | null>((resolve) => {
    const subscription = codex.on("status", ({ params }) => {
      if (params.status !== "idle") return;
      subscription[Symbol.dispose]();
      resolve(params.reason);
    });
  });
  process.kill(pid, "SIGKILL");
  return told;
}

test("a turn that the crash cuts rejects with its cause; the thread goes on in the next process", async () => {
  verifies("restart-on-crash");
  await leavesNothing(async () => {
    await using bench = await start();
    const { codex, model } = bench;
    const cut = gate();
    model.enqueue(message("One."), message({ deltas: ["Half", cut] }));
    const thread = await codex.startThread();
    await thread.run("First.");
    const turn = await thread.startTurn("Second.");
    await cut.reached;
    const first = codex.pid;
    const reason = await crash(bench);
    expect(reason).toMatchObject({ initiator: "runtime", signal: "SIGKILL" });
    expect(codex.status).toBe("idle");
    const error = await rejection(turn.result(), TransportClosedError);
    expect(error).toMatchObject({ signal: "SIGKILL", maybeAccepted: true });
    expect((await readAll(turn)).error).toBe(error);
    model.enqueue(message("Three."));
    expect((await thread.run("Third.")).finalResponse).toBe("Three.");
    expect(model.requests.at(-1)?.userTexts().join(" ")).toContain("First.");
    expect(codex.status).toBe("ready");
    expect(codex.pid).not.toBe(first);
    expect(first !== undefined && (await isAlive(first))).toBe(false);
  });
});

test("the handlers of a thread are there in the next process as well", async () => {
  await using bench = await start();
  const { codex, model } = bench;
  model.enqueue(message("One."));
  const thread = await codex.startThread({ sandbox: "read-only", handlers: { approveCommand: () => "accept" } });
  await thread.run("First.");
  await crash(bench);
  model.enqueue(shell("echo yes", { escalate: { justification: "Needed." } }), message("Done."));
  const { items } = await thread.run("Second.");
  expect(items).toContainEqual(expect.objectContaining({ type: "commandExecution", aggregatedOutput: "yes\n" }));
});

test("a thread stays in its sandbox, whatever the configuration says", async () => {
  await using bench = await start({ config: { sandbox_mode: "danger-full-access" } });
  const { codex, model } = bench;
  model.enqueue(message("One."), message("Two."));
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  await thread.run("First.");
  await crash(bench);
  await thread.run("Second.");
  const { sandbox } = await codex.request("thread/resume", { threadId: thread.id, excludeTurns: true });
  expect(sandbox.type).toBe("workspaceWrite");
});

test("a crash while nothing runs, again and again", async () => {
  await using bench = await start();
  const { codex, model } = bench;
  const thread = await codex.startThread();
  for (const text of ["One.", "Two.", "Three."]) {
    model.enqueue(message(text));
    expect((await thread.run("Go.")).finalResponse).toBe(text);
    await crash(bench);
  }
  expect(await codex.models()).not.toEqual([]);
});

describe("what a new process cannot know", () => {
  test("a thread without a turn is not found", async () => {
    await using bench = await start();
    const thread = await bench.codex.startThread();
    await crash(bench);
    await rejection(thread.run("Go."), ThreadNotFoundError);
  });

  test("an ephemeral thread is lost", async () => {
    await using bench = await start();
    bench.model.enqueue(message("One."));
    const thread = await bench.codex.startThread({ ephemeral: true });
    await thread.run("Go.");
    await crash(bench);
    await bench.codex.models();
    const error = await rejection(thread.run("Again."), UsageError);
    expect(error.message).toContain("could not be resumed");
  });
});

test("a process that cannot be started again rejects the call, and the next call tries anew", async () => {
  let isBroken = false;
  const spawn: Spawn = ({ command, args, ...request }) =>
    spawnChild(isBroken ? "/nowhere/codex" : command, args, { ...request, stdio: "pipe" });
  await using bench = await start({ spawn });
  const thread = await bench.codex.startThread();
  bench.model.enqueue(message("One."), message("Two."));
  await thread.run("Go.");
  await crash(bench);
  isBroken = true;
  expect(await rejection(thread.run("Again."), LaunchError)).toMatchObject({ code: "SPAWN_FAILED" });
  expect(bench.codex.status).toBe("idle");
  isBroken = false;
  expect((await thread.run("Again.")).finalResponse).toBe("Two.");
});

test("close after a crash starts nothing, and an unknown value is refused", async () => {
  await using bench = await start();
  await crash(bench);
  await bench.codex.close();
  expect(await bench.codex.closed).toMatchObject({ initiator: "client" });
  await rejection(bench.codex.models(), TransportClosedError);
  expect(() => new Codex({ restart: untyped("always") })).toThrow(UsageError);
});
