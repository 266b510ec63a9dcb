/** Tests that what belongs to a turn runs in the async context of who asked for it, whoever started the runtime. */

import { AsyncLocalStorage } from "node:async_hooks";
import { Codex, serveAppServer, type Thread, tool } from "codex-embed";
import {
  applyPatch,
  createTestHome,
  gate,
  message,
  type Part,
  ScriptedModel,
  type Step,
  shell,
  startTestCodex,
  step,
  type TestHome,
  toolCall,
} from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cast, spawn, waitFor } from "../support/cast.js";
import { Proxy } from "../support/proxy.js";
import { nextNotification } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const tenant = new AsyncLocalStorage<string>();
let model: ScriptedModel;
let home: TestHome;

beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
});
afterAll(async () => {
  await home.dispose();
  await model.close();
});

/** Where each thing ran, in order: its name and the tenant. */
class Record {
  readonly lines: string[] = [];
  readonly note = (what: string): void => void this.lines.push(`${what}: ${tenant.getStore() ?? "nobody"}`);
  readonly whoami = tool({
    name: "whoami",
    description: "Who asks?",
    parameters: { type: "object", properties: {} },
    execute: async (_, { log }) => {
      await Promise.resolve();
      this.note("tool");
      log("ran");
      return "ok";
    },
  });
  readonly handlers = {
    approveCommand: async () => {
      this.note("command");
      await new Promise(setImmediate);
      this.note("command, later");
      return "decline" as const;
    },
    approveFileChange: () => {
      this.note("change");
      throw new Error("Not decided.");
    },
  };
  readonly logger = {
    debug: () => {},
    info: (_: object, text: string) => {
      if (text === "ran") this.note("info of the tool");
    },
    warn: (_: object, text: string) => this.note(text.startsWith("Declined") ? "warning of a refusal" : text),
    error: () => {},
  };
}

const everything = (): Step => {
  const escalated = shell("echo x", { escalate: { justification: "Needed." } });
  const patch = applyPatch("*** Begin Patch\n*** Add File: /nowhere/x\n+x\n*** End Patch");
  return step(toolCall("whoami"), escalated, patch);
};
const ofTurn = ["tool", "info of the tool", "command", "command, later", "change", "warning of a refusal"];
const as = (who: string) => ofTurn.map((what) => `${what}: ${who}`).toSorted();

test("tools, handlers, refusals and the log of a turn run as its caller, not as the one who started the client", async () => {
  verifies("async-context");
  const record = new Record();
  const { codexHome, workspace: cwd, env } = home;
  const { handlers, logger, whoami } = record;
  await using codex = new Codex({ codexHome, cwd, env, inheritEnv: false, handlers, logger });
  const heard: (string | undefined)[] = [];
  using _subscription = tenant.run("listener", () =>
    codex.on("turn/completed", () => void heard.push(tenant.getStore())),
  );
  const script = (thread: Thread) => {
    model.when(({ threadId }) => threadId === thread.id).enqueue(everything(), message("Done."));
  };
  const ways: [string, (thread: Thread) => Promise<unknown>][] = [
    ["run", (thread) => thread.run("Go.")],
    ["startTurn", async (thread) => (await thread.startTurn("Go.")).result()],
    [
      "stream",
      async (thread) => {
        for await (const event of thread.stream("Go.")) void event;
      },
    ],
  ];
  const first = await tenant.run("the first", () =>
    codex.startThread({ cwd, sandbox: "workspace-write", tools: [whoami] }),
  );
  for (const [way, go] of ways) {
    for (const who of ["tenant-1", "tenant-2"]) {
      script(first);
      await tenant.run(who, () => go(first));
      expect([way, record.lines.splice(0).toSorted()]).toEqual([way, as(who)]);
    }
  }
  await expect.poll(() => heard).toEqual(Array.from({ length: 6 }, () => "listener"));
});

test("two turns at once, each as its caller; an unsolicited turn as who opened the thread", async () => {
  verifies("async-context");
  const record = new Record();
  const { handlers, logger, whoami } = record;
  await using bench = await startTestCodex({ handlers, logger });
  const open = (who: string) =>
    tenant.run(who, () => bench.codex.startThread({ sandbox: "workspace-write", tools: [whoami] }));
  const threads = await Promise.all(["opener-1", "opener-2"].map(open));
  const script = (thread: Thread, ...first: Part[]) => {
    bench.model
      .when(({ threadId }) => threadId === thread.id)
      .enqueue(step(...first, ...everything().parts), message("Done."));
  };
  const holds = threads.map(() => gate());
  const turns = threads.map((thread, index) => {
    const hold = holds[index];
    if (hold !== undefined) script(thread, hold);
    return tenant.run(`caller-${index + 1}`, () => thread.run("Go."));
  });
  await Promise.all(holds.map(({ reached }) => reached));
  for (const hold of holds) hold.open();
  await Promise.all(turns);
  expect(record.lines.splice(0).toSorted()).toEqual([...as("caller-1"), ...as("caller-2")].toSorted());

  const [thread] = threads;
  if (thread === undefined) throw new Error("There is no thread.");
  script(thread);
  const ended = nextNotification(bench.codex, "turn/completed");
  await tenant.run("queuer", () => thread.queue.add("Later."));
  await ended;
  expect(record.lines.splice(0).toSorted()).toEqual(as("opener-1"));
});

test("a sub-agent asks as the turn that it belongs to, and so does the agent of an agent", async () => {
  verifies("async-context");
  const record = new Record();
  const { handlers, logger } = record;
  const config = { agents: { max_depth: 3 } };
  await using bench = await startTestCodex({ sandbox: "workspace-write", handlers, logger, config });
  const asking = shell("echo x", { escalate: { justification: "Needed." } });
  cast(bench.model, {
    root: [spawn("a", "upper"), waitFor("a"), message("Done.")],
    upper: [spawn("b", "lower"), asking, waitFor("b"), message("Done.")],
    lower: [asking, message("Done.")],
  });
  const thread = await tenant.run("opener", () => bench.codex.startThread());
  await tenant.run("caller", () => thread.run("root"));
  expect(record.lines).toHaveLength(4);
  expect(new Set(record.lines.splice(0))).toEqual(new Set(["command: caller", "command, later: caller"]));

  // Nobody follows the agents of a turn that nobody here has asked for.
  cast(bench.model, {
    queued: [spawn("c", "unfollowed"), waitFor("c"), message("Done.")],
    unfollowed: [asking, message("Done.")],
  });
  const ended = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  await tenant.run("queuer", () => thread.queue.add("queued"));
  await ended;
  expect(record.lines).toEqual(["command: opener", "command, later: opener"]);
});

test("a goal's turns run as who set it; after a lost connection a turn still runs as its caller", async () => {
  verifies("async-context");
  const record = new Record();
  const { handlers, logger, whoami } = record;
  const { codexHome, workspace: cwd, env } = home;
  await using server = await serveAppServer({
    codexHome,
    cwd,
    env,
    inheritEnv: false,
    auth: { type: "token", token: "t" },
  });
  await using proxy = await Proxy.to(server.url);
  const options = { token: "t", reconnect: { initialDelayMs: 5 }, handlers, logger };
  await using codex = await tenant.run("connector", () => Codex.connect(proxy.url, options));
  const thread = await tenant.run("opener", () =>
    codex.startThread({ cwd, sandbox: "workspace-write", tools: [whoami] }),
  );
  const forThread = model.when(({ threadId }) => threadId === thread.id);
  const cut = gate();
  forThread.enqueue(step(cut, ...everything().parts), message("Done."));
  const turn = await tenant.run("caller", () => thread.startTurn("Go."));
  await cut.reached;
  proxy.cut();
  cut.open();
  await turn.result();
  expect(record.lines.splice(0).toSorted()).toEqual(as("caller"));

  forThread.enqueue(everything(), toolCall("update_goal", { status: "complete" }), message("Reached."));
  const goal = await tenant.run("goal setter", () => thread.runGoal("Reach it."));
  expect(goal.status).toBe("complete");
  expect(record.lines.splice(0).toSorted()).toEqual(as("goal setter"));
});
