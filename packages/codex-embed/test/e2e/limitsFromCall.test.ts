/** Limits count from the call, and end the work they interrupt however late the runtime answers. */

import { spawn as spawnChild } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Codex,
  RequestTimeoutError,
  type Spawn,
  serveAppServer,
  type Thread,
  TransportClosedError,
  TurnDeadlineError,
  type TurnEvent,
  TurnInProgressError,
  TurnLimitError,
  type TurnLimits,
  TurnStalledError,
} from "codex-embed";
import {
  createTestHome,
  gate,
  message,
  ScriptedModel,
  shell,
  silence,
  startTestCodex,
  type TestCodex,
} from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { isAlive } from "../support/processes.js";
import { Proxy } from "../support/proxy.js";
import { commandStarted, nextNotification, rejection, until, waitForFile } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const reason = new Error("The user left.");

/** Stops the runtime of a bench, and lets it go on when disposed of. */
function stopped({ codex }: TestCodex): Disposable {
  const pid = codex.pid ?? Number.NaN;
  process.kill(pid, "SIGSTOP");
  return { [Symbol.dispose]: () => void process.kill(pid, "SIGCONT") };
}

/** Resolves when the next turn of the thread has ended, with its status. */
async function nextEnd(codex: Codex, { id }: Thread): Promise<string> {
  const { turn } = await nextNotification(codex, "turn/completed", ({ threadId }) => threadId === id);
  return turn.status;
}

const limits: readonly (readonly [string, () => TurnLimits, (error: unknown) => void])[] = [
  [
    "signal",
    () => ({ signal: AbortSignal.timeout(200) }),
    (error) => expect(error).toHaveProperty("name", "TimeoutError"),
  ],
  ["deadlineMs", () => ({ deadlineMs: 200 }), (error) => expect(error).toBeInstanceOf(TurnDeadlineError)],
  ["idleTimeoutMs", () => ({ idleTimeoutMs: 200 }), (error) => expect(error).toBeInstanceOf(TurnStalledError)],
];

describe("a runtime that does not answer turn/start", () => {
  test.each(limits)(
    "%s: the caller is let go, the turn is interrupted when it answers, the next run waits",
    async (_, limit, check) => {
      verifies("limits-from-call");
      const wiretap = new Wiretap();
      await using bench = await startTestCodex({ spawn: wiretap.spawn });
      const { codex, model } = bench;
      model.respondWith((request) => (request.lastUserText() === "First." ? silence() : message("Now.")));
      const thread = await codex.startThread();
      const ended = nextEnd(codex, thread);
      // The process is not the client's own: it is stopped behind the wiretap.
      const hold = wiretap.hold();
      const error: unknown = await thread.run("First.", limit()).catch((caught: unknown) => caught);
      check(error);
      if (TurnLimitError.isInstance(error)) {
        expect(error).toMatchObject({ threadId: thread.id, turnId: null, result: null, maybeAccepted: true });
        expect(error.message).toMatch(/did not answer.*interrupted at once/);
        expect(error.stack).toContain("limitsFromCall.test");
      }
      const busy = await rejection(thread.run("Second.", { deadlineMs: 100 }), TurnDeadlineError);
      expect(busy).toMatchObject({ maybeAccepted: false, cause: { code: "TURN_IN_PROGRESS", reason: "ending" } });
      const next = thread.run("Third.");
      hold.open();
      expect(await ended).toBe("interrupted");
      expect((await next).finalResponse).toBe("Now.");
      expect(wiretap.sent("turn/interrupt")).toHaveLength(1);
      expect(model.requests.flatMap((request) => request.userTexts())).not.toContain("Second.");
    },
  );

  test("requestTimeoutMs: as with a limit", async () => {
    await using bench = await startTestCodex({ requestTimeoutMs: 1_500 });
    const { codex, model } = bench;
    model.respondWith((request) => (request.lastUserText() === "First." ? silence() : message("Now.")));
    const thread = await codex.startThread();
    const ended = nextEnd(codex, thread);
    {
      using _stop = stopped(bench);
      const error = await rejection(thread.run("First."), RequestTimeoutError);
      expect(error).toMatchObject({ method: "turn/start", timeoutMs: 1_500, maybeAccepted: true });
      const busy = await rejection(thread.run("Second."), TurnInProgressError);
      expect(busy).toMatchObject({ reason: "ending" });
    }
    expect(await ended).toBe("interrupted");
    expect((await thread.run("Third.")).finalResponse).toBe("Now.");
  });

  test("a review and a goal are ended as well", async () => {
    // Loaded by the first call otherwise, which may take longer than the time to the abort.
    await Promise.all([import("../../src/client/goal.js"), import("../../src/client/threadActions.js")]);
    await using bench = await startTestCodex();
    const { codex, model } = bench;
    model.respondWith((request) => (request.lastUserText() === "Own turn." ? message("Now.") : silence()));
    const thread = await codex.startThread();
    await thread.run("Own turn.");
    const work: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => thread.review({ type: "custom", instructions: "Look." }, { signal }),
      (signal) => thread.runGoal("Work.", { signal }),
    ];
    for (const start of work) {
      const controller = new AbortController();
      {
        using _stop = stopped(bench);
        const running = start(controller.signal);
        setTimeout(() => controller.abort(reason), 100);
        expect(await rejection(running, Error)).toBe(reason);
      }
      expect((await thread.run("Own turn.")).finalResponse).toBe("Now.");
    }
    expect((await thread.goal())?.status).toBe("paused");
  });
});

describe("a runtime that is not there", () => {
  test.each(limits)("%s holds while a crashed one is started again; nothing is sent", async (_, limit, check) => {
    verifies("limits-from-call");
    let isHung = false;
    const spawn: Spawn = ({ command, args, cwd, env }) =>
      isHung ? spawnChild("sleep", ["60"]) : spawnChild(command, args, { cwd, env });
    await using bench = await startTestCodex({ restart: "on-crash", spawn, startupTimeoutMs: 3_000 });
    const { codex, model } = bench;
    model.enqueue(message("One."), message("Two."));
    const thread = await codex.startThread();
    await thread.run("First.");
    const gone = new Promise<void>((resolve) => {
      codex.on("status", ({ params }) => {
        if (params.status === "idle") resolve();
      });
    });
    isHung = true;
    process.kill(codex.pid ?? Number.NaN, "SIGKILL");
    await gone;
    const error: unknown = await thread.run("Lost.", limit()).catch((caught: unknown) => caught);
    check(error);
    if (TurnLimitError.isInstance(error)) {
      expect(error).toMatchObject({ maybeAccepted: false, cause: { signal: "SIGKILL" } });
      expect(error.message).toMatch(/turn\/start was not sent\. Cause: .*SIGKILL/);
    }
    isHung = false;
    // The start that hangs is over after its own limit; then another can be tried.
    await rejection(codex.start(), Error);
    expect((await thread.run("Second.")).finalResponse).toBe("Two.");
    expect(model.requests.flatMap((request) => request.userTexts())).not.toContain("Lost.");
  });

  test.each(limits)("%s holds while the connection is made again; nothing is sent", async (_, limit, check) => {
    verifies("limits-from-call");
    await using bench = await behindProxy();
    const { thread, proxy, model, codex } = bench;
    const lost = bench.is("reconnecting");
    proxy.down();
    await lost;
    const error: unknown = await thread.run("Lost.", limit()).catch((caught: unknown) => caught);
    check(error);
    if (TurnLimitError.isInstance(error)) {
      expect(error).toMatchObject({ maybeAccepted: false, cause: expect.any(TransportClosedError) });
      expect(error.message).toContain("The client is reconnecting.");
    }
    expect(codex.status).toBe("reconnecting");
    proxy.up();
    expect((await thread.run("Second.")).finalResponse).toBe("Two.");
    expect(model.requests.flatMap((request) => request.userTexts())).not.toContain("Lost.");
  });

  test("a connection that is lost before the answer: the turn is found and interrupted on the next one", async () => {
    verifies("limits-from-call");
    await using bench = await behindProxy();
    const { thread, proxy, model, codex } = bench;
    const asked = gate();
    model.when((request) => request.lastUserText() === "Lost.").enqueue(message({ deltas: ["a", asked, gate()] }));
    const ended = nextEnd(codex, thread);
    proxy.freezeAnswers();
    await rejection(thread.run("Lost.", { deadlineMs: 200 }), TurnDeadlineError);
    await asked.reached;
    proxy.cut();
    expect(await ended).toBe("interrupted");
    expect((await thread.run("Second.")).finalResponse).toBe("Two.");
  });
});

describe.concurrent("clean-up is owed", () => {
  test.each(["turn", "goal"] as const)(
    "a %s that a stopped runtime does not end leaves no command when it goes on",
    async (kind) => {
      verifies("abort-stops-commands");
      await using bench = await startTestCodex({ sandbox: "full-access" });
      const { codex, model } = bench;
      const command = commandIn(bench);
      model.respondWith((request) => (request.lastUserText() === "Again." ? message("Now.") : command.part));
      const thread = await codex.startThread();
      const controller = new AbortController();
      const { signal } = controller;
      const work =
        kind === "turn" ? await thread.startTurn("Go.", { signal }) : await thread.startGoal("Go.", { signal });
      const pid = await command.started(work);
      const told = nextNotification(
        codex,
        "item/completed",
        ({ threadId, item }) => threadId === thread.id && item.type === "commandExecution",
      );
      const next = gate();
      {
        using _stop = stopped(bench);
        controller.abort(reason);
        expect(await rejection(work.result(), Error)).toBe(reason);
        void thread.run("Again.").then(() => next.open());
      }
      await told;
      await next.opened;
      expect(await isAlive(pid)).toBe(false);
      const { data } = await codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
      expect(data).toEqual([]);
    },
  );

  test("keepCommands leaves a goal's commands running", async () => {
    await using bench = await startTestCodex({ sandbox: "full-access" });
    const { codex, model } = bench;
    const command = commandIn(bench);
    model.respondWith(() => command.part);
    const thread = await codex.startThread();
    const controller = new AbortController();
    const goal = await thread.startGoal("Go.", { signal: controller.signal, keepCommands: true });
    const pid = await command.started(goal);
    controller.abort(reason);
    expect(await rejection(goal.result(), Error)).toBe(reason);
    expect(await isAlive(pid)).toBe(true);
  });

  test("a command is gone from the list when the abort has rejected, whenever it began", async () => {
    verifies("abort-stops-commands");
    await using bench = await startTestCodex({ sandbox: "full-access" });
    const { codex, model } = bench;
    model.respondWith(() => shell("exec sleep 600"));
    const thread = await codex.startThread();
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const turn = await thread.startTurn("Go.", { signal: controller.signal });
      await until(turn, ({ method }) => method === (round % 2 === 0 ? "item/started" : "item/completed"));
      if (round % 4 > 1) await commandStarted(turn);
      controller.abort(reason);
      expect(await rejection(turn.result(), Error)).toBe(reason);
      const { data } = await codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
      expect(data).toEqual([]);
    }
  });
});

/** A command that goes on for long, and how to await that it runs. */
function commandIn({ workspace }: TestCodex) {
  const [pidFile, goFile] = [join(workspace, "pid"), join(workspace, "go")];
  return {
    part: shell(`echo $$ > ${pidFile}; ${waitForFile(goFile)}; echo up; exec sleep 600`),
    /** Resolves with its process. */
    async started(work: AsyncIterable<TurnEvent>): Promise<number> {
      await commandStarted(work);
      await writeFile(goFile, "");
      await until(work, ({ method }) => method === "item/commandExecution/outputDelta");
      return Number(await readFile(pidFile, "utf8"));
    },
  };
}

/** A client of a server behind a proxy, with a thread that has had a turn. */
async function behindProxy() {
  const model = await ScriptedModel.start();
  model.respondWith((request) => message(request.lastUserText() === "First." ? "One." : "Two."));
  const home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  const server = await serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth: { type: "token", token: "t" } });
  const proxy = await Proxy.to(server.url);
  const codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 5, maxDelayMs: 50 } });
  const thread = await codex.startThread();
  await thread.run("First.");
  return {
    model,
    proxy,
    codex,
    thread,
    is: (status: string) =>
      new Promise<void>((resolve) => {
        codex.on("status", ({ params }) => {
          if (params.status === status) resolve();
        });
      }),
    async [Symbol.asyncDispose]() {
      await codex.close();
      await proxy[Symbol.asyncDispose]();
      await server.close();
      await home.dispose();
      await model.close();
    },
  };
}
