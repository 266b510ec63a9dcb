/** The end-to-end tests of turns that nobody started through this SDK: they reach `codex.on` and no other turn. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TurnInProgressError } from "codex-embed";
import { gate, message, shell, step, toolCall } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { commandStarted, itemsOf, nextNotification, readAll, rejection, waitForFile } from "../support/turns.js";

const bench = new SharedBench();
const active = { objective: "Get it done.", status: "active" } as const;

test("a goal starts turns by itself: they reach codex.on, and keep the thread busy while they run", async () => {
  const hold = gate();
  const thread = await bench.threadWith(
    {},
    message("Hello."),
    step(message({ deltas: ["Work", hold, "ing."] }), toolCall("update_goal", { status: "complete" })),
    message("Goal done."),
    message("Own turn."),
  );
  await thread.run("Hi");
  const started = nextNotification(bench.codex, "turn/started", ({ threadId }) => threadId === thread.id);
  const delta = nextNotification(bench.codex, "item/agentMessage/delta", ({ threadId }) => threadId === thread.id);
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  await bench.codex.request("thread/goal/set", { threadId: thread.id, ...active });
  const { turn } = await started;
  expect(await delta).toMatchObject({ turnId: turn.id, delta: "Work" });
  const error = await rejection(thread.startTurn("Me"), TurnInProgressError);
  expect(error.activeTurnId).toBe(turn.id);
  await rejection(thread.compact(), TurnInProgressError);
  hold.open();
  expect((await completed).turn).toMatchObject({ id: turn.id, status: "completed" });
  const own = await thread.run("Me");
  expect(own.id).not.toBe(turn.id);
  expect(own.finalResponse).toBe("Own turn.");
  expect(own.items.map(({ type }) => type)).toEqual(["userMessage", "agentMessage"]);
});

test("a turn of another thread that is unsolicited disturbs nobody", async () => {
  const hold = gate();
  const goal = await bench.threadWith(
    {},
    message("Hello."),
    step(message("Working."), toolCall("update_goal", { status: "complete" })),
    message("Goal done."),
  );
  await goal.run("Hi");
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === goal.id);
  await bench.codex.request("thread/goal/set", { threadId: goal.id, ...active });
  await completed;
  hold.open();
  const { events } = await readAll(turn);
  expect(events.every(({ params }) => params.threadId === thread.id)).toBe(true);
  expect((await turn.result()).finalResponse).toBe("Hello.");
});

test("a turn that codex.request starts is nobody's, and blocks the thread until its end", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Raw", hold] }), message("Own turn."));
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  const { turn } = await bench.codex.request("turn/start", {
    threadId: thread.id,
    input: [{ type: "text", text: "Hi", text_elements: [] }],
  });
  await hold.reached;
  expect((await rejection(thread.run("Me"), TurnInProgressError)).activeTurnId).toBe(turn.id);
  hold.open();
  expect((await completed).turn.id).toBe(turn.id);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("what a command left behind prints after its turn belongs to no later turn", async () => {
  const goFile = join(bench.workspace, "late");
  const hold = gate();
  const thread = await bench.thread(
    shell(`${waitForFile(goFile)}; echo late`, { yieldTimeMs: 250, callId: "background" }),
    message("It runs on."),
    message({ deltas: ["Sec", hold, "ond."] }),
  );
  const first = await thread.startTurn("Hi");
  await commandStarted(first);
  expect((await first.result()).finalResponse).toBe("It runs on.");
  const second = await thread.startTurn("Again");
  await hold.reached;
  const late = nextNotification(bench.codex, "item/completed", ({ item }) => item.id === "background");
  await writeFile(goFile, "");
  expect((await late).turnId).toBe(first.id);
  hold.open();
  const result = await second.result();
  expect(result.items.map(({ type }) => type)).toEqual(["userMessage", "agentMessage"]);
  expect(itemsOf(await first.result(), "commandExecution")).toEqual([]);
  const { events } = await readAll(second);
  expect(events.some(({ method }) => method === "item/commandExecution/outputDelta")).toBe(false);
});

test("a queued submission runs as a turn of its own, after the turn in flight", async () => {
  const hold = gate();
  const thread = await bench.threadWith(
    {},
    message("First."),
    message({ deltas: ["Sec", hold, "ond."] }),
    message("Queued."),
  );
  await thread.run("Hi");
  const turn = await thread.startTurn("Again");
  await hold.reached;
  const queued = nextNotification(
    bench.codex,
    "turn/completed",
    (params) => params.threadId === thread.id && params.turn.id !== turn.id,
  );
  await bench.codex.request("thread/queue/add", {
    threadId: thread.id,
    clientUserMessageId: crypto.randomUUID(),
    input: [{ type: "text", text: "Later.", text_elements: [] }],
  });
  hold.open();
  const result = await turn.result();
  expect(result.finalResponse).toBe("Second.");
  expect(itemsOf(result, "userMessage")).toHaveLength(1);
  expect((await queued).turn.status).toBe("completed");
});

test("a sub-agent's thread has its own turns: the parent's turn does not see them", async () => {
  const thread = await bench.thread(toolCall("spawn_agent", { message: "Look." }, { namespace: "multi_agent_v1" }));
  bench.model.when((request) => request.subagent === "collab_spawn").enqueue(message("Child here."));
  const child = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId !== thread.id);
  // The runtime asks once more when the child ends before the parent.
  bench.respond(thread, () => message("Parent done."));
  const turn = await thread.startTurn("Hi");
  const { events } = await readAll(turn);
  expect((await child).threadId).not.toBe(thread.id);
  expect(events.every(({ params }) => params.threadId === thread.id)).toBe(true);
  const result = await turn.result();
  expect(result.finalResponse).toBe("Parent done.");
  expect(itemsOf(result, "collabAgentToolCall")).toMatchObject([{ tool: "spawnAgent", senderThreadId: thread.id }]);
});
