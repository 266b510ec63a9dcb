/** Tests that a lost connection loses nothing: turns, items, answers and threads go on over the next one. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type AppServer,
  Codex,
  type CodexStatus,
  type ConnectOptions,
  type FileChangeApprovalRequest,
  type HandlerContext,
  type Handlers,
  RequestTimeoutError,
  serveAppServer,
  TransportClosedError,
  tool,
  UsageError,
} from "codex-embed";
import {
  applyPatch,
  createTestHome,
  gate,
  message,
  ScriptedModel,
  shell,
  step,
  type TestHome,
  toolCall,
} from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cast, spawn, waitFor } from "../support/cast.js";
import { Proxy } from "../support/proxy.js";
import { eventsOf, itemsOf, methodsOf, readAll, rejection, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

let model: ScriptedModel;
let home: TestHome;
let server: AppServer;

beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
  server = await serve(home);
});
afterAll(async () => {
  await server.close();
  await home.dispose();
  await model.close();
});

const serve = ({ codexHome, workspace: cwd, env }: TestHome): Promise<AppServer> =>
  serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth: { type: "token", token: "t" } });

/** A client behind a proxy, with what it tells of its status. */
async function behindProxy(options: ConnectOptions = {}, { url } = server) {
  const proxy = await Proxy.to(url);
  const codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 5 }, ...options });
  const statuses: CodexStatus[] = [];
  codex.on("status", ({ params }) => void statuses.push(params.status));
  const is = (status: CodexStatus) =>
    new Promise<void>((resolve) => {
      const subscription = codex.on("status", ({ params }) => {
        if (params.status !== status) return;
        subscription[Symbol.dispose]();
        resolve();
      });
    });
  return {
    proxy,
    codex,
    statuses,
    /** Resolves when that is its status the next time. */
    is,
    async [Symbol.asyncDispose]() {
      await codex.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

test.each([{ experimentalApi: true }, { experimentalApi: false }])(
  "a turn goes on under the same handle: what was missed comes once, and the text is whole (%o)",
  async (options) => {
    verifies("reconnect");
    await using bench = await behindProxy(options);
    const [cut, missed] = [gate(), gate()];
    model.enqueue(
      step(message("Thinking."), shell("echo one", { callId: "c1" })),
      message({ deltas: ["First ", cut, "half ", missed, "end."] }),
    );
    const thread = await bench.codex.startThread({ cwd: home.workspace });
    const turn = await thread.startTurn("Go.");
    const reading = readAll(turn);
    const text = (async () => {
      let whole = "";
      for await (const piece of turn.textStream()) whole += piece;
      return whole;
    })();
    await cut.reached;
    const ready = bench.is("ready");
    bench.proxy.cut();
    cut.open();
    await missed.reached;
    await ready;
    missed.open();
    const result = await turn.result();
    expect(result).toMatchObject({ status: "completed", finalResponse: "First half end." });
    expect(await text).toBe("Thinking.\n\nFirst half end.");
    const { events } = await reading;
    expect(methodsOf(events).filter((method) => method === "reconnected")).toHaveLength(1);
    const completed = eventsOf(events, "item/completed").map(({ params }) => params.item.id);
    expect(new Set(completed).size).toBe(completed.length);
    expect(result.items.map(({ type }) => type)).toEqual([
      "userMessage",
      "agentMessage",
      "commandExecution",
      "agentMessage",
    ]);
    expect(bench.statuses).toEqual(["reconnecting", "ready"]);
  },
);

test("a turn that ended meanwhile settles with its true status, and all its items in order", async () => {
  verifies("reconnect");
  await using bench = await behindProxy();
  const cut = gate();
  model.enqueue(message({ deltas: ["Wait", cut, "ed."] }), message("Next."));
  const thread = await bench.codex.startThread({ cwd: home.workspace });
  const turn = await thread.startTurn("Go.");
  await cut.reached;
  bench.proxy.down();
  cut.open();
  await using other = await server.connect();
  for (;;) {
    const { status } = await other.readThread(thread.id);
    if (status.type === "idle") break;
  }
  bench.proxy.up();
  expect(await turn.result()).toMatchObject({ status: "completed", finalResponse: "Waited." });
  expect((await thread.run("And?")).finalResponse).toBe("Next.");
});

/** A handler that waits until the test decides, and counts how often it was asked. */
function undecided() {
  const asked: HandlerContext[] = [];
  let decide: (decision: "accept" | "decline") => void = () => {};
  const decision = new Promise<"accept" | "decline">((resolve) => (decide = resolve));
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const approveCommand = (_: unknown, context: HandlerContext) => {
    asked.push(context);
    arrive();
    return decision;
  };
  return { handlers: { approveCommand }, asked, arrived, decide };
}

const askingFor = (text: string) => shell(`echo ${text}`, { escalate: { justification: "Needed." } });

describe("a decision", () => {
  test.each(["before", "during", "after"])("that is made %s the gap is asked for once, and heard", async (when) => {
    verifies("decision-over-gap");
    const { handlers, asked, arrived, decide } = undecided();
    await using bench = await behindProxy({ handlers });
    model.enqueue(askingFor("yes"), message("Done."));
    const thread = await bench.codex.startThread({ cwd: home.workspace, sandbox: "read-only" });
    const turn = await thread.startTurn("Go.");
    await arrived;
    const ready = bench.is("ready");
    // What is sent into a frozen connection gets lost.
    if (when === "before") {
      bench.proxy.freeze();
      decide("accept");
      await new Promise(setImmediate);
    }
    bench.proxy.down();
    if (when === "during") decide("accept");
    bench.proxy.up();
    await ready;
    decide("accept");
    const result = await turn.result();
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ aggregatedOutput: "yes\n", exitCode: 0 }]);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.signal.aborted).toBe(false);
  });

  test("that another client has made meanwhile is not wanted any more", async () => {
    const { handlers, asked, arrived } = undecided();
    await using bench = await behindProxy({ handlers });
    model.enqueue(shell("echo no", { escalate: { justification: "Needed." }, callId: "asked" }), message("Done."));
    const thread = await bench.codex.startThread({ cwd: home.workspace, sandbox: "read-only" });
    const turn = await thread.startTurn("Go.");
    await arrived;
    bench.proxy.down();
    await using other = await server.connect();
    await other.resumeThread(thread.id, { handlers: { approveCommand: () => "decline" } });
    bench.proxy.up();
    expect((await turn.result()).finalResponse).toBe("Done.");
    expect(model.requests.at(-1)?.toolOutput("asked")).toContain("rejected by user");
    expect(asked).toMatchObject([{ signal: { aborted: true } }]);
  });
});

describe("a file change", () => {
  const patch = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+x\n*** End Patch`);
  /** Keeps what it is asked, and never answers. */
  const keeping = () => {
    const asked: FileChangeApprovalRequest[] = [];
    const arrived = gate();
    const approveFileChange: Handlers["approveFileChange"] = (request) => {
      asked.push(request);
      arrived.open();
      return new Promise(() => {});
    };
    return { asked, arrived, handlers: { approveFileChange } };
  };

  test.each([{ experimentalApi: true }, { experimentalApi: false }])(
    "whose item came during the gap is shown whole: the record tells what is in flight (%o)",
    async (options) => {
      verifies("file-change-after-gap");
      const asked: FileChangeApprovalRequest[] = [];
      const path = join(home.codexHome, "missed");
      await using bench = await behindProxy({
        ...options,
        handlers: {
          approveFileChange: (request) => {
            asked.push(request);
            return "decline";
          },
        },
      });
      const hold = gate();
      model.enqueue(step(hold, patch(path)), message("Done."));
      const thread = await bench.codex.startThread({
        cwd: home.workspace,
        sandbox: "workspace-write",
        approvalMode: "ask",
      });
      const turn = await thread.startTurn("Go.");
      await hold.reached;
      bench.proxy.down();
      await using other = await server.connect();
      const keeper = keeping();
      await other.resumeThread(thread.id, { handlers: keeper.handlers });
      hold.open();
      await keeper.arrived.opened;
      bench.proxy.up();
      expect((await turn.result()).finalResponse).toBe("Done.");
      expect(asked.map(({ changes }) => changes)).toEqual([[{ path, kind: { type: "add" }, diff: "x\n" }]]);
      expect(existsSync(path)).toBe(false);
    },
  );

  test("that waits for its decision is shown whole to a client that resumes the thread", async () => {
    verifies("file-change-after-gap");
    const keeper = keeping();
    const path = join(home.codexHome, "resumed");
    const first = await server.connect({ handlers: keeper.handlers });
    model.enqueue(patch(path), message("Done."));
    const thread = await first.startThread({ cwd: home.workspace, sandbox: "workspace-write", approvalMode: "ask" });
    const turn = await thread.startTurn("Go.");
    turn.result().catch(() => {});
    await keeper.arrived.opened;
    await first.close();
    await using second = await server.connect();
    const shown = gate();
    let changes: unknown;
    await second.resumeThread(thread.id, {
      handlers: {
        approveFileChange: (request) => {
          ({ changes } = request);
          shown.open();
          return "decline";
        },
      },
    });
    await shown.opened;
    expect(changes).toEqual([{ path, kind: { type: "add" }, diff: "x\n" }]);
    while ((await second.readThread(thread.id)).status.type !== "idle");
    expect(existsSync(path)).toBe(false);
  });
});

test("a tool that is called before the gap runs once, and its answer arrives", async () => {
  await using bench = await behindProxy();
  const [called, free] = [gate(), gate()];
  let calls = 0;
  const count = tool({
    name: "count",
    description: "Counts.",
    parameters: { type: "object", properties: {} },
    execute: async () => {
      calls += 1;
      called.arrive();
      await free.opened;
      return `${calls}`;
    },
  });
  model.enqueue(toolCall("count", {}, { callId: "counted" }), message("Done."));
  const thread = await bench.codex.startThread({ cwd: home.workspace, tools: [count] });
  const turn = await thread.startTurn("Go.");
  await called.reached;
  const ready = bench.is("ready");
  bench.proxy.cut();
  await ready;
  free.open();
  await turn.result();
  expect(calls).toBe(1);
  expect(model.requests.at(-1)?.toolOutput("counted")).toBe("1");
});

test("sub-agents are heard of again, and so is their end", async () => {
  const script = await ScriptedModel.start();
  await using home = await createTestHome({ model: script });
  await using server = await serve(home);
  await using bench = await behindProxy({}, server);
  const [cut, rest] = [gate(), gate()];
  cast(script, {
    root: [spawn("a", "helper"), waitFor("a"), message("All done.")],
    helper: [message({ deltas: ["Hel", cut, "p", rest, "ed."] })],
  });
  const thread = await bench.codex.startThread({ cwd: home.workspace });
  const turn = await thread.startTurn("root");
  await cut.reached;
  await until(turn, (event) => event.method === "item/completed" && event.params.item.type === "collabAgentToolCall");
  const ready = bench.is("ready");
  bench.proxy.cut();
  cut.open();
  await ready;
  rest.open();
  expect((await turn.result()).finalResponse).toBe("All done.");
  const [agent] = turn.agents();
  expect(await agent?.result()).toMatchObject({ status: "completed", finalResponse: "Helped." });
  await script.close();
});

test("a goal goes on over the turns that it had meanwhile", async () => {
  await using bench = await behindProxy();
  const cut = gate();
  model.enqueue(
    message({ deltas: ["One", cut, "."] }),
    message("Two."),
    toolCall("update_goal", { status: "complete" }),
    message("Three."),
  );
  const thread = await bench.codex.startThread({ cwd: home.workspace });
  const goal = await thread.startGoal("Count to three.");
  await cut.reached;
  bench.proxy.down();
  cut.open();
  await using other = await server.connect();
  for (;;) {
    const { goal: now } = await other.request("thread/goal/get", { threadId: thread.id });
    if (now?.status === "complete" && (await other.readThread(thread.id)).status.type === "idle") break;
  }
  bench.proxy.up();
  const result = await goal.result();
  expect(result).toMatchObject({ status: "complete", finalResponse: "Three." });
  expect(itemsOf(result, "agentMessage").map(({ text }) => text)).toEqual(["One.", "Two.", "Three."]);
});

describe("a thread", () => {
  test("that had no turn yet is heard of with its first one", async () => {
    await using bench = await behindProxy();
    const thread = await bench.codex.startThread({ cwd: home.workspace });
    const ready = bench.is("ready");
    bench.proxy.cut();
    await ready;
    model.enqueue(message({ deltas: ["A", "B"] }), message("C"));
    const turn = await thread.startTurn("Go.");
    expect((await readAll(turn)).error).toBeUndefined();
    expect((await turn.result()).finalResponse).toBe("AB");
    expect((await thread.run("And?")).finalResponse).toBe("C");
  });

  test("that is not stored cannot be taken up: its turn rejects with the cause, and it says so afterwards", async () => {
    await using bench = await behindProxy();
    const cut = gate();
    model.enqueue(message({ deltas: ["A", cut] }));
    const thread = await bench.codex.startThread({ cwd: home.workspace, ephemeral: true });
    const turn = await thread.startTurn("Go.");
    await cut.reached;
    const ready = bench.is("ready");
    bench.proxy.cut();
    const error = await rejection(turn.result(), TransportClosedError);
    expect(error).toMatchObject({ maybeAccepted: true, message: expect.stringContaining(`turn ${turn.id}`) });
    await ready;
    const refused = await rejection(thread.run("Again."), UsageError);
    expect(refused.message).toContain("could not be resumed");
    cut.open();
  });

  test("that was unsubscribed is left alone", async () => {
    await using bench = await behindProxy();
    model.enqueue(message("One."));
    const thread = await bench.codex.startThread({ cwd: home.workspace });
    await thread.run("Go.");
    await thread.unsubscribe();
    const ready = bench.is("ready");
    bench.proxy.cut();
    await ready;
    await rejection(thread.run("Again."), UsageError);
  });
});

test("another server in its place: the turn settles as interrupted, the thread goes on", async () => {
  await using bench = await behindProxy();
  const cut = gate();
  model.enqueue(message("Before."), message({ deltas: ["Half", cut] }));
  const thread = await bench.codex.startThread({ cwd: home.workspace });
  await thread.run("Go.");
  const turn = await thread.startTurn("On.");
  await cut.reached;
  bench.proxy.down();
  await server.close();
  server = await serve(home);
  bench.proxy.target = server.url;
  bench.proxy.up();
  expect(await turn.result()).toMatchObject({ status: "interrupted", finalResponse: null });
  model.enqueue(message("After."));
  expect((await thread.run("And?")).finalResponse).toBe("After.");
  expect(model.requests.at(-1)?.userTexts().join()).toContain("Go.");
});

test("another server in its place: a sub-agent ends as its record says, and is not loaded in another sandbox", async () => {
  verifies("sub-agent-not-loaded");
  const script = await ScriptedModel.start();
  await using home = await createTestHome({ model: script, extraConfig: { sandbox_mode: "danger-full-access" } });
  const first = await serve(home);
  await using bench = await behindProxy({}, first);
  const cut = gate();
  cast(script, {
    root: [spawn("a", "helper"), message("It runs."), message("And on.")],
    helper: [message({ deltas: ["Half", cut] })],
  });
  const { codex, proxy } = bench;
  const thread = await codex.startThread({ cwd: home.workspace, sandbox: "workspace-write" });
  const turn = await thread.startTurn("root");
  await cut.reached;
  await turn.result();
  const [agent] = turn.agents();
  if (agent === undefined) throw new Error("There is no sub-agent.");
  const ready = bench.is("ready");
  proxy.down();
  await first.close();
  await using second = await serve(home);
  proxy.target = second.url;
  proxy.up();
  await ready;
  expect(await agent.result()).toMatchObject({ status: "interrupted" });
  const loaded = async (): Promise<string[]> => (await codex.request("thread/loaded/list", {})).data;
  expect(await loaded()).toEqual([]);
  await codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
  expect(await loaded()).toEqual([thread.id]);
  await script.close();
});

describe("an idle thread", () => {
  test("is taken up at its next use, with its handlers, tools and sandbox; one that is busy before all else", async () => {
    verifies("reconnect-idle-threads");
    const script = await ScriptedModel.start();
    await using home = await createTestHome({ model: script, extraConfig: { sandbox_mode: "danger-full-access" } });
    const first = await serve(home);
    await using bench = await behindProxy({}, first);
    const { codex, proxy } = bench;
    const called: unknown[] = [];
    const look = tool({
      name: "look",
      description: "Looks.",
      parameters: { type: "object", properties: {} },
      execute: () => void called.push("look"),
    });
    const open = () => codex.startThread({ cwd: home.workspace, sandbox: "read-only", tools: [look] });
    const [busy, idle, unused] = [await open(), await open(), await open()];
    for (const thread of [busy, idle, unused]) {
      script.enqueue(message("Before."));
      await thread.run("Go.");
    }
    const cut = gate();
    script.enqueue(message({ deltas: ["Half", cut] }));
    const turn = await busy.startTurn("On.");
    await cut.reached;
    const ready = bench.is("ready");
    proxy.down();
    await first.close();
    await using second = await serve(home);
    proxy.target = second.url;
    proxy.up();
    await ready;
    expect(await turn.result()).toMatchObject({ status: "interrupted" });
    const loaded = async (): Promise<string[]> => (await codex.request("thread/loaded/list", {})).data.toSorted();
    expect(await loaded()).toEqual([busy.id]);
    script.enqueue(step(toolCall("look", {})), step(shell("touch here")), message("After."));
    expect((await idle.run("And?")).finalResponse).toBe("After.");
    expect(called).toEqual(["look"]);
    expect(existsSync(join(home.workspace, "here"))).toBe(false);
    expect(await loaded()).toEqual([busy.id, idle.id].toSorted());
    await script.close();
  });

  test("whose turn another client starts is taken up by then, and its own handlers are asked", async () => {
    verifies("reconnect-idle-threads");
    const asked: string[] = [];
    await using bench = await behindProxy();
    const thread = await bench.codex.startThread({
      cwd: home.workspace,
      sandbox: "read-only",
      handlers: { approveCommand: ({ command }) => (asked.push(command ?? ""), "decline") },
    });
    model.enqueue(message("Before."));
    await thread.run("Go.");
    bench.proxy.down();
    await server.close();
    server = await serve(home);
    bench.proxy.target = server.url;
    const ready = bench.is("ready");
    bench.proxy.up();
    await ready;
    await using other = await server.connect();
    const undecided = { approveCommand: () => new Promise<never>(() => {}) };
    const theirs = await other.resumeThread(thread.id, { sandbox: "read-only", handlers: undecided });
    model.enqueue(step(shell("touch /tmp/x", { escalate: { justification: "Try." } })), message("Declined."));
    await theirs.run("Do.");
    expect(asked.join()).toContain("touch /tmp/x");
  });

  test("whose runtime is still there stays subscribed, without being used", async () => {
    verifies("reconnect-idle-threads");
    await using bench = await behindProxy();
    const threads = [];
    for (let count = 0; count < 3; count++) {
      const thread = await bench.codex.startThread({ cwd: home.workspace });
      model.enqueue(message("Before."));
      await thread.run("Go.");
      threads.push(thread);
    }
    const ready = bench.is("ready");
    bench.proxy.cut();
    await ready;
    for (const { id: threadId } of threads) {
      let status = "notSubscribed";
      while (status !== "unsubscribed") ({ status } = await bench.codex.request("thread/unsubscribe", { threadId }));
    }
  });
});

describe("while there is no connection", () => {
  test("requests wait for one; a signal and a timeout end the waiting", async () => {
    await using bench = await behindProxy();
    const gone = bench.is("reconnecting");
    bench.proxy.down();
    await gone;
    const controller = new AbortController();
    const aborted = bench.codex.request("model/list", {}, { signal: controller.signal });
    const late = bench.codex.request("model/list", {}, { timeoutMs: 30 });
    const waiting = bench.codex.models();
    controller.abort(new Error("Enough."));
    await expect(aborted).rejects.toThrow("Enough.");
    expect(await rejection(late, RequestTimeoutError)).toMatchObject({ maybeAccepted: false });
    bench.proxy.up();
    expect(await waiting).not.toEqual([]);
  });

  test("close ends the attempts at once, and what is pending", async () => {
    const bench = await behindProxy({ reconnect: { initialDelayMs: 60_000, maxDelayMs: 60_000 } });
    const cut = gate();
    model.enqueue(message({ deltas: ["A", cut] }));
    const thread = await bench.codex.startThread({ cwd: home.workspace });
    const turn = await thread.startTurn("Go.");
    await cut.reached;
    const gone = bench.is("reconnecting");
    bench.proxy.cut();
    await gone;
    const waiting = rejection(bench.codex.models(), TransportClosedError);
    await bench.codex.close();
    await rejection(turn.result(), TransportClosedError);
    expect((await waiting).message).toContain("client was closed");
    expect(await bench.codex.closed).toMatchObject({ initiator: "client" });
    expect(bench.codex.status).toBe("closed");
    await bench.proxy[Symbol.asyncDispose]();
    cut.open();
  });
});

test("an abort that falls into the gap ends the turn all the same", async () => {
  await using bench = await behindProxy();
  model.enqueue(message({ deltas: ["A", gate()] }));
  const thread = await bench.codex.startThread({ cwd: home.workspace });
  const controller = new AbortController();
  const turn = await thread.startTurn("Go.", { signal: controller.signal });
  await until(turn, ({ method }) => method === "item/agentMessage/delta");
  bench.proxy.freeze();
  controller.abort(new Error("Enough."));
  await new Promise(setImmediate);
  bench.proxy.cut();
  await expect(turn.result()).rejects.toThrow("Enough.");
  model.enqueue(message("Free."));
  expect((await thread.run("And?")).finalResponse).toBe("Free.");
});

describe("a request that is under way when the connection breaks", () => {
  test("is made again when it only reads, and rejects as maybeAccepted when it does not", async () => {
    verifies("maybe-accepted");
    await using bench = await behindProxy();
    bench.proxy.freeze();
    const reading = bench.codex.models();
    const writing = rejection(bench.codex.request("thread/start", { cwd: home.workspace }), TransportClosedError);
    bench.proxy.cut();
    expect(await reading).not.toEqual([]);
    expect(await writing).toMatchObject({ method: "thread/start", maybeAccepted: true });
  });
});

describe("it is given up", () => {
  test("with reconnect: false, at once", async () => {
    verifies("reconnect-gives-up");
    await using bench = await behindProxy({ reconnect: false });
    bench.proxy.cut();
    expect(await bench.codex.closed).toMatchObject({ initiator: "runtime" });
    expect(bench.statuses).toEqual(["closed"]);
  });

  test("after giveUpAfterMs, with the last failure as the cause", async () => {
    verifies("reconnect-gives-up");
    await using bench = await behindProxy({ reconnect: { initialDelayMs: 1, maxDelayMs: 5, giveUpAfterMs: 30 } });
    const cut = gate();
    model.enqueue(message({ deltas: ["A", cut] }));
    const thread = await bench.codex.startThread({ cwd: home.workspace });
    const turn = await thread.startTurn("Go.");
    await cut.reached;
    bench.proxy.down();
    const error = await rejection(turn.result(), TransportClosedError);
    expect(error.cause).toMatchObject({ name: "LaunchError", code: "CONNECT_FAILED" });
    expect(bench.codex.status).toBe("closed");
    cut.open();
  });

  test("when the token is refused, which a provider is asked for each time", async () => {
    let asked = 0;
    const tokenProvider = () => (asked++ === 2 ? "stale" : "t");
    await using bench = await behindProxy({ token: undefined, tokenProvider });
    const ready = bench.is("ready");
    bench.proxy.cut();
    await ready;
    bench.proxy.cut();
    expect(await bench.codex.closed).toMatchObject({ error: { code: "UNAUTHORIZED" } });
    expect(asked).toBe(3);
  });
});
