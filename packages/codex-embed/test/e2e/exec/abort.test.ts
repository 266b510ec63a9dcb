import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AbortError } from "codex-embed/exec";
import { gate, message, shell } from "codex-embed/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { locateRuntime } from "../../../src/process/locate.js";
import { ExecBench, rejection } from "../../support/execBench.js";
import { leavesNothing } from "../../support/leaks.js";
import { isAlive } from "../../support/processes.js";
import { verifies } from "../../support/verifies.js";
import { until } from "../../wire/process/children.js";

/** Notes its id and stays, deaf to SIGTERM. */
const stubborn = (name: string) =>
  `trap "" TERM HUP; echo $$ > ${name}.new; mv ${name}.new ${name}; while :; do sleep 1; done`;

describe.skipIf(process.platform === "win32")("an abort", () => {
  test("during a command ends the command, what it started and what left its session, and lets the turn go", async () => {
    verifies("exec-abort");
    const bench = await ExecBench.start();
    await leavesNothing(async () => {
      bench.model.enqueue(
        shell(`setsid sh -c '${stubborn("detached")}' & ${stubborn("direct")}`),
        message("On again."),
      );
      const thread = bench.thread();
      const controller = new AbortController();
      const { events } = await thread.runStreamed("go", { signal: controller.signal });
      for (let type = ""; type !== "item.started"; type = (await events.next()).value?.type ?? "item.started");
      const reading = rejection(events.next());
      const files = ["detached", "direct"].map((name) => join(bench.home.workspace, name));
      await until(() => files.every((file) => existsSync(file)), 10_000);
      const pids = files.map((file) => Number(readFileSync(file, "utf8")));
      onTestFinished(async () => {
        for (const pid of pids) if (await isAlive(pid)) process.kill(pid, "SIGKILL");
      });
      const begin = performance.now();
      controller.abort();
      const error = await reading;
      expect(performance.now() - begin).toBeLessThan(4_000);
      expect(error).toBeInstanceOf(AbortError);
      expect(error).toMatchObject({
        cause: controller.signal.reason,
        threadId: thread.id,
        result: { items: [], unfinished: [{ type: "command_execution", status: "in_progress" }] },
      });
      expect(await Promise.all(pids.map(isAlive))).toEqual([false, false]);
      expect(await thread.run("again")).toMatchObject({ finalResponse: "On again." });
    });
  });

  test("while a process that left holds the runtime's stdout does not wait for it", async () => {
    const bench = await ExecBench.start();
    await leavesNothing(async () => {
      const open = gate();
      bench.model.enqueue(shell("true"), message({ deltas: ["never", open] }));
      const wrapper = join(bench.home.workspace, "codex");
      const { path } = locateRuntime({ env: bench.home.env });
      await writeFile(wrapper, `#!/bin/sh\nsetsid sleep 600 &\nexec "${path}" "$@"\n`, { mode: 0o755 });
      const thread = bench.codex({ codexPathOverride: wrapper }).startThread(bench.threadOptions);
      const controller = new AbortController();
      const running = rejection(thread.run("go", { signal: controller.signal }));
      await open.reached;
      const begin = performance.now();
      controller.abort(new Error("Enough."));
      expect(await running).toMatchObject({ name: "AbortError", cause: new Error("Enough.") });
      expect(performance.now() - begin).toBeLessThan(4_000);
    });
  });

  test.runIf(process.platform === "linux")("and the end of a turn by itself end what had detached itself", async () => {
    verifies("exec-abort");
    const bench = await ExecBench.start();
    const detach = (name: string) =>
      shell(`(setsid sh -c 'echo $$ > ${name}; exec sleep 600' &); until [ -s ${name} ]; do sleep 0.01; done`);
    const pidOf = (name: string) => Number(readFileSync(join(bench.home.workspace, name), "utf8"));
    const open = gate();
    bench.model.enqueue(detach("first"), message("Started."), detach("second"), message({ deltas: ["never", open] }));
    const config = { shell_environment_policy: { inherit: "core" } };
    const thread = bench.codex({ config }).startThread({ ...bench.threadOptions, sandboxMode: "danger-full-access" });
    await thread.run("go");
    expect(await isAlive(pidOf("first"))).toBe(false);
    const controller = new AbortController();
    const running = rejection(thread.run("go", { signal: controller.signal }));
    await open.reached;
    expect(await isAlive(pidOf("second"))).toBe(true);
    controller.abort();
    expect(await running).toBeInstanceOf(AbortError);
    expect(await isAlive(pidOf("second"))).toBe(false);
  });

  test("by leaving the stream ends the turn too", async () => {
    const bench = await ExecBench.start();
    await leavesNothing(async () => {
      bench.model.enqueue(shell(`sh -c '${stubborn("direct")}'`));
      const { events } = await bench.thread().runStreamed("go");
      for await (const event of events) if (event.type === "item.started") break;
      expect(await bench.model.requests[0]?.ended).toBe("answered");
    });
  });
});
