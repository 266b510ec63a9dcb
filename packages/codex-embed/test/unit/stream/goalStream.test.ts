/** Tests the stream of a goal behind the router: the order of its events, and when it ends. */

import { describe, expect, test } from "vitest";
import { captureCallSite, UsageError } from "../../../src/errors/base.js";
import { TurnInProgressError } from "../../../src/errors/turn.js";
import type { ThreadGoal, ThreadGoalStatus } from "../../../src/protocol/generated/protocol.js";
import type { Notification, TurnEvent } from "../../../src/stream/events.js";
import { GoalStream } from "../../../src/stream/goalStream.js";
import { Router } from "../../../src/stream/router.js";
import { noAgents } from "../../support/agents.js";
import { threadId, turnRecord } from "../../support/events.js";

const goal = (status: ThreadGoalStatus): ThreadGoal => ({
  threadId,
  objective: "Work.",
  status,
  tokenBudget: null,
  tokensUsed: 0,
  timeUsedSeconds: 0,
  createdAt: 1,
  updatedAt: 1,
});
const updated = (status: ThreadGoalStatus, turnId: string | null = null): Notification => ({
  method: "thread/goal/updated",
  params: { threadId, turnId, goal: goal(status) },
});
const cleared: Notification = { method: "thread/goal/cleared", params: { threadId } };
const started = (id: string, rootTurnId = id): Notification => ({
  method: "turn/started",
  params: { threadId, turn: turnRecord("inProgress", { id, rootTurnId }) },
});
const completed = (id: string): Notification => ({
  method: "turn/completed",
  params: { threadId, turn: turnRecord("completed", { id, rootTurnId: id }) },
});

function bench(isIdle: () => Promise<boolean> = async () => true) {
  const router = new Router();
  const reservation = router.reserve(threadId);
  const options = { bufferBytes: 1_000_000, site: captureCallSite(), usedBefore: null, agents: noAgents };
  const stream = new GoalStream(threadId, options, isIdle);
  reservation.follow(stream);
  void stream.ended.then(() => reservation.release());
  const tell = (...notifications: readonly Notification[]) => {
    for (const notification of notifications) router.dispatch(notification, 1);
  };
  return { router, stream, tell };
}

async function readAll(stream: GoalStream): Promise<TurnEvent[]> {
  const events: TurnEvent[] = [];
  for await (const event of stream.reader()) events.push(event);
  return events;
}

describe("GoalStream", () => {
  test("notifications about goals before its own do not concern it", async () => {
    const { stream, tell } = bench();
    tell(updated("complete"), cleared);
    stream.begin(goal("active"));
    tell(updated("active"), started("a"), completed("a"), started("b"), updated("complete", "b"), completed("b"));
    expect(await stream.ended).toMatchObject({ result: { status: "complete", turns: [{ id: "a" }, { id: "b" }] } });
    expect((await readAll(stream)).map(({ method }) => method)).toEqual([
      "thread/goal/updated",
      "turn/started",
      "thread/goal/updated",
      "turn/completed",
    ]);
  });

  test("between two turns the thread is taken, and free at the end", async () => {
    const { router, stream, tell } = bench();
    stream.begin(goal("active"));
    tell(started("a"), completed("a"));
    expect(() => router.reserve(threadId)).toThrow(TurnInProgressError);
    tell(started("b"), updated("complete", "b"), completed("b"));
    await stream.ended;
    expect(() => router.reserve(threadId)).not.toThrow();
  });

  test("a pause between two turns is the end only if the runtime is idle", async () => {
    const { stream, tell } = bench(async () => false);
    stream.begin(goal("active"));
    tell(started("a"), completed("a"), updated("paused"));
    await Promise.resolve();
    expect(stream.isOver).toBe(false);
    tell(started("b"), completed("b"));
    expect(await stream.ended).toMatchObject({ result: { status: "paused", turns: [{ id: "a" }, { id: "b" }] } });
    const still = bench();
    still.stream.begin(goal("active"));
    still.tell(started("a"), completed("a"), cleared);
    expect(await still.stream.ended).toMatchObject({ result: { status: "cleared", turns: [{ id: "a" }] } });
  });

  test.each([
    ["an error of the SDK, as it is", new UsageError("Gone."), { code: "USAGE", message: "Gone." }],
    ["another one, as its cause", new Error("Broken."), { code: "INTERNAL", cause: { message: "Broken." } }],
  ])("fails if the runtime cannot be asked whether it is idle, with %s", async (_, thrown, error) => {
    const { stream, tell } = bench(() => Promise.reject(thrown));
    stream.begin(goal("active"));
    tell(started("a"), completed("a"), updated("paused"));
    expect(await stream.ended).toMatchObject({ kind: "lost", result: { id: "a" }, error });
  });

  test("an aborted goal ends with the reason, whatever else arrives", async () => {
    const { stream, tell } = bench();
    stream.begin(goal("active"));
    tell(started("a"));
    const reason = new Error("Enough.");
    stream.abort(() => reason);
    tell(updated("complete", "a"), completed("a"));
    expect(await stream.over).toBe("ended");
    stream.detach();
    expect(await stream.ended).toMatchObject({
      kind: "aborted",
      result: { id: "a", status: "completed" },
      error: reason,
    });
  });
});

describe("Router", () => {
  test("a turn whose start names another turn inside is over when its root is", () => {
    const router = new Router();
    router.dispatch(started("inner", "root"), 1);
    expect(() => router.reserve(threadId)).toThrow(TurnInProgressError);
    router.dispatch(completed("root"), 1);
    expect(() => router.reserve(threadId)).not.toThrow();
  });
});
