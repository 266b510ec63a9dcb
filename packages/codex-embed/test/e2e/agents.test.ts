/** The tree of a turn's sub-agents, their events, who decides for them, and how they end. */

import {
  type Agent,
  type CommandDecision,
  TransportClosedError,
  type TurnEvent,
  TurnStalledError,
  tool,
} from "codex-embed";
import {
  delay,
  gate,
  message,
  type RecordedRequest,
  shell,
  silence,
  startTestCodex,
  step,
  toolCall,
} from "codex-embed/testing";
import { expect, test } from "vitest";
import { cast, dismiss, spawn, tell, UNTOLD, waitFor } from "../support/cast.js";
import { eventsOf, methodsOf, readAll, rejection, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const nested = { config: { agents: { max_depth: 3 } } };

function only<T>(things: Iterable<T>): T {
  const [first, ...others] = things;
  if (first === undefined || others.length > 0) throw new Error(`Expected one thing, there are ${others.length + 1}.`);
  return first;
}

/** The first sub-agent that is told of. */
async function firstOf(agents: AsyncIterable<Agent>): Promise<Agent> {
  for await (const agent of agents) return agent;
  throw new Error("There was no sub-agent.");
}

const textsOf = (events: readonly TurnEvent[]) =>
  eventsOf(events, "item/completed").flatMap(({ params: { item } }) => (item.type === "agentMessage" ? item.text : []));

test("the tree: each agent with its task, its status, its own events and its own sub-agents", async () => {
  verifies("agents");
  await using bench = await startTestCodex(nested);
  cast(bench.model, {
    root: [step(spawn("a", "left"), spawn("b", "right")), waitFor("b"), waitFor("a"), message("Both are back.")],
    left: [spawn("c", "deep"), waitFor("c"), message("Left is done.")],
    right: [message({ deltas: ["Right ", "is done."] })],
    deep: [message("Deep is done.")],
  });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  const seen: string[] = [];
  for await (const agent of turn.agents()) seen.push(agent.prompt ?? "?");
  expect(seen).toEqual(["left", "right"]);
  const result = await turn.result();
  expect(result.finalResponse).toBe("Both are back.");

  const [left, right] = turn.agents();
  if (left === undefined || right === undefined) throw new Error("The tree is empty.");
  expect([left.prompt, left.model, left.status, left.finalResponse]).toEqual([
    "left",
    "mock-model",
    "completed",
    "Left is done.",
  ]);
  expect([...right.agents()]).toEqual([]);
  const deep = only(left.agents());
  expect([deep.prompt, deep.parentThreadId, deep.finalResponse]).toEqual(["deep", left.threadId, "Deep is done."]);
  expect([left.parentThreadId, right.parentThreadId]).toEqual([thread.id, thread.id]);

  for (const agent of [left, right, deep]) {
    const { events, error } = await readAll(agent);
    expect(error).toBeUndefined();
    expect(new Set(events.map(({ params }) => params.threadId))).toEqual(new Set([agent.threadId]));
    expect(methodsOf(events).at(0)).toBe("turn/started");
    expect(methodsOf(events).at(-1)).toBe("turn/completed");
    expect(textsOf(events)).toEqual([agent.finalResponse]);
  }
  expect((await readAll(right.textStream())).events.join("")).toBe("Right is done.");
  const own = await readAll(turn);
  expect(new Set(own.events.map(({ params }) => params.threadId))).toEqual(new Set([thread.id]));
  const outcome = await deep.result();
  expect(outcome).toMatchObject({ threadId: deep.threadId, status: "completed", finalResponse: "Deep is done." });
  expect(outcome.turns).toHaveLength(1);
  expect(await deep.read()).toMatchObject({ id: deep.threadId, parentThreadId: left.threadId });
});

test("an agent that outlives the turn is followed to its own end", async () => {
  await using bench = await startTestCodex();
  const hold = gate();
  cast(bench.model, {
    root: [spawn("a", "long"), message("I do not wait.")],
    long: [message({ deltas: ["Still", hold, " here."] })],
  });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  await hold.reached;
  await turn.result();
  const agent = only(turn.agents());
  expect(agent.status).toBe("running");
  const reading = readAll(agent);
  hold.open();
  expect(textsOf((await reading).events)).toEqual(["Still here."]);
  expect((await agent.result()).status).toBe("completed");
});

test("an agent has several turns: one for each input that it is given; closing it ends its events", async () => {
  await using bench = await startTestCodex();
  cast(bench.model, {
    root: [
      spawn("a", "first"),
      waitFor("a"),
      tell("a", "second"),
      waitFor("a"),
      dismiss("a"),
      message("It may go."),
      message("Nothing more."),
    ],
    first: [message("One."), message("Two.")],
  });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  const agent = await firstOf(turn.agents());
  const { events, error } = await readAll(agent);
  expect(error).toBeUndefined();
  expect(textsOf(events)).toEqual(["One.", "Two."]);
  expect(eventsOf(events, "turn/started")).toHaveLength(2);
  expect(await agent.result()).toMatchObject({ status: "shutdown", finalResponse: "Two.", turns: [{}, {}] });
  await turn.result();
  const next = await thread.startTurn("Anything else?");
  await next.result();
  expect([...next.agents()]).toEqual([]);
});

test("a later turn that deals with an agent of an earlier one has it in its tree", async () => {
  await using bench = await startTestCodex();
  cast(bench.model, {
    root: [spawn("a", "task"), waitFor("a"), message("Later."), tell("a", "go on"), waitFor("a"), message("Now.")],
    task: [message("One."), message("Two.")],
  });
  const thread = await bench.codex.startThread();
  const first = await thread.startTurn("root");
  await first.result();
  const before = only(first.agents());
  expect(textsOf((await readAll(before)).events)).toEqual(["One."]);
  const second = await thread.startTurn("and now?");
  await second.result();
  const after = only(second.agents());
  expect(after.threadId).toBe(before.threadId);
  expect(textsOf((await readAll(after)).events)).toEqual(["Two."]);
});

test("a thread of somebody else that the model names is no agent: it is not followed, interrupted or cleaned", async () => {
  verifies("agents-confirmed");
  await using bench = await startTestCodex({ sandbox: "full-access" });
  const busy = gate();
  const victim = await bench.codex.startThread();
  const forVictim = bench.model.when(({ threadId }) => threadId === victim.id);
  forVictim.enqueue(step(busy, message("Mine.")));
  const work = await victim.startTurn("Work.");
  await busy.reached;
  const thread = await bench.codex.startThread();
  const forThread = bench.model.when(({ threadId }) => threadId === thread.id);
  // Its time limit is ten seconds at least, so it waits until the turn is aborted.
  forThread.enqueue(toolCall("wait_agent", { targets: [victim.id] }, { namespace: "multi_agent_v1" }));
  const controller = new AbortController();
  const turn = await thread.startTurn("root", { signal: controller.signal });
  const named = await until(
    turn,
    (event) => event.method === "item/started" && event.params.item.type === "collabAgentToolCall",
  );
  expect(named).toMatchObject({ params: { item: { tool: "wait", receiverThreadIds: [victim.id] } } });
  controller.abort(new Error("Enough."));
  await expect(turn.result()).rejects.toThrow("Enough.");
  expect([...turn.agents()]).toEqual([]);
  busy.open();
  expect(await work.result()).toMatchObject({ status: "completed", finalResponse: "Mine." });
});

test("agents of the second kind have a path", async () => {
  await using bench = await startTestCodex({ config: { features: { multi_agent_v2: true } } });
  const call = (name: string, args: object) => toolCall(name, args, { namespace: "collaboration" });
  cast(bench.model, {
    root: [
      call("spawn_agent", { message: "Run them.", task_name: "tests", fork_turns: "none" }),
      call("wait_agent", { timeout_ms: 30_000 }),
      message("All green."),
    ],
  });
  bench.model.when(({ subagent }) => subagent === "collab_spawn").enqueue(message("Green."));
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  const agent = await firstOf(turn.agents());
  expect(agent.path).toBe("/root/tests");
  expect(await agent.result()).toMatchObject({ status: "completed", finalResponse: "Green." });
  expect((await turn.result()).finalResponse).toBe("All green.");
});

test("interrupting an agent leaves the turn; interrupting the turn leaves its agents", async () => {
  await using bench = await startTestCodex();
  const holds = [gate(), gate()] as const;
  cast(bench.model, {
    root: [step(spawn("a", "one"), spawn("b", "two")), waitFor("a", "b"), message("Never said.")],
    one: [message({ deltas: ["1", holds[0]] })],
    two: [message({ deltas: ["2", holds[1]] })],
  });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  await Promise.all(holds.map(({ reached }) => reached));
  const [one, two] = turn.agents();
  if (one === undefined || two === undefined) throw new Error("The tree is empty.");
  await one.interrupt();
  await until(one, ({ method }) => method === "turn/completed");
  expect([one.status, two.status]).toEqual(["interrupted", "running"]);
  await turn.interrupt();
  expect(await turn.result()).toMatchObject({ status: "interrupted" });
  expect(two.status).toBe("running");
  await two.interrupt();
  expect(await two.result()).toMatchObject({ status: "interrupted", turns: [{ status: "interrupted" }] });
  await two.interrupt();
});

test("an abort ends the turn and its agents", async () => {
  await using bench = await startTestCodex();
  const hold = gate();
  cast(bench.model, {
    root: [spawn("a", "one"), waitFor("a")],
    one: [message({ deltas: ["1", hold] })],
  });
  const thread = await bench.codex.startThread();
  const controller = new AbortController();
  const turn = await thread.startTurn("root", { signal: controller.signal });
  await hold.reached;
  const agent = await firstOf(turn.agents());
  const reason = new Error("Enough.");
  controller.abort(reason);
  expect(await rejection(turn.result(), Error)).toBe(reason);
  expect(await agent.result()).toMatchObject({ status: "interrupted" });
});

test("who decides for a thread decides for its sub-agents, at any depth, whatever the client would say", async () => {
  verifies("sub-agent-requests");
  const clientSaw: (string | null)[] = [];
  await using bench = await startTestCodex({
    ...nested,
    handlers: {
      approveCommand: (_, { threadId }) => {
        clientSaw.push(threadId);
        return "accept";
      },
    },
  });
  const ask = (name: string) => shell(`touch ${name}`, { escalate: { justification: name }, callId: name });
  cast(bench.model, {
    root: [spawn("a", "left"), waitFor("a"), message("Done.")],
    left: [ask("left"), spawn("c", "deep"), waitFor("c"), message("Left.")],
    deep: [ask("deep"), message("Deep.")],
  });
  const asked: (string | null)[] = [];
  const thread = await bench.codex.startThread({
    sandbox: "read-only",
    handlers: {
      approveCommand: (_, { threadId }) => {
        asked.push(threadId);
        return "decline";
      },
    },
  });
  const turn = await thread.startTurn("root");
  await turn.result();
  const left = only(turn.agents());
  expect(asked).toEqual([left.threadId, only(left.agents()).threadId]);
  expect(clientSaw).toEqual([]);
});

test("the runtime offers a thread's tools to none of its sub-agents", async () => {
  await using bench = await startTestCodex();
  const offered: boolean[] = [];
  const look = (text: string) => (request: RecordedRequest) => {
    offered.push(request.toolNames().includes("look_up"));
    return message(text);
  };
  cast(bench.model, { root: [spawn("a", "task"), waitFor("a"), look("Done.")], task: [look("Looked.")] });
  const lookUp = tool({
    name: "look_up",
    description: "Looks a word up.",
    parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
    execute: () => "found",
  });
  const thread = await bench.codex.startThread({ tools: [lookUp] });
  await thread.run("root");
  expect(offered).toEqual([false, true]);
});

test("a turn that waits for a busy agent, or for a decision on it, is not silent", async () => {
  await using bench = await startTestCodex();
  const idleTimeoutMs = 200;
  const slowly = Array.from({ length: 8 }, () => ["tick", delay(idleTimeoutMs / 4)]).flat();
  cast(bench.model, {
    root: [spawn("a", "slow"), waitFor("a"), message("In the end.")],
    slow: [shell("true", { escalate: { justification: "why" } }), message({ deltas: slowly })],
  });
  const approveCommand = async (): Promise<CommandDecision> => {
    await new Promise((resolve) => setTimeout(resolve, idleTimeoutMs * 3));
    return "decline";
  };
  const thread = await bench.codex.startThread({ sandbox: "read-only", handlers: { approveCommand } });
  expect((await thread.run("root", { idleTimeoutMs })).finalResponse).toBe("In the end.");
});

test("a turn whose agent is silent has stalled, and the agent is interrupted with it", async () => {
  await using bench = await startTestCodex();
  cast(bench.model, { root: [spawn("a", "mute"), waitFor("a")], mute: [silence()] });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root", { idleTimeoutMs: 1_000 });
  await rejection(turn.result(), TurnStalledError);
  expect(await only(turn.agents()).result()).toMatchObject({ status: "interrupted" });
});

test("an abort stops the commands of the agents too", async () => {
  await using bench = await startTestCodex({ sandbox: "full-access" });
  cast(bench.model, { root: [spawn("a", "busy"), waitFor("a")], busy: [shell("exec sleep 600")] });
  const thread = await bench.codex.startThread();
  const controller = new AbortController();
  const turn = await thread.startTurn("root", { signal: controller.signal });
  const agent = await firstOf(turn.agents());
  await until(agent, (event) => event.method === "item/started" && event.params.item.type === "commandExecution");
  controller.abort("enough");
  expect(await turn.outcome()).toMatchObject({ status: "interrupted", error: "enough" });
  const { data } = await bench.codex.request("thread/backgroundTerminals/list", { threadId: agent.threadId });
  expect(data).toEqual([]);
});

test("a goal has the agents of all its turns", async () => {
  await using bench = await startTestCodex();
  cast(bench.model, {
    [UNTOLD]: [
      spawn("a", "one"),
      waitFor("a"),
      message("More to do."),
      spawn("b", "two"),
      waitFor("b"),
      toolCall("update_goal", { status: "complete" }),
      message("Reached."),
    ],
    one: [message("One.")],
    two: [message("Two.")],
  });
  const thread = await bench.codex.startThread();
  const goal = await thread.startGoal("root");
  expect(await goal.result()).toMatchObject({ status: "complete" });
  const agents = [...goal.agents()];
  expect(await Promise.all(agents.map(async (agent) => (await agent.result()).finalResponse))).toEqual([
    "One.",
    "Two.",
  ]);
});

test("the death of the runtime ends every agent, with its cause", async () => {
  await using bench = await startTestCodex();
  const hold = gate();
  cast(bench.model, {
    root: [spawn("a", "one"), waitFor("a")],
    one: [message({ deltas: ["1", hold] })],
  });
  const thread = await bench.codex.startThread();
  const turn = await thread.startTurn("root");
  const agent = await firstOf(turn.agents());
  await until(agent, ({ method }) => method === "item/agentMessage/delta");
  const { pid } = bench.codex;
  if (pid === undefined) throw new Error("There is no process.");
  process.kill(pid, "SIGKILL");
  await rejection(turn.result(), TransportClosedError);
  expect(await rejection(agent.result(), TransportClosedError)).toMatchObject({ signal: "SIGKILL" });
  expect((await readAll(agent)).error).toBeInstanceOf(TransportClosedError);
});
