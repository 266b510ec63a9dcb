/** Tests the death of the real runtime: what its user gets, and that the work can go on in a new one. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Codex, TransportClosedError } from "codex-embed";
import { gate, message, shell, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { leavesNothing, until } from "../support/leaks.js";

describe("a runtime that is killed", () => {
  test("in the middle of a stream: the turn rejects with the signal, and a new runtime resumes the thread", () =>
    leavesNothing(async () => {
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
    }));

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

test("closing while a command runs, one that ignores SIGTERM and left its group, leaves nothing", () =>
  leavesNothing(async () => {
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
  }));

test("a hundred runtimes, started and closed, leave nothing", { timeout: 60_000 }, () =>
  leavesNothing(async () => {
    await using bench = await startTestCodex();
    for (let round = 0; round < 25; round++) {
      const clients = Array.from({ length: 4 }, () => new Codex(bench.codexOptions));
      await Promise.all(clients.map((client) => client.start()));
      await Promise.all(clients.map((client) => client.close()));
    }
  }),
);
