/** Guards: functions of the program that the runtime asks about every call of a tool. */

import { AsyncLocalStorage } from "node:async_hooks";
import { access, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import {
  Codex,
  GuardError,
  type GuardedCall,
  type GuardContext,
  type HandlerErrorEvent,
  type PatchCall,
  serveAppServer,
  tool,
  toolGroup,
  UsageError,
} from "codex-embed";
import {
  applyPatch,
  createTestHome,
  gate,
  message,
  recordGuards,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  toolCall,
} from "codex-embed/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { SharedBench } from "../support/bench.js";
import { cast, spawn, waitFor } from "../support/cast.js";
import { Proxy } from "../support/proxy.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

const PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch";

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

test("a denied command does not run, and the model reads why", async () => {
  verifies("guards");
  const calls: [GuardedCall, GuardContext][] = [];
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        beforeTool: (call, context) => {
          calls.push([call, context]);
          return call.kind === "command" && call.argv?.[0] === "touch" ? { deny: "Nothing is touched." } : "allow";
        },
      },
    },
    shell("touch denied.txt"),
    shell("echo 'a b'; echo c"),
    message("ok"),
  );
  const turn = await thread.startTurn("go");
  expect((await turn.result()).finalResponse).toBe("ok");
  expect(await exists(join(bench.workspace, "denied.txt"))).toBe(false);
  expect(calls.map(([call]) => call)).toMatchObject([
    { kind: "command", script: "touch denied.txt", argv: ["touch", "denied.txt"], cwd: bench.workspace },
    { kind: "command", script: "echo 'a b'; echo c", argv: null },
  ]);
  expect(calls[0]?.[1]).toMatchObject({ threadId: thread.id, turnId: turn.id, agent: { kind: "main" } });
  const outputs = bench.model.requests.filter(({ threadId }) => threadId === thread.id).at(-1)?.body;
  expect(JSON.stringify(outputs).includes("Nothing is touched.")).toBe(true);
});

test("a guard changes the input of a call", async () => {
  verifies("guards");
  const thread = await bench.threadWith(
    { ephemeral: true, guards: { beforeTool: () => ({ input: { command: "echo changed" } }) } },
    shell("echo original"),
    message("ok"),
  );
  await thread.run("go");
  const last = bench.model.requests.filter(({ threadId }) => threadId === thread.id).at(-1);
  expect(JSON.stringify(last?.body).includes("changed\\n")).toBe(true);
});

test("patches, tools of the program and other tools are told apart", async () => {
  verifies("guards");
  const seen: GuardedCall[] = [];
  const look = (name: string) =>
    tool({
      name,
      description: "Look.",
      parameters: { type: "object", properties: {}, additionalProperties: false },
      execute: () => "seen",
    });
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      tools: [look("look"), toolGroup("crm", "Customers.", [look("find")])],
      guards: {
        beforeTool: (call) => {
          seen.push(call);
          return call.kind === "patch" ? { deny: "No patches." } : undefined;
        },
      },
    },
    applyPatch(PATCH),
    toolCall("look", {}),
    toolCall("find", {}, { namespace: "crm" }),
    toolCall("update_plan", { plan: [] }),
    message("ok"),
  );
  await thread.run("go");
  const path = join(bench.workspace, "a.txt");
  expect(seen).toMatchObject([
    { kind: "patch", patch: PATCH, files: [{ path, kind: { type: "add" }, diff: "+hello" }] },
    { kind: "tool", name: "look" },
    { kind: "tool", name: "find", namespace: "crm" },
    { kind: "other", name: "update_plan" },
  ] satisfies [Partial<PatchCall>, ...object[]]);
  expect(await exists(path)).toBe(false);
});

test.each([
  ["throws", () => Promise.reject(new Error("broken"))],
  ["answers nonsense", () => JSON.parse('{ "deny": "" }')],
  ["takes too long", () => new Promise<never>(() => {})],
])("a guard that %s denies, and says so", async (_, beforeTool) => {
  verifies("guards-closed");
  const errors: HandlerErrorEvent[] = [];
  using _subscription = bench.codex.on("handlerError", (event) => errors.push(event));
  const thread = await bench.threadWith(
    { ephemeral: true, guards: { beforeTool }, guardTimeoutMs: 500 },
    shell("touch broken.txt"),
    message("ok"),
  );
  expect((await thread.run("go")).finalResponse).toBe("ok");
  expect(await exists(join(bench.workspace, "broken.txt"))).toBe(false);
  expect(errors.map(({ params }) => params)).toMatchObject([{ request: "guards.beforeTool", threadId: thread.id }]);
});

test("guards run in the async context of the turn, and side by side", async () => {
  verifies("guards");
  const caller = new AsyncLocalStorage<string>();
  const stores: (string | undefined)[] = [];
  const both = gate();
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        beforeTool: async () => {
          stores.push(caller.getStore());
          if (stores.length === 2) both.open();
          await both.opened;
          return undefined;
        },
      },
    },
    step(shell("echo one"), shell("echo two")),
    message("ok"),
  );
  await caller.run("mine", () => thread.run("go"));
  expect(stores).toEqual(["mine", "mine"]);
});

test("the guards of a thread go before those of the client, member by member, and a fork keeps them", async () => {
  verifies("guards");
  const asked: string[] = [];
  await using own = await startTestCodex({
    guards: {
      beforeTool: () => void asked.push("client before"),
      afterTool: () => void asked.push("client after"),
    },
  });
  own.model.enqueue(shell("echo one"), message("ok"), shell("echo two"), message("ok"));
  const thread = await own.codex.startThread({ guards: { beforeTool: () => void asked.push("thread before") } });
  await thread.run("go");
  expect(asked).toEqual(["thread before", "client after"]);
  const fork = await thread.fork();
  await fork.run("go");
  expect(asked.slice(2)).toEqual(["thread before", "client after"]);
});

test("sub-agents ask the guards of their thread", async () => {
  verifies("guards");
  await using own = await startTestCodex();
  cast(own.model, {
    root: [spawn("a", "child"), waitFor("a"), message("done")],
    child: [shell("touch child.txt"), message("child done")],
  });
  const agents: GuardContext["agent"][] = [];
  const thread = await own.codex.startThread({
    guards: {
      beforeTool: (call, { agent, threadId }) => {
        if (call.kind !== "command") return undefined;
        agents.push(agent);
        expect(threadId).toBe(thread.id);
        return { deny: "Not by a child." };
      },
    },
  });
  expect((await thread.run("root")).finalResponse).toBe("done");
  expect(agents).toMatchObject([{ kind: "subagent" }]);
  expect(await exists(join(own.workspace, "child.txt"))).toBe(false);
});

test("hooks of the user and of the client still run beside the guards, and no file is written", async () => {
  verifies("guards");
  await using own = await startTestCodex({ restart: "on-crash" });
  const configFile = join(own.codexHome, "config.toml");
  const hooks = { PreToolUse: [{ hooks: [{ type: "command", command: "echo ran >> hook.txt" }] }] };
  const { data } = await own.codex.request("hooks/list", { cwds: [own.workspace] });
  expect(data.flatMap((entry) => entry.hooks)).toEqual([]);
  const before = await readFile(configFile, "utf8");
  await using other = await startTestCodex({
    model: own.model,
    config: { hooks, mcp_servers: {} },
  });
  const listed = await other.codex.request("hooks/list", { cwds: [other.workspace] });
  const [hook] = listed.data.flatMap((entry) => entry.hooks);
  if (hook === undefined) throw new Error("The hook of the client is not listed.");
  own.model.enqueue(shell("echo one"), message("ok"));
  const calls: string[] = [];
  const thread = await other.codex.startThread({
    config: { hooks: { ...hooks, state: { [hook.key]: { trusted_hash: hook.currentHash } } } },
    guards: { beforeTool: (call) => void calls.push(call.kind) },
  });
  await thread.run("go");
  expect(calls).toEqual(["command"]);
  expect(await readFile(join(other.workspace, "hook.txt"), "utf8")).toBe("ran\n");
  expect(await readFile(configFile, "utf8")).toBe(before);
});

test("a runtime that would skip the hooks opens no thread", async () => {
  verifies("guards-closed");
  const starting = bench.codex.startThread({
    ephemeral: true,
    config: { features: { hooks: false } },
    guards: { beforeTool: () => undefined },
  });
  expect(await rejection(starting, GuardError)).toMatchObject({ code: "GUARD_SKIPPED" });
});

test("a loaded thread without guards cannot be given any", async () => {
  verifies("guards-closed");
  const thread = await bench.thread();
  await rejection(bench.codex.resumeThread(thread.id, { guards: { beforeTool: () => undefined } }), UsageError);
});

test("a thread keeps its guards over a crash of the runtime", async () => {
  verifies("guards");
  await using own = await startTestCodex({ restart: "on-crash" });
  own.model.enqueue(message("first"), shell("touch crashed.txt"), message("ok"));
  const thread = await own.codex.startThread({ guards: { beforeTool: () => ({ deny: "Never." }) } });
  await thread.run("go");
  const { pid } = own.codex;
  if (pid === undefined) throw new Error("There is no process.");
  const crashed = new Promise<void>((resolve) => {
    own.codex.on("status", ({ params }) => params.status !== "ready" && resolve());
  });
  process.kill(pid, "SIGKILL");
  await crashed;
  expect((await thread.run("again")).finalResponse).toBe("ok");
  expect(await exists(join(own.workspace, "crashed.txt"))).toBe(false);
});

test("a thread of a runtime on this machine keeps its guards over a lost connection", async () => {
  verifies("guards");
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  await using server = await serveAppServer({
    codexHome,
    cwd,
    inheritEnv: false,
    env,
    auth: { type: "token", token: "t" },
  });
  await using proxy = await Proxy.to(server.url);
  await using codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 5 } });
  const [asked, again] = [gate(), gate()];
  model.enqueue(message("first"), shell("touch lost.txt"), message("ok"));
  const thread = await codex.startThread({
    guards: {
      beforeTool: async () => {
        asked.open();
        await again.opened;
        return { deny: "Never." };
      },
    },
  });
  await thread.run("go");
  const turn = await thread.startTurn("again");
  await asked.opened;
  const ready = new Promise<void>((resolve) => {
    codex.on("status", ({ params }) => params.status === "ready" && resolve());
  });
  proxy.cut();
  await ready;
  again.open();
  expect((await turn.result()).finalResponse).toBe("ok");
  expect(await exists(join(cwd, "lost.txt"))).toBe(false);
});

test("the tools of the user's MCP servers still work, and are told apart", async () => {
  verifies("guards");
  const server = createServer((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    void json(request).then((body: unknown) => {
      const { id, method, params } = z
        .object({ id: z.unknown().optional(), method: z.string(), params: z.looseObject({}).optional() })
        .parse(body);
      if (id === undefined) return void response.writeHead(202).end();
      const results: Record<string, object> = {
        initialize: {
          protocolVersion: params?.["protocolVersion"],
          capabilities: { tools: {} },
          serverInfo: { name: "docs", version: "1" },
        },
        "tools/list": { tools: [{ name: "find_it", description: "Find.", inputSchema: { type: "object" } }] },
        "tools/call": { content: [{ type: "text", text: "found" }] },
      };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    await using own = await startTestCodex({
      config: { mcp_servers: { docs: { url: `http://127.0.0.1:${port}/`, required: true } } },
    });
    own.model.enqueue(toolCall("find_it", { q: 1 }, { namespace: "mcp__docs" }), message("ok"));
    const calls: GuardedCall[] = [];
    const outputs: unknown[] = [];
    const thread = await own.codex.startThread({
      approvalMode: "deny_all",
      guards: {
        beforeTool: (call) => void calls.push(call),
        afterTool: (_, { output }) => void outputs.push(output),
      },
    });
    expect((await thread.run("go")).finalResponse).toBe("ok");
    expect(calls).toMatchObject([{ kind: "mcp", server: "docs", tool: "find_it", arguments: { q: 1 } }]);
    expect(outputs).toMatchObject([{ content: [{ type: "text", text: "found" }] }]);
    expect(JSON.stringify(own.model.requests.at(-1)?.body).includes("codex_embed_guards")).toBe(false);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("the testing kit records what guards were asked", async () => {
  verifies("guards");
  const { guards, calls } = recordGuards({ beforeTool: () => ({ deny: "No." }) });
  const thread = await bench.threadWith({ ephemeral: true, guards }, shell("echo hi"), message("ok"));
  await thread.run("go");
  expect(calls).toMatchObject([
    { call: { script: "echo hi" }, context: { threadId: thread.id }, decision: { deny: "No." } },
  ]);
});

test("unknown members of guards are refused", async () => {
  verifies("guards");
  const guards = JSON.parse('{ "beforeTools": 1 }');
  await rejection(bench.codex.startThread({ guards }), UsageError);
});
