/** Tests how a thread is restored after a gap: what was missed is told once, in order, before what comes now. */

import { describe, expect, test } from "vitest";
import { TransportClosedError } from "../../../src/errors/connection.js";
import type { ThreadItem, Turn } from "../../../src/protocol/generated/protocol.js";
import type { Notification, ReconnectedEvent, TurnEvent } from "../../../src/stream/events.js";
import { Router } from "../../../src/stream/router.js";
import type { ThreadFollower } from "../../../src/stream/threadRoute.js";
import {
  completed,
  delta,
  itemCompleted,
  itemStarted,
  started,
  threadId,
  turnId,
  turnRecord,
} from "../../support/events.js";

const lost = (id: string) =>
  new TransportClosedError({ initiator: "runtime", exitCode: null, signal: null, stderrTail: "" }, { during: id });

/** A message as the record has it: complete, unless it says otherwise. */
const text = (id: string, completedAtMs: number | null = 1): ThreadItem => ({
  type: "agentMessage",
  id,
  text: id,
  phase: null,
  memoryCitation: null,
  moderation: null,
  delivery: null,
  questions: null,
  completedAtMs,
});

const record = (over: Partial<Turn> = {}): Turn => ({ ...turnRecord("inProgress"), ...over });

/** What was told, in short. */
function short(event: Notification | ReconnectedEvent): string {
  if (event.method === "item/completed" || event.method === "item/started")
    return `${event.method} ${event.params.item.id}`;
  return event.method;
}

/** A turn that runs, with a message that was told to be complete. */
function running() {
  const router = new Router();
  const told: string[] = [];
  const failures: unknown[] = [];
  const reservation = router.reserve(threadId);
  reservation.claim(turnId, {
    push: (event: TurnEvent) => void told.push(short(event)),
    touch: () => {},
    fail: (error) => void failures.push(error),
  });
  const hear = (...events: Notification[]) => {
    for (const event of events) router.dispatch(event, 1);
  };
  hear(started(), itemCompleted(text("first")));
  told.length = 0;
  router.suspend([threadId]);
  return { router, told, failures, hear };
}

describe("a turn in flight", () => {
  test("an item that starts after the gap is told of, though the model chose an id that the record has", () => {
    const { router, told, hear } = running();
    router.restore(threadId, [record({ items: [text("same", 5)] })], lost);
    const startedAt = (startedAtMs: number): Notification => ({
      method: "item/started",
      params: { threadId, turnId, item: text("same", null), startedAtMs },
    });
    hear(startedAt(4), delta("late", "same"), itemCompleted(text("same", 5)));
    hear(startedAt(6), delta("new", "same"), itemCompleted(text("same", 7)));
    expect(told).toEqual([
      "reconnected",
      "item/completed same",
      "item/started same",
      "item/agentMessage/delta",
      "item/completed same",
    ]);
  });

  test("is told of the gap, of each item that was completed in it, and then of what comes", () => {
    const { router, told, hear } = running();
    hear(delta("x", "fourth"));
    router.restore(
      threadId,
      [record({ items: [text("first"), text("second"), text("third"), text("fourth", null)] })],
      lost,
    );
    hear(itemCompleted(text("fourth")));
    expect(told).toEqual([
      "reconnected",
      "item/completed second",
      "item/completed third",
      "item/agentMessage/delta",
      "item/completed fourth",
    ]);
  });

  test("is not told twice of what is in the record and comes as well", () => {
    const { router, told, hear } = running();
    const items = ["first", "second", "third", "fourth"].map((id) => text(id));
    hear(itemCompleted(text("third")));
    router.restore(threadId, [record({ items })], lost);
    hear(itemCompleted(text("fourth")), completed());
    expect(told).toEqual([
      "reconnected",
      "item/completed second",
      "item/completed third",
      "item/completed fourth",
      "turn/completed",
    ]);
  });

  test("is not told again of what the record has told, when it comes after all", () => {
    const { router, told, hear } = running();
    router.restore(threadId, [record({ items: [text("first"), text("second")] })], lost);
    hear(delta("x", "second"), itemCompleted(text("second")), itemStarted(text("third", null)));
    expect(told).toEqual(["reconnected", "item/completed second", "item/started third"]);
  });

  test("is told of its start once, when the record tells of it and it comes after all", () => {
    const router = new Router();
    const told: string[] = [];
    router.reserve(threadId).claim(turnId, {
      push: (event: TurnEvent) => void told.push(short(event)),
      touch: () => {},
      fail: () => {},
    });
    router.suspend([threadId]);
    router.restore(threadId, [record()], lost);
    for (const event of [started(), itemStarted(text("first", null))]) router.dispatch(event, 1);
    expect(told).toEqual(["turn/started", "reconnected", "item/started first"]);
  });

  test("that has ended ends, with what is only complete by that", () => {
    const { router, told } = running();
    router.restore(threadId, [record({ status: "completed", items: [text("first"), text("second", null)] })], lost);
    expect(told).toEqual(["reconnected", "item/completed second", "turn/completed"]);
    expect(router.isBusy(threadId)).toBe(false);
  });

  test("whose end comes by itself ends once", () => {
    const { router, told, hear } = running();
    hear(completed());
    router.restore(threadId, [record({ status: "completed", items: [text("first"), text("second")] })], lost);
    expect(told).toEqual(["reconnected", "item/completed second", "turn/completed"]);
  });

  test("that the record does not know fails, and the thread is free", () => {
    const { router, told, failures } = running();
    router.restore(threadId, [record({ id: "another", rootTurnId: "another", status: "completed" })], lost);
    expect([told, failures]).toEqual([[], [expect.any(TransportClosedError)]]);
    expect(router.isBusy(threadId)).toBe(false);
  });

  test("of nobody here keeps the thread busy until it ends", () => {
    const router = new Router();
    router.suspend([threadId]);
    router.restore(threadId, [record()], lost);
    expect(router.isBusy(threadId)).toBe(true);
    router.dispatch(completed(), 1);
    expect(router.isBusy(threadId)).toBe(false);
  });
});

describe("a follower of all turns", () => {
  const followed = (since?: number) => {
    const router = new Router();
    const told: string[] = [];
    const follower: ThreadFollower = {
      push: (event) => void told.push(short(event)),
      fail: () => {},
      ...(since === undefined ? {} : { since }),
    };
    return { router, told, follower };
  };
  const turns = [1, 2, 3].map((second) =>
    record({ id: `turn-${second}`, startedAt: second, status: "completed", items: [text(`item-${second}`)] }),
  );
  const allOf = (id: number) => ["turn/started", "reconnected", `item/completed item-${id}`, "turn/completed"];

  test("that has heard of none is told of those since it began", () => {
    const { router, told, follower } = followed(2);
    router.reserve(threadId).follow(follower);
    router.suspend([threadId]);
    router.restore(threadId, turns, lost);
    expect(told).toEqual([...allOf(2), ...allOf(3)]);
  });

  test("that has heard of some is told of the others", () => {
    const { router, told, follower } = followed();
    router.follow(threadId, follower, "root");
    router.dispatch({ method: "turn/started", params: { threadId, turn: record({ id: "turn-1" }) } }, 1);
    router.dispatch(
      { method: "turn/completed", params: { threadId, turn: record({ id: "turn-1", status: "completed" }) } },
      1,
    );
    told.length = 0;
    router.suspend([threadId]);
    router.restore(threadId, turns, lost);
    expect(told).toEqual([...allOf(2), ...allOf(3)]);
  });
});
