/** Tests the tree of sub-agents: who is found, whose events reach whom in any order of arrival, and when each ends. */

import { expect, test } from "vitest";
import { TransportClosedError } from "../../../src/errors/connection.js";
import type { CollabAgentStatus, CollabAgentTool, ThreadItem } from "../../../src/protocol/generated/protocol.js";
import { type AgentStream, AgentTree } from "../../../src/stream/agentStream.js";
import type { Notification, TurnEvent, TurnNotification } from "../../../src/stream/events.js";
import { Router } from "../../../src/stream/router.js";
import { turnRecord } from "../../support/events.js";

type Status = "completed" | "interrupted" | "failed";

const started = (threadId: string, id: string): Notification => ({
  method: "turn/started",
  params: { threadId, turn: turnRecord("inProgress", { id }) },
});
const ended = (threadId: string, id: string, status: Status = "completed"): Notification => ({
  method: "turn/completed",
  params: { threadId, turn: turnRecord(status, { id }) },
});
const delta = (threadId: string, turnId: string, text: string): Notification => ({
  method: "item/agentMessage/delta",
  params: { threadId, turnId, itemId: "i", delta: text },
});
const unloaded = (threadId: string): Notification => ({
  method: "thread/status/changed",
  params: { threadId, status: { type: "notLoaded" } },
});

function begins(
  senderThreadId: string,
  agents: readonly string[],
  status: CollabAgentStatus = "pendingInit",
  tool: CollabAgentTool = "spawnAgent",
): TurnNotification {
  const item: ThreadItem = {
    type: "collabAgentToolCall",
    id: "call",
    tool,
    status: "completed",
    senderThreadId,
    receiverThreadIds: [...agents],
    prompt: "task",
    model: "m",
    reasoningEffort: null,
    agentsStates: Object.fromEntries(agents.map((id) => [id, { status, message: null }])),
    startedAtMs: 0,
    completedAtMs: 0,
  };
  const params = { threadId: senderThreadId, turnId: "t", item, contentTokenCount: null, completedAtMs: 0 };
  return { method: "item/completed", params };
}

/** A tree below the thread `root` on a router; `active` holds the threads that the runtime says are at work. */
function bench(parents: Readonly<Record<string, string | null>> = {}) {
  const lookedUp: string[] = [];
  const router = new Router();
  const active = new Set<string>();
  const asked: string[] = [];
  let signsOfLife = 0;
  const tree = new AgentTree(
    "root",
    {
      bufferBytes: 1_000_000,
      follow: (...of) => router.follow(...of),
      isActive: async (threadId) => {
        asked.push(threadId);
        return active.has(threadId);
      },
      parentOf: async (threadId) => {
        lookedUp.push(threadId);
        const parent = parents[threadId];
        if (parent === undefined) throw new Error("There is no such thread.");
        return parent;
      },
    },
    () => {
      signsOfLife += 1;
    },
  );
  const tell = (...notifications: readonly Notification[]) => {
    for (const notification of notifications) router.dispatch(notification, 1);
  };
  const agent = (threadId: string): AgentStream => {
    const found = tree.all().find((each) => each.threadId === threadId);
    if (found === undefined) throw new Error(`There is no agent ${threadId}.`);
    return found;
  };
  return { router, tree, tell, agent, active, asked, lookedUp, signsOfLife: () => signsOfLife };
}

test("an agent whose turn begins before it is named loses nothing", async () => {
  const { tree, tell, agent } = bench();
  tell(started("A", "a1"), delta("A", "a1", "early"));
  tree.observe(begins("root", ["A"]));
  tell(delta("A", "a1", "late"), ended("A", "a1"));
  await tree.rootEnded();
  const events: TurnEvent[] = [];
  for await (const event of agent("A").reader()) events.push(event);
  expect(events.map(({ method }) => method)).toEqual(["turn/started", "item/agentMessage/delta", "turn/completed"]);
  expect(events[1]).toMatchObject({ params: { delta: "earlylate" } });
});

test("what is said of turns that nobody asked for is kept within bounds, and not beyond the turn", () => {
  const { router, tree, tell, agent } = bench();
  tell(started("A", "a1"), ...Array.from({ length: 1_000 }, () => delta("A", "a1", "x")));
  let heard = 0;
  const stop = router.follow("A", { push: () => void (heard += 1), fail: () => {} }, "root");
  expect(heard).toBe(64);
  stop();
  tell(ended("A", "a1"));
  tree.observe(begins("root", ["A"]));
  expect(agent("A").status).toBe("pendingInit");
});

test("the status follows the agent's own events; before the first, what its parent was told", () => {
  const { tree, tell, agent } = bench();
  tree.observe(begins("root", ["A", "B"], "errored"));
  expect(agent("A").status).toBe("errored");
  const seen: string[] = [];
  for (const event of [
    started("A", "a1"),
    ended("A", "a1", "failed"),
    started("A", "a2"),
    ended("A", "a2", "interrupted"),
    started("A", "a3"),
    ended("A", "a3"),
    unloaded("A"),
  ]) {
    tell(event);
    seen.push(agent("A").status);
  }
  expect(seen).toEqual(["running", "errored", "running", "interrupted", "running", "completed", "shutdown"]);
  tree.observe(begins("root", ["A", "B"], "running"));
  expect([agent("A").status, agent("B").status]).toEqual(["shutdown", "running"]);
});

test("an agent at rest ends with the root; one that the runtime has at work ends later, and those below it last", async () => {
  const { tree, tell, agent, active } = bench();
  tree.observe(begins("root", ["A", "B"]));
  tell(started("A", "a1"), started("B", "b1"));
  tell(begins("B", ["C"]));
  tell(started("C", "c1"), ended("C", "c1"), ended("A", "a1"));
  await tree.rootEnded();
  expect([agent("A"), agent("B"), agent("C")].map(({ isEnded }) => isEnded)).toEqual([true, false, false]);
  active.add("B");
  tell(ended("B", "b1"));
  await Promise.resolve();
  expect(agent("B").isEnded).toBe(false);
  active.clear();
  tell(started("B", "b2"), ended("B", "b2"));
  await Promise.all([agent("B").ended, agent("C").ended]);
  expect(await agent("B").ended).toMatchObject({ result: { turns: [{ id: "b1" }, { id: "b2" }] } });
});

test("an agent that has been given work which it has not begun is asked about, and waited for", async () => {
  const { tree, tell, agent, active, asked } = bench();
  tree.observe(begins("root", ["A"]));
  active.add("A");
  await tree.rootEnded();
  expect([asked, agent("A").isEnded]).toEqual([["A"], false]);
  tell(started("A", "a1"));
  active.clear();
  tell(ended("A", "a1"));
  expect(await agent("A").ended).toMatchObject({ result: { status: "completed" } });
});

test("an agent that has ended is no longer followed, and every event of one that has not is a sign of life", async () => {
  const { tree, tell, agent, signsOfLife } = bench();
  tree.observe(begins("root", ["A"]));
  tell(started("A", "a1"), delta("A", "a1", "x"));
  expect(signsOfLife()).toBe(2);
  tell(unloaded("A"));
  expect(await agent("A").ended).toMatchObject({ result: { status: "shutdown", turns: [] } });
  const before = signsOfLife();
  tell(started("A", "a2"));
  expect(signsOfLife()).toBe(before);
});

test("the root is no agent of its own, and what is no call of an agent names none", () => {
  const { tree } = bench();
  tree.observe(begins("root", ["root"]));
  expect(tree.all()).toEqual([]);
});

test.each(["wait", "sendInput", "closeAgent", "resumeAgent"] as const)(
  "%s of a thread that the model named: an agent only if the runtime says that it belongs to the tree",
  async (tool) => {
    const parents = { old: "root", deep: "middle", middle: "root", stranger: null, other: "stranger", loop: "loop" };
    const { router, tree, tell, lookedUp } = bench(parents);
    tell(started("stranger", "s1"), delta("stranger", "s1", "secret"));
    tree.observe(begins("root", ["old", "deep", "stranger", "other", "loop", "missing"], "running", tool));
    tree.observe(begins("root", ["stranger", "missing"], "running", tool));
    await new Promise(setImmediate);
    expect(tree.all().map(({ threadId }) => threadId)).toEqual(["old", "deep"]);
    expect(router.followed).toEqual(["old", "deep"]);
    expect(lookedUp.filter((threadId) => threadId === "other")).toHaveLength(1);
  },
);

test("a tree follows a thousand agents at most", () => {
  const { tree, router } = bench();
  tree.observe(
    begins(
      "root",
      Array.from({ length: 5_000 }, (_, index) => `A${index}`),
    ),
  );
  expect([tree.all().length, router.followed.length]).toEqual([1_000, 1_000]);
});

test("the end of the connection ends every agent with its cause", async () => {
  const { router: routes, tree, agent } = bench();
  tree.observe(begins("root", ["A"]));
  routes.close({ initiator: "runtime", exitCode: 1, signal: null, stderrTail: "" });
  expect(await agent("A").ended).toMatchObject({ error: expect.any(TransportClosedError) });
});
