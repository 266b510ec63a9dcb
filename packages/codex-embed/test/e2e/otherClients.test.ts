/** Tests a thread that two clients of one runtime use: a turn of one is never a silent steer of the other's. */

import { type Codex, type Thread, TurnInProgressError } from "codex-embed";
import { gate, message, type ScriptedModel } from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nextNotification, rejection } from "../support/turns.js";
import { type SharedRuntime, startSharedRuntime } from "../support/sharedRuntime.js";
import { verifies } from "../support/verifies.js";

let shared: SharedRuntime;
let model: ScriptedModel;
let a: Codex;
let b: Codex;

beforeAll(async () => {
  shared = await startSharedRuntime();
  ({ model, a, b } = shared);
});
afterAll(() => shared[Symbol.asyncDispose]());

/** Runs a turn of the first client until its answer has begun. */
async function begin(thread: Thread) {
  const hold = gate();
  model.when((request) => request.threadId === thread.id).enqueue(message({ deltas: ["A's ", hold, "answer."] }));
  const turn = await thread.startTurn("A's question.");
  await hold.reached;
  return { turn, hold };
}

test("a turn that runs when the thread is resumed is known: nothing is sent, and the other's answer is whole", async () => {
  verifies("no-silent-steer");
  const own = await a.startThread();
  const { turn, hold } = await begin(own);
  const resumed = await b.resumeThread(own.id);
  const asked = model.requests.length;
  for (const start of [
    () => resumed.startTurn("B's question."),
    () => resumed.review({ type: "custom", instructions: "Look." }),
    () => resumed.startGoal("Work."),
    () => resumed.compact(),
  ]) {
    const error = await rejection(start(), TurnInProgressError);
    expect(error).toMatchObject({ threadId: own.id, activeTurnId: turn.id, reason: "running" });
  }
  expect(model.requests).toHaveLength(asked);
  const heard = nextNotification(b, "turn/completed", ({ threadId }) => threadId === own.id);
  hold.open();
  expect((await turn.result()).finalResponse).toBe("A's answer.");
  await heard;
  model.when((request) => request.threadId === own.id).enqueue(message("B's answer."));
  expect((await resumed.run("B's question.")).finalResponse).toBe("B's answer.");
});

test("a turn that begins after the resume is known as well", async () => {
  const own = await a.startThread();
  model.when((request) => request.threadId === own.id).enqueue(message("One."));
  await own.run("First.");
  const resumed = await b.resumeThread(own.id);
  const started = nextNotification(b, "turn/started", ({ threadId }) => threadId === own.id);
  const { turn, hold } = await begin(own);
  await started;
  expect(await rejection(resumed.run("B's question."), TurnInProgressError)).toMatchObject({ activeTurnId: turn.id });
  hold.open();
  expect((await turn.result()).finalResponse).toBe("A's answer.");
});

test("two that start a turn at once: one has it, and the other learns from its own handle that it was a steer", async () => {
  verifies("no-silent-steer");
  const own = await a.startThread();
  model.respondWith(() => message("An answer."));
  await own.run("First.");
  const resumed = await b.resumeThread(own.id);
  for (let round = 0; round < 10; round++) {
    const heard = [a, b].map((codex) =>
      nextNotification(codex, "turn/completed", ({ threadId }) => threadId === own.id),
    );
    const turns = await Promise.all([own.startTurn("A's question."), resumed.startTurn("B's question.")]);
    expect(turns[0].id).toBe(turns[1].id);
    const outcomes = await Promise.all(turns.map((turn) => turn.outcome()));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["completed", "failed"]);
    const steered = outcomes.findIndex(({ status }) => status === "failed");
    expect(outcomes[steered]).toMatchObject({
      error: { code: "TURN_IN_PROGRESS", reason: "steered", activeTurnId: turns[0].id },
    });
    await Promise.all(heard);
  }
});

test("a handle that was a steer does not interrupt the turn of the other", async () => {
  const own = await a.startThread();
  model.respondWith(() => message("An answer."));
  await own.run("First.");
  const resumed = await b.resumeThread(own.id);
  const hold = gate();
  model.respondWith(() => message({ deltas: ["An ", hold, "answer."] }));
  const turns = await Promise.all([own.startTurn("A's question."), resumed.startTurn("B's question.")]);
  const first = await Promise.race(turns.map(async (turn) => ({ turn, outcome: await turn.outcome() })));
  expect(first.outcome.status).toBe("failed");
  await first.turn.interrupt();
  hold.open();
  const other = turns.find((turn) => turn !== first.turn);
  expect(await other?.outcome()).toMatchObject({ status: "completed" });
});
