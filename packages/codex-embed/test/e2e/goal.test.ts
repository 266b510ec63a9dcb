/** Owns the end-to-end tests of goals. */

import {
  InvalidRequestError,
  NoActiveTurnError,
  TransportClosedError,
  TurnFailedError,
  TurnInProgressError,
  UsageError,
} from "codex-embed";
import { fail, gate, message, startTestCodex, step, toolCall } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { eventsOf, itemsOf, nextNotification, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
const done = (status: "complete" | "blocked" = "complete") => toolCall("update_goal", { status });
const used = (input: number) => ({ usage: { input, output: 1 } });

test("a goal is one logical turn over the turns that it starts", async () => {
  verifies("goal");
  const thread = await bench.threadWith(
    {},
    step(used(10), message("Before.")),
    step(used(20), message("One.")),
    step(used(30), message("Two.")),
    step(used(40), done()),
    step(used(50), message("Reached.")),
    message("Own turn."),
  );
  await thread.run("Hi");
  const goal = await thread.startGoal("Get it done.");
  const { events, error } = await readAll(goal);
  expect(error).toBeUndefined();
  const result = await goal.result();
  expect(result).toMatchObject({ status: "complete", goal: { objective: "Get it done." }, finalResponse: "Reached." });
  expect(result.turns.map(({ finalResponse }) => finalResponse)).toEqual(["One.", "Two.", "Reached."]);
  expect(itemsOf(result, "agentMessage").map(({ text }) => text)).toEqual(["One.", "Two.", "Reached."]);
  expect(result.usage?.turn.totalTokens).toBe(144);
  expect(result.usage?.thread.totalTokens).toBe(155);
  const starts = eventsOf(events, "turn/started");
  const ends = eventsOf(events, "turn/completed");
  expect(starts.map(({ params }) => params.turn.id)).toEqual([result.turns[0]?.id]);
  expect(ends.map(({ params }) => params.turn.id)).toEqual([result.turns[2]?.id]);
  expect(events.at(-1)).toBe(ends[0]);
  expect((await readAll(goal)).events.map(({ method }) => method)).toEqual(events.map(({ method }) => method));
  expect((await thread.goal())?.status).toBe("complete");
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("the thread is busy from the first turn to the last, between two as well", async () => {
  const hold = gate();
  const thread = await bench.threadWith({}, message("One."), message({ deltas: ["T", hold] }), done(), message("End."));
  const between = new Promise<Error>((resolve) => {
    const subscription = bench.codex.on("turn/completed", async ({ params }) => {
      if (params.threadId !== thread.id) return;
      subscription[Symbol.dispose]();
      resolve(await rejection(thread.startTurn("Me"), TurnInProgressError));
    });
  });
  const goal = await thread.startGoal("Work.");
  expect(await between).toBeInstanceOf(TurnInProgressError);
  await hold.reached;
  const error = await rejection(thread.startGoal("Another."), TurnInProgressError);
  expect(error.activeTurnId).toBe(goal.currentTurnId);
  hold.open();
  const result = await goal.result();
  expect(result.turns).toHaveLength(3);
});

test("steer reaches the turn in flight after a roll-over", async () => {
  const hold = gate();
  const thread = await bench.threadWith(
    {},
    message("One."),
    message({ deltas: ["Tw", hold, "o."] }),
    step(message("Steered."), done()),
    message("End."),
  );
  const goal = await thread.startGoal("Work.");
  await hold.reached;
  await goal.steer("Faster.");
  hold.open();
  const result = await goal.result();
  expect(result.turns).toHaveLength(2);
  expect(itemsOf(result, "userMessage")).toMatchObject([{ content: [{ type: "text", text: "Faster." }] }]);
  expect(result.finalResponse).toBe("End.");
  await rejection(goal.steer("Late."), NoActiveTurnError);
});

test("interrupt pauses the goal and ends its turn; resume goes on with a new handle", async () => {
  const hold = gate();
  const thread = await bench.threadWith({}, message("One."), message({ deltas: ["T", hold] }));
  const goal = await thread.startGoal("Work.");
  await hold.reached;
  await Promise.all([goal.interrupt(), goal.interrupt()]);
  const result = await goal.result();
  expect(result).toMatchObject({ status: "paused", finalResponse: "One." });
  expect(result.turns.map(({ status }) => status)).toEqual(["completed", "interrupted"]);
  expect((await goal.goal())?.status).toBe("paused");
  await goal.interrupt();
  bench.script(thread, step(message("Again."), done()), message("End."));
  const resumed = await goal.resume();
  expect(resumed).not.toBe(goal);
  expect(await resumed.result()).toMatchObject({ status: "complete", finalResponse: "End." });
});

test("pause lets the turn in flight end; resuming in time keeps the handle", async () => {
  const first = gate();
  const second = gate();
  const thread = await bench.threadWith(
    {},
    message({ deltas: ["O", first, "ne."] }),
    message({ deltas: ["T", second, "wo."] }),
  );
  const goal = await thread.startGoal("Work.");
  await first.reached;
  expect((await goal.pause()).status).toBe("paused");
  expect(await goal.resume()).toBe(goal);
  first.open();
  await second.reached;
  await thread.pauseGoal();
  second.open();
  expect(await goal.result()).toMatchObject({ status: "paused", finalResponse: "Two." });
  bench.script(thread, done("blocked"), message("Blocked."));
  const resumed = await thread.resumeGoal();
  expect(await resumed.result()).toMatchObject({ status: "blocked", finalResponse: "Blocked." });
});

test("a cleared goal ends with its turn", async () => {
  const hold = gate();
  const thread = await bench.threadWith({}, message({ deltas: ["O", hold, "ne."] }));
  const goal = await thread.startGoal("Work.");
  await hold.reached;
  expect(await goal.clear()).toBe(true);
  hold.open();
  expect(await goal.result()).toMatchObject({ status: "cleared", finalResponse: "One." });
  expect(await thread.goal()).toBeNull();
  expect(await thread.clearGoal()).toBe(false);
});

test("a budget ends the goal", async () => {
  const thread = await bench.threadWith({}, step(used(100), message("Dear.")));
  const result = await thread.runGoal("Work.", { tokenBudget: 50 });
  expect(result).toMatchObject({ status: "budgetLimited", goal: { tokenBudget: 50, tokensUsed: 101 } });
});

test("a turn that fails rejects with its error and frees the thread", async () => {
  const thread = await bench.threadWith({}, message("One."), fail(400, { message: "bad" }), message("Own turn."));
  const goal = await thread.startGoal("Work.");
  const error = await rejection(goal.result(), TurnFailedError);
  expect(error.result.status).toBe("failed");
  const read = await readAll(goal);
  expect(read.error).toBe(error);
  expect(eventsOf(read.events, "turn/completed")).toHaveLength(1);
  expect((await thread.goal())?.status).toBe("blocked");
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("a turn that another caller interrupts ends the goal's run, since the runtime starts none after it", async () => {
  const hold = gate();
  const thread = await bench.threadWith({}, message({ deltas: ["O", hold] }));
  const goal = await thread.startGoal("Work.");
  await hold.reached;
  const turnId = goal.currentTurnId ?? "";
  await bench.codex.request("turn/interrupt", { threadId: thread.id, turnId });
  expect(await goal.result()).toMatchObject({ status: "active", turns: [{ id: turnId, status: "interrupted" }] });
});

test("the signal pauses the goal, interrupts its turn and rejects with its reason", async () => {
  const hold = gate();
  const thread = await bench.threadWith({}, message({ deltas: ["O", hold] }), message("Own turn."));
  const controller = new AbortController();
  const reason = new Error("Enough.");
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  const goal = await thread.startGoal("Work.", { signal: controller.signal });
  await hold.reached;
  controller.abort(reason);
  expect(await rejection(goal.result(), Error)).toBe(reason);
  expect((await completed).turn.status).toBe("interrupted");
  expect((await thread.goal())?.status).toBe("paused");
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
  expect(await rejection(thread.startGoal("Late.", { signal: controller.signal }), Error)).toBe(reason);
});

test("what cannot be a goal is refused before it is sent", async () => {
  const thread = await bench.thread(message("Own turn."));
  await rejection(thread.startGoal("  "), UsageError);
  await rejection(thread.startGoal("😀".repeat(4001)), UsageError);
  await rejection(thread.startGoal("Work.", { tokenBudget: 0 }), UsageError);
  const error = await rejection(thread.startGoal("Work."), InvalidRequestError);
  expect(error.code).toBe("GOALS_NEED_STORED_THREAD");
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("4,000 characters are taken, whatever they are", async () => {
  const thread = await bench.threadWith({}, done(), message("End."));
  const objective = "😀".repeat(4000);
  expect((await thread.runGoal(objective)).goal.objective).toBe(objective);
});

test("a switched-off feature is named, and the end of the runtime ends the goal", async () => {
  await using off = await startTestCodex({ disable: ["goals"] });
  const thread = await off.codex.startThread();
  expect((await rejection(thread.startGoal("Work."), InvalidRequestError)).code).toBe("GOALS_DISABLED");
  await using own = await startTestCodex();
  const hold = gate();
  own.model.enqueue(message({ deltas: ["O", hold] }));
  const goal = await (await own.codex.startThread()).startGoal("Work.");
  await hold.reached;
  const outcome = rejection(goal.result(), TransportClosedError);
  await own.codex.close();
  expect((await readAll(goal)).error).toBe(await outcome);
});
