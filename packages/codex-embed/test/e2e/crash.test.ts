/** Tests the death of the real runtime: what its user gets, and that the work can go on in a new one. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Codex, serveAppServer, TransportClosedError } from "codex-embed";
import { gate, message, shell, startTestCodex, type TestCodex, type TestCodexOptions } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { leavesNothing, marked, markOf, until } from "../support/leaks.js";
import { verifies } from "../support/verifies.js";

describe("a runtime that is killed", () => {
  test("in the middle of a stream: the turn rejects with the signal, and a new runtime resumes the thread", () => {
    verifies("runtime-dies");
    return leavesNothing(async () => {
      await using bench = await startTestCodex();
      const { codex, model, codexOptions } = bench;
      const open = gate();
      model.enqueue(message("before"), message({ deltas: ["par", open, "tial"] }), message("after"));
      const thread = await codex.startThread();
      await thread.run("one");
      const turn = await thread.startTurn("two");
      await open.reached;
      process.kill(codex.pid ?? 0, "SIGKILL");
      await expect(turn.result()).rejects.toMatchObject({ code: "TRANSPORT_CLOSED", signal: "SIGKILL" });
      await expect(thread.run("three")).rejects.toBeInstanceOf(TransportClosedError);
      expect(await codex.closed).toMatchObject({ initiator: "runtime", signal: "SIGKILL" });

      await using next = new Codex(codexOptions);
      const resumed = await next.resumeThread(thread.id);
      const history = await resumed.read({ includeTurns: true });
      expect(history.turns.map((each) => each.status)).toEqual(["completed", "interrupted"]);
      expect((await resumed.run("three")).finalResponse).toBe("after");
    });
  });

  test("while a command runs: the command is gone too", () =>
    leavesNothing(async () => {
      await using bench = await startTestCodex();
      bench.model.enqueue(shell("touch started; exec sleep 1000"));
      const thread = await bench.codex.startThread({ sandbox: "full-access" });
      const turn = await thread.startTurn("go");
      await until(() => existsSync(join(bench.workspace, "started")), 10_000);
      process.kill(bench.codex.pid ?? 0, "SIGKILL");
      await expect(turn.result()).rejects.toBeInstanceOf(TransportClosedError);
    }));
});

test("closing while a command runs, one that ignores SIGTERM and left its group, leaves nothing", () => {
  verifies("close-leaves-no-process");
  return leavesNothing(async () => {
    await using bench = await startTestCodex();
    const stubborn = (name: string) => `trap '' TERM HUP; touch ${name}; while true; do sleep 1; done`;
    bench.model.enqueue(shell(`setsid bash -c "${stubborn("detached")}" & ${stubborn("direct")}`));
    const thread = await bench.codex.startThread({ sandbox: "full-access" });
    const turn = await thread.startTurn("go");
    await until(() => ["detached", "direct"].every((name) => existsSync(join(bench.workspace, name))), 10_000);
    const result = turn.result();
    result.catch(() => {});
    await bench.codex.close();
    await expect(result).rejects.toThrow("The client was closed");
  });
});

const DETACHED = {
  "in a session of its own": "(setsid sh -c 'touch there; exec sleep 600' &)",
  "by a double fork, deaf to SIGTERM":
    "python3 -c 'import os, signal, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  " +
    'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n  open("there", "w")\n  time.sleep(600)\' ; sleep 0.1',
  "with nohup and disown": "nohup setsid sh -c 'touch there; exec sleep 600' >/dev/null 2>&1 & disown",
} as const;

/** Has the agent start what detaches itself, in a turn that completes, and gives the mark by which it is found. */
async function detach({ codex, model, workspace }: TestCodex, command: string): Promise<string> {
  const thread = await codex.startThread({ sandbox: "full-access" });
  model.enqueue(shell(command), message("Started."));
  await thread.run("go");
  await until(() => existsSync(join(workspace, "there")), 10_000);
  const mark = markOf(codex.pid);
  // The environment of a process cannot be read while it executes another program.
  await until(() => marked(mark).length > 1, 10_000);
  return mark;
}

describe.runIf(process.platform === "linux")("what a command detached", () => {
  test.each(Object.entries(DETACHED))("%s is gone after close()", async (_, command) => {
    verifies("detached-commands");
    await using bench = await startTestCodex();
    const mark = await detach(bench, command);
    await bench.codex.close();
    expect(marked(mark)).toEqual([]);
  });

  test("is gone when the runtime was killed", async () => {
    verifies("detached-commands");
    await using bench = await startTestCodex();
    const mark = await detach(bench, DETACHED["in a session of its own"]);
    process.kill(bench.codex.pid ?? 0, "SIGKILL");
    await bench.codex.closed;
    expect(marked(mark)).toEqual([]);
  });

  test("is gone before another process takes the place of a crashed one", async () => {
    verifies("detached-commands");
    await using bench = await startTestCodex({ restart: "on-crash" });
    const { codex } = bench;
    const mark = await detach(bench, DETACHED["in a session of its own"]);
    process.kill(codex.pid ?? 0, "SIGKILL");
    await until(() => codex.status === "idle", 10_000);
    expect(marked(mark)).toEqual([]);
    await codex.start();
    expect(markOf(codex.pid)).not.toBe(mark);
  });

  test.each<[string, TestCodexOptions]>([
    ["inherit = core", { config: { shell_environment_policy: { inherit: "core" } } }],
    ["inherit = none in config.toml", { extraConfig: { shell_environment_policy: { inherit: "none" } } }],
    ["variables of its own", { config: { shell_environment_policy: { inherit: "core", set: { A: "1" } } } }],
    ["CODEX_* excluded", { config: { shell_environment_policy: { exclude: ["CODEX_*"] } } }],
  ])("is found with an environment policy: %s", async (_, options) => {
    verifies("detached-commands");
    await using bench = await startTestCodex(options);
    const mark = await detach(bench, "(/usr/bin/setsid /bin/sh -c '/bin/touch there; exec /bin/sleep 600' &)");
    await bench.codex.close();
    expect(marked(mark)).toEqual([]);
  });

  test("is gone with the server that it was started on, not with the client", async () => {
    verifies("detached-commands");
    await using bench = await startTestCodex();
    const { model, workspace, codexHome, codexOptions } = bench;
    const { env, inheritEnv } = codexOptions;
    await using server = await serveAppServer({ codexHome, env, inheritEnv, cwd: workspace });
    const mark = markOf(server.pid);
    const client = await server.connect();
    const thread = await client.startThread({ sandbox: "full-access" });
    model.enqueue(shell(DETACHED["in a session of its own"]), message("Started."));
    await thread.run("go");
    await until(() => existsSync(join(workspace, "there")), 10_000);
    const before = marked(mark);
    await client.close();
    expect(marked(mark)).toEqual(before);
    await server.close();
    expect(marked(mark)).toEqual([]);
  });
});

test("a hundred runtimes, started and closed, leave nothing", { timeout: 60_000 }, () => {
  verifies("hundred-runtimes");
  return leavesNothing(async () => {
    await using bench = await startTestCodex();
    for (let round = 0; round < 25; round++) {
      const clients = Array.from({ length: 4 }, () => new Codex(bench.codexOptions));
      await Promise.all(clients.map((client) => client.start()));
      await Promise.all(clients.map((client) => client.close()));
    }
  });
});
