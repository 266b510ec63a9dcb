/** Tests how a thread is restored after a gap: missed events arrive once, in order, before new ones. */

import { describe, expect, test } from "vitest";
import { TransportClosedError } from "../../../src/errors/connection.js";
import type { ThreadItem, Turn } from "../../../src/protocol/generated/protocol.js";
import type { Notification, ReconnectedEvent, TurnEvent } from "../../../src/stream/events.js";
import { Router } from "../../../src/stream/router.js";
import type { ThreadFollower } from "../../../src/stream/reservation.js";
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

/** A message in the record, complete by default. */
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

/** A short form of an event. */
function short(event: Notification | ReconnectedEvent): string {
  if (event.method === "item/completed" || event.method === "item/started")
    return `${event.method} ${event.params.item.id}`;
  return event.method;
}

/** A running turn whose first message has completed, during a gap. */
function running() {
  const router = new Router();
  const received: string[] = [];
  const failures: unknown[] = [];
  const reservation = router.reserve(threadId);
  reservation.claim(turnId, {
    push: (event: TurnEvent) => void received.push(short(event)),
    touch: () => {},
    fail: (error) => void failures.push(error),
  });
  const arrive = (...events: Notification[]) => {
    for (const event of events) router.dispatch(event, 1);
  };
  arrive(started(), itemCompleted(text("first")));
  received.length = 0;
  router.suspend([threadId]);
  return { router, received, failures, arrive };
}

describe("a turn in flight", () => {
  test("gets an item that starts after the gap, though the model reuses an id of the record", () => {
    const { router, received, arrive } = running();
    router.restore(threadId, [record({ items: [text("same", 5)] })], lost);
    const startedAt = (startedAtMs: number): Notification => ({
      method: "item/started",
      params: { threadId, turnId, item: text("same", null), startedAtMs },
    });
    arrive(startedAt(4), delta("late", "same"), itemCompleted(text("same", 5)));
    arrive(startedAt(6), delta("new", "same"), itemCompleted(text("same", 7)));
    expect(received).toEqual([
      "reconnected",
      "item/completed same",
      "item/started same",
      "item/agentMessage/delta",
      "item/completed same",
    ]);
  });

  test("gets the gap, each item that completed in it, and then new events", () => {
    const { router, received, arrive } = running();
    arrive(delta("x", "fourth"));
    router.restore(
      threadId,
      [record({ items: [text("first"), text("second"), text("third"), text("fourth", null)] })],
      lost,
    );
    arrive(itemCompleted(text("fourth")));
    expect(received).toEqual([
      "reconnected",
      "item/completed second",
      "item/completed third",
      "item/agentMessage/delta",
      "item/completed fourth",
    ]);
  });

  test("gets an item once that is in the record and still arrives", () => {
    const { router, received, arrive } = running();
    const items = ["first", "second", "third", "fourth"].map((id) => text(id));
    arrive(itemCompleted(text("third")));
    router.restore(threadId, [record({ items })], lost);
    arrive(itemCompleted(text("fourth")), completed());
    expect(received).toEqual([
      "reconnected",
      "item/completed second",
      "item/completed third",
      "item/completed fourth",
      "turn/completed",
    ]);
  });

  test("gets a replayed item once, though its events arrive later", () => {
    const { router, received, arrive } = running();
    router.restore(threadId, [record({ items: [text("first"), text("second")] })], lost);
    arrive(delta("x", "second"), itemCompleted(text("second")), itemStarted(text("third", null)));
    expect(received).toEqual(["reconnected", "item/completed second", "item/started third"]);
  });

  test("gets its start once, though it is replayed and arrives later", () => {
    const router = new Router();
    const received: string[] = [];
    router.reserve(threadId).claim(turnId, {
      push: (event: TurnEvent) => void received.push(short(event)),
      touch: () => {},
      fail: () => {},
    });
    router.suspend([threadId]);
    router.restore(threadId, [record()], lost);
    for (const event of [started(), itemStarted(text("first", null))]) router.dispatch(event, 1);
    expect(received).toEqual(["turn/started", "reconnected", "item/started first"]);
  });

  test("ends if it has ended in the record, with items that are complete only by that", () => {
    const { router, received } = running();
    router.restore(threadId, [record({ status: "completed", items: [text("first"), text("second", null)] })], lost);
    expect(received).toEqual(["reconnected", "item/completed second", "turn/completed"]);
    expect(router.isBusy(threadId)).toBe(false);
  });

  test("ends once if its end is in the record and arrives", () => {
    const { router, received, arrive } = running();
    arrive(completed());
    router.restore(threadId, [record({ status: "completed", items: [text("first"), text("second")] })], lost);
    expect(received).toEqual(["reconnected", "item/completed second", "turn/completed"]);
  });

  test("fails if the record does not know it, and the thread is free", () => {
    const { router, received, failures } = running();
    router.restore(threadId, [record({ id: "another", rootTurnId: "another", status: "completed" })], lost);
    expect([received, failures]).toEqual([[], [expect.any(TransportClosedError)]]);
    expect(router.isBusy(threadId)).toBe(false);
  });

  test("keeps the thread busy until it ends, though nobody here started it", () => {
    const router = new Router();
    router.suspend([threadId]);
    router.restore(threadId, [record()], lost);
    expect(router.isBusy(threadId)).toBe(true);
    router.dispatch(completed(), 1);
    expect(router.isBusy(threadId)).toBe(false);
  });

  test("frees the thread by the end of its root, as a review that another client runs does", () => {
    const router = new Router();
    router.suspend([threadId]);
    router.restore(threadId, [record({ id: "inner", rootTurnId: "root" })], lost);
    router.dispatch(completed("completed", { id: "root", rootTurnId: "root" }), 1);
    expect(router.isBusy(threadId)).toBe(false);
  });
});

describe("a follower of all turns", () => {
  const followed = (since?: number) => {
    const router = new Router();
    const received: string[] = [];
    const follower: ThreadFollower = {
      push: (event) => void received.push(short(event)),
      fail: () => {},
      ...(since === undefined ? {} : { since }),
    };
    return { router, received, follower };
  };
  const turns = [1, 2, 3].map((second) =>
    record({ id: `turn-${second}`, startedAt: second, status: "completed", items: [text(`item-${second}`)] }),
  );
  const allOf = (id: number) => ["turn/started", "reconnected", `item/completed item-${id}`, "turn/completed"];

  test("gets the turns since it began if it has seen none", () => {
    const { router, received, follower } = followed(2);
    router.reserve(threadId).follow(follower);
    router.suspend([threadId]);
    router.restore(threadId, turns, lost);
    expect(received).toEqual([...allOf(2), ...allOf(3)]);
  });

  test("gets the turns that it has not seen", () => {
    const { router, received, follower } = followed();
    router.follow(threadId, follower, "root");
    router.dispatch({ method: "turn/started", params: { threadId, turn: record({ id: "turn-1" }) } }, 1);
    router.dispatch(
      { method: "turn/completed", params: { threadId, turn: record({ id: "turn-1", status: "completed" }) } },
      1,
    );
    received.length = 0;
    router.suspend([threadId]);
    router.restore(threadId, turns, lost);
    expect(received).toEqual([...allOf(2), ...allOf(3)]);
  });
});
