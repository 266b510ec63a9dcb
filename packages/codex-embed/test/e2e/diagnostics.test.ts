/** Tests of the channels of `node:diagnostics_channel`: what is published of turns, requests, events and frames, and in which context. */

import { AsyncLocalStorage } from "node:async_hooks";
import { channel, tracingChannel } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Codex,
  type EventChannelMessage,
  type FrameChannelMessage,
  type RequestChannelMessage,
  serveAppServer,
  tool,
  TransportClosedError,
  type TurnChannelMessage,
  TurnFailedError,
  UsageError,
} from "codex-embed";
import { approvalRules } from "codex-embed/approvals";
import {
  createTestHome,
  fail,
  gate,
  message,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  toolCall,
  usage,
} from "codex-embed/testing";
import { afterEach, expect, test } from "vitest";
import { cast, spawn, waitFor } from "../support/cast.js";
import { Proxy } from "../support/proxy.js";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const subscriptions: (() => void)[] = [];
afterEach(() => {
  for (const unsubscribe of subscriptions.splice(0)) unsubscribe();
});

type Phase = "start" | "end" | "asyncStart" | "asyncEnd" | "error";
type Channels = "codex-embed:turn" | "codex-embed:request";
type MessageOf<C extends Channels> = C extends "codex-embed:turn" ? TurnChannelMessage : RequestChannelMessage;

/** Subscribes to the phases of a tracing channel. */
function subscribe<C extends Channels>(name: C, heard: (phase: Phase, of: MessageOf<C>) => void): void {
  const channels = tracingChannel<unknown, object>(name);
  const on = (phase: Phase) => (of: object) => heard(phase, untyped<MessageOf<C>>(of));
  const handlers = {
    start: on("start"),
    end: on("end"),
    asyncStart: on("asyncStart"),
    asyncEnd: on("asyncEnd"),
    error: on("error"),
  };
  channels.subscribe(handlers);
  subscriptions.push(() => channels.unsubscribe(handlers));
}

/** Subscribes to a plain channel. */
function listen<M>(name: "codex-embed:event" | "codex-embed:frame", heard: (of: M) => void): void {
  const handler = (of: unknown) => heard(untyped<M>(of));
  channel(name).subscribe(handler);
  subscriptions.push(() => channel(name).unsubscribe(handler));
}

interface Heard {
  readonly phases: readonly Phase[];
  readonly of: TurnChannelMessage;
}

/** Everything that is published of turns, by message, in the order of their starts. */
function recordTurns(): Map<TurnChannelMessage, Phase[]> {
  const all = new Map<TurnChannelMessage, Phase[]>();
  subscribe("codex-embed:turn", (phase, of) => {
    all.set(of, [...(all.get(of) ?? []), phase]);
  });
  return all;
}

function heardOf(all: Map<TurnChannelMessage, Phase[]>): Heard[] {
  return [...all].map(([of, phases]) => ({ of, phases }));
}

const WELL: Phase[] = ["start", "end", "asyncStart", "asyncEnd"];
const BADLY: Phase[] = ["start", "end", "error", "asyncStart", "asyncEnd"];

test("a turn is published from its call to its end, with its events in between", async () => {
  verifies("channels");
  const all = recordTurns();
  const events: EventChannelMessage[] = [];
  listen<EventChannelMessage>("codex-embed:event", (of) => events.push(of));
  await using bench = await startTestCodex();
  bench.model.enqueue(step(message("Hello."), usage({ input: 10, output: 2 })));
  const thread = await bench.codex.startThread({ model: "mock-model" });
  const starting = thread.startTurn("Hi", { effort: "low" });
  const [first] = heardOf(all);
  expect(first?.phases).toEqual(["start", "end"]);
  expect(first?.of).toMatchObject({ kind: "turn", threadId: thread.id, turnId: null, status: null, parent: null });
  const turn = await starting;
  const result = await turn.result();
  expect(heardOf(all)).toEqual([{ phases: WELL, of: first?.of }]);
  expect(first?.of).toMatchObject({
    turnId: turn.id,
    model: thread.model,
    settings: { effort: "low" },
    input: "Hi",
    status: "completed",
    usage: { turn: { inputTokens: 10, outputTokens: 2 } },
    durationMs: expect.any(Number),
  });
  expect(first?.of.result).toMatchObject({ id: result.id, finalResponse: "Hello." });
  expect(first?.of.error).toBeUndefined();

  const ofTurn = events.filter(({ turn: of }) => of === first?.of);
  expect(ofTurn.map(({ event }) => event.method)).toEqual(
    expect.arrayContaining(["turn/started", "item/completed", "rawResponse/completed", "turn/completed"]),
  );
  expect(new Set(ofTurn.map(({ turnId }) => turnId))).toEqual(new Set([turn.id, null]));
  const ends = events.filter(({ event }) => event.method === "turn/completed");
  expect(ends).toHaveLength(1);
  await bench.codex.close();
  expect(events.flatMap(({ event }) => (event.method === "status" ? [event.params] : []))).toMatchObject([
    { status: "starting" },
    { status: "ready" },
    { status: "closed" },
  ]);
  expect(new Set([first?.of, ...events].map((of) => of?.clientId)).size).toBe(1);
});

test("turns that fail, are refused, aborted, interrupted or cut off by a crash end with their errors", async () => {
  verifies("channels");
  const all = recordTurns();
  await using bench = await startTestCodex({ restart: "on-crash", streamMaxRetries: 0 });
  const thread = await bench.codex.startThread();
  const ended = () => heardOf(all).at(-1);

  bench.model.enqueue(fail(400, { message: "No." }));
  const failure = await rejection(thread.run("Fail."), TurnFailedError);
  expect(ended()).toMatchObject({ phases: BADLY, of: { status: "failed", error: failure } });
  expect(ended()?.of.result).toMatchObject({ status: "failed" });

  const refusal = await rejection(thread.run(untyped<string>(5)), UsageError);
  expect(ended()).toMatchObject({
    phases: BADLY,
    of: { status: "failed", turnId: null, error: refusal, result: null },
  });

  const reason = new Error("Enough.");
  const aborted = new AbortController();
  const hold = gate();
  bench.model.enqueue(step(hold, message("Late.")));
  const running = thread.run("Abort.", { signal: aborted.signal });
  await hold.reached;
  const busy = await rejection(thread.run("Busy."), Error);
  expect(ended()?.of.error).toBe(busy);
  aborted.abort(reason);
  await rejection(running, Error);
  hold.open();
  const abort = heardOf(all).at(-2);
  expect(abort).toMatchObject({ phases: BADLY, of: { status: "interrupted", input: "Abort." } });
  expect(abort?.of.error).toBe(reason);

  const stop = gate();
  bench.model.enqueue(step(stop, message("Late.")));
  const turn = await thread.startTurn("Interrupt.");
  await stop.reached;
  await turn.interrupt();
  await turn.result();
  stop.open();
  expect(ended()).toMatchObject({ phases: WELL, of: { status: "interrupted", result: { status: "interrupted" } } });

  const crash = gate();
  bench.model.enqueue(step(crash, message("Late.")));
  const cut = thread.run("Crash.");
  await crash.reached;
  process.kill(bench.codex.pid ?? 0, "SIGKILL");
  const gone = await rejection(cut, TransportClosedError);
  crash.open();
  expect(ended()).toMatchObject({ phases: BADLY, of: { status: "ended", input: "Crash." } });
  expect(ended()?.of.error).toBe(gone);
});

test("a review, a goal with its turns, and agents of agents are published with their parents", async () => {
  verifies("channels");
  const all = recordTurns();
  const config = { agents: { max_depth: 3 } };
  await using bench = await startTestCodex({ sandbox: "workspace-write", config });
  cast(bench.model, {
    root: [spawn("a", "upper"), waitFor("a"), message("Done.")],
    upper: [spawn("b", "lower"), waitFor("b"), message("Done.")],
    lower: [message("Done.")],
  });
  const thread = await bench.codex.startThread();
  await thread.run("root");
  await expect.poll(() => heardOf(all).every(({ phases }) => phases.includes("asyncEnd"))).toBe(true);
  const [root, upper, lower, ...others] = heardOf(all);
  expect(others).toEqual([]);
  expect(root?.of).toMatchObject({ kind: "turn", parent: null, status: "completed" });
  expect(upper).toMatchObject({ phases: WELL, of: { kind: "agent", status: "completed" } });
  expect(upper?.of.parent).toBe(root?.of);
  expect(lower?.of.parent).toBe(upper?.of);
  expect(new Set([root, upper, lower].map((heard) => heard?.of.threadId)).size).toBe(3);

  all.clear();
  bench.model.enqueue(message('{"findings":[],"overall_correctness":"correct","overall_explanation":"Fine."}'));
  await thread.review({ type: "custom", instructions: "Look." });
  expect(heardOf(all)).toMatchObject([{ phases: WELL, of: { kind: "review", status: "completed", parent: null } }]);
  expect(heardOf(all)[0]?.of.input).toEqual({ type: "custom", instructions: "Look." });

  all.clear();
  bench.model.enqueue(message("First."), toolCall("update_goal", { status: "complete" }), message("Reached."));
  const result = await thread.runGoal("Count.");
  const [goal, ...turns] = heardOf(all);
  expect(goal).toMatchObject({
    phases: WELL,
    of: { kind: "goal", turnId: null, input: "Count.", status: "completed" },
  });
  expect(goal?.of.result).toBe(result);
  expect(turns.map(({ of }) => of.turnId)).toEqual(result.turns.map(({ id }) => id));
  expect(turns.length).toBeGreaterThan(0);
  for (const { phases, of } of turns) {
    expect({ phases, kind: of.kind, status: of.status }).toEqual({ phases: WELL, kind: "turn", status: "completed" });
    expect(of.parent).toBe(goal?.of);
    expect(of.result).toBe(result.turns.find(({ id }) => id === of.turnId));
  }
});

test("a turn that outlasts its connection has the gap among its events, and no event twice", async () => {
  verifies("channels");
  const all = recordTurns();
  const events: EventChannelMessage[] = [];
  listen<EventChannelMessage>("codex-embed:event", (of) => events.push(of));
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const { codexHome, env, workspace: cwd } = home;
  const auth = { type: "token", token: "t" } as const;
  await using server = await serveAppServer({ codexHome, cwd, env, inheritEnv: false, auth });
  await using proxy = await Proxy.to(server.url);
  await using codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 5 } });
  const thread = await codex.startThread({ cwd });
  const hold = gate();
  model.enqueue(step(hold, message("Done.")));
  const turn = await thread.startTurn("Go.");
  await hold.reached;
  proxy.cut();
  hold.open();
  await turn.result();
  const [of] = heardOf(all);
  expect(of).toMatchObject({ phases: WELL, of: { status: "completed", turnId: turn.id } });
  const ofTurn = events.filter((event) => event.turn === of?.of).map(({ event }) => event.method);
  for (const method of ["turn/started", "reconnected", "turn/completed"]) {
    expect([method, ofTurn.filter((name) => name === method)]).toEqual([method, [method]]);
  }
  const statuses = events.flatMap(({ event }) => (event.method === "status" ? [event.params] : []));
  expect(statuses).toMatchObject([
    { status: "starting" },
    { status: "ready" },
    { status: "reconnecting" },
    { status: "ready" },
  ]);
});

test("requests are published with who decided them", async () => {
  verifies("channels");
  const done: RequestChannelMessage[] = [];
  const failed: RequestChannelMessage[] = [];
  subscribe("codex-embed:request", (phase, of) => {
    if (phase === "asyncEnd") done.push(of);
    if (phase === "error") failed.push(of);
  });
  const all = recordTurns();
  const rules = approvalRules({
    commands: { allow: ["true"] },
    otherwise: { approveCommand: () => "decline" },
  });
  const hello = tool({
    name: "hello",
    description: "Greets.",
    parameters: { type: "object", properties: {} },
    execute: () => "hello",
  });
  await using bench = await startTestCodex({ handlers: rules, sandbox: "workspace-write" });
  const escalate = { justification: "Needed." };
  bench.model.enqueue(
    toolCall("hello"),
    shell("true", { escalate }),
    shell("false", { escalate }),
    toolCall("request_user_input", { questions: [] }),
    message("Done."),
  );
  const thread = await bench.codex.startThread({ tools: [hello] });
  await thread.run("Go.");
  const [turn] = heardOf(all);
  expect(done.slice(0, 3)).toMatchObject([
    { kind: "tool", method: "item/tool/call", handler: "callTool", decidedBy: "tool", answer: { success: true } },
    { kind: "approval", handler: "approveCommand", decidedBy: "rules", answer: { decision: "accept" } },
    { kind: "approval", handler: "approveCommand", decidedBy: "handler", answer: { decision: "decline" } },
  ]);
  for (const of of done) {
    expect(of.turn).toBe(turn?.of);
    expect(of).toMatchObject({ threadId: thread.id, turnId: turn?.of.turnId, durationMs: expect.any(Number) });
  }
  expect(failed).toEqual([]);

  await using silent = await startTestCodex({ sandbox: "workspace-write", logger: quiet });
  silent.model.enqueue(shell("true", { escalate }), message("Done."));
  await (await silent.codex.startThread({ approvalMode: "ask" })).run("Go.");
  expect(failed).toMatchObject([{ decidedBy: "default", answer: { decision: "decline" }, error: expect.any(Error) }]);
});

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

test("around() puts a subscriber's context around the start, the handlers and the tools of a turn", async () => {
  verifies("channel-context");
  const span = new AsyncLocalStorage<string>();
  const tenant = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const note = (what: string) => void seen.push(`${what}: ${tenant.getStore()} ${span.getStore()}`);
  subscribe("codex-embed:turn", (phase, of) => {
    if (phase === "start") of.around((work) => span.run(`turn ${String(of.input)}`, work));
    if (phase === "asyncEnd") note("end");
  });
  subscribe("codex-embed:request", (phase, of) => {
    const parent = span.getStore();
    if (phase === "start" && of.kind === "tool") of.around((work) => span.run(`${parent} > tool`, work));
  });
  const hello = tool({
    name: "hello",
    description: "Greets.",
    parameters: { type: "object", properties: {} },
    execute: async () => {
      await Promise.resolve();
      note("tool");
      return "hello";
    },
  });
  const handlers = { approveCommand: () => (note("handler"), "decline" as const) };
  await using bench = await startTestCodex({ handlers, sandbox: "workspace-write" });
  const thread = await bench.codex.startThread({ tools: [hello] });
  for (const who of ["one", "two"]) {
    bench.model.enqueue(toolCall("hello"), shell("true", { escalate: { justification: "Needed." } }), message("Done."));
    await tenant.run(`tenant-${who}`, () => thread.run(who));
    expect(seen.splice(0)).toEqual([
      `tool: tenant-${who} turn ${who} > tool`,
      `handler: tenant-${who} turn ${who}`,
      `end: tenant-${who} turn ${who}`,
    ]);
  }
  expect(span.getStore()).toBeUndefined();

  // A store that is bound to the channel does the same without a wrapper.
  const bound = new AsyncLocalStorage<object>();
  const stores: unknown[] = [];
  const { start } = tracingChannel<object, object>("codex-embed:turn");
  start.bindStore(bound);
  subscriptions.push(() => void start.unbindStore(bound));
  const all = recordTurns();
  const store = tool({
    name: "store",
    description: "Looks.",
    parameters: { type: "object", properties: {} },
    execute: () => void stores.push(bound.getStore()),
  });
  bench.model.enqueue(toolCall("store"), message("Done."));
  await (await bench.codex.startThread({ tools: [store] })).run("three");
  expect(stores).toEqual([heardOf(all)[0]?.of]);
  expect(stores[0]).toBe(heardOf(all)[0]?.of);
});

test("subscribers and wrappers that throw change nothing", async () => {
  verifies("channel-context");
  const warnings: string[] = [];
  const thrown: unknown[] = [];
  // Node reports what a subscriber throws as an uncaught exception.
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  try {
    const mine = new Error("A subscriber.");
    const throwing = () => {
      throw mine;
    };
    subscribe("codex-embed:turn", (phase, of) => {
      if (phase === "start") {
        of.around(throwing);
        of.around(untyped(() => "nothing"));
        of.around((work) => (work(), work()));
        of.trace = { traceparent: "nonsense" };
      }
      throw mine;
    });
    subscribe("codex-embed:request", throwing);
    listen("codex-embed:event", throwing);
    listen("codex-embed:frame", throwing);
    const logger = { ...quiet, warn: (_: object, text: string) => void warnings.push(text) };
    const handlers = { approveCommand: () => "decline" as const };
    await using bench = await startTestCodex({ logger, handlers, sandbox: "workspace-write" });
    bench.model.enqueue(shell("true", { escalate: { justification: "Needed." } }), message("Done."));
    const result = await (await bench.codex.startThread()).run("Go.");
    expect(result.finalResponse).toBe("Done.");
    expect(bench.model.requests).toHaveLength(2);
    await bench.codex.close();
    await new Promise(setImmediate);
    expect(new Set(thrown)).toEqual(new Set([mine]));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  }
  expect(warnings).toEqual([
    expect.stringContaining("around() threw: A subscriber."),
    expect.stringContaining("around() did not call work()"),
    expect.stringContaining("set an invalid trace, which was not sent: traceparent must look like"),
  ]);
});

test("frames are the messages on the wire, in both directions", async () => {
  verifies("channels");
  const frames: FrameChannelMessage[] = [];
  listen<FrameChannelMessage>("codex-embed:frame", (of) => frames.push(of));
  await using bench = await startTestCodex();
  bench.model.enqueue(message("Héllo."));
  await (await bench.codex.startThread()).run("Hi");
  const all = frames.map(({ direction, text }) => ({ direction, message: JSON.parse(text) }));
  expect(all[0]).toMatchObject({ direction: "out", message: { method: "initialize" } });
  expect(all[1]).toMatchObject({ direction: "in", message: { id: all[0]?.message.id, result: expect.anything() } });
  const calls = all.filter(({ direction, message: { method } }) => direction === "out" && method !== undefined);
  expect(calls.map(({ message: { method } }) => method)).toEqual(
    expect.arrayContaining(["initialize", "initialized", "thread/start", "turn/start"]),
  );
  expect(all.some(({ message: { method } }) => method === "turn/completed")).toBe(true);
  for (const { text, bytes } of frames) expect(bytes).toBe(Buffer.byteLength(text));
});

test("the trace context of a subscriber reaches the model, through the runtime's own spans", async () => {
  verifies("trace-context");
  await using receiver = await startReceiver();
  const exporter = { "otlp-http": { endpoint: `${receiver.url}/v1/traces`, protocol: "json" } };
  await using bench = await startTestCodex({ config: { otel: { trace_exporter: exporter } } });
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  subscribe("codex-embed:turn", (phase, of) => {
    if (phase === "start") of.trace = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: "vendor=1" };
  });
  bench.model.enqueue(message("Done."));
  const thread = await bench.codex.startThread();
  await thread.run("Go.");
  expect(bench.model.requests.at(-1)?.headers["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));

  const request = bench.codex.request(
    "thread/name/set",
    { threadId: thread.id, name: "x" },
    { trace: { traceparent: "x" } },
  );
  expect((await rejection(request, UsageError)).message).toContain(
    "request: trace is invalid: traceparent must look like",
  );
});

/** Takes the exported spans, so that the exporter has somewhere to send them. */
async function startReceiver(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end("{}"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = untyped<AddressInfo>(server.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
