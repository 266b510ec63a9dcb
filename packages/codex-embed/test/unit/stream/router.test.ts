/** Tests the router: an event reaches the turn that it names, and no other. */

import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { TransportClosedError } from "../../../src/errors/connection.js";
import { TurnInProgressError } from "../../../src/errors/turn.js";
import type { ThreadItem } from "../../../src/protocol/generated/protocol.js";
import type { Notification, TurnEvent } from "../../../src/stream/events.js";
import { Router } from "../../../src/stream/router.js";
import type { TurnSink } from "../../../src/stream/reservation.js";
import { turnRecord } from "../../support/events.js";
import { untyped } from "../../support/turns.js";

function sink() {
  const events: TurnEvent[] = [];
  const failures: unknown[] = [];
  const made: TurnSink = {
    touch: () => {},
    push: (event) => void events.push(event),
    fail: (error) => void failures.push(error),
  };
  return { ...made, events, failures };
}

const started = (threadId: string, id: string): Notification => ({
  method: "turn/started",
  params: { threadId, turn: turnRecord("inProgress", { id }) },
});
const completed = (threadId: string, id: string): Notification => ({
  method: "turn/completed",
  params: { threadId, turn: turnRecord("completed", { id }) },
});
const delta = (threadId: string, turnId: string, text = "x"): Notification => ({
  method: "item/agentMessage/delta",
  params: { threadId, turnId, itemId: "i", delta: text },
});

describe("Router", () => {
  test("hands events to the turn that they name, until it has completed", () => {
    const router = new Router();
    const [one, two] = [sink(), sink()];
    router.reserve("A").claim("a1", one);
    router.reserve("B").claim("b1", two);
    for (const event of [started("A", "a1"), delta("B", "b1"), delta("A", "a1"), delta("A", "b1"), delta("A", "zz")]) {
      router.dispatch(event, 1);
    }
    router.dispatch(completed("A", "a1"), 1);
    router.dispatch(delta("A", "a1"), 1);
    expect(one.events.map((event) => event.method)).toEqual([
      "turn/started",
      "item/agentMessage/delta",
      "turn/completed",
    ]);
    expect(two.events).toHaveLength(1);
  });

  test("keeps what comes before the claim for the turn that is claimed", () => {
    const router = new Router();
    const reservation = router.reserve("A");
    router.dispatch(started("A", "a1"), 1);
    router.dispatch(delta("A", "old"), 1);
    router.dispatch(delta("A", "a1", "early"), 1);
    const one = sink();
    reservation.claim("a1", one);
    router.dispatch(delta("A", "a1", "late"), 1);
    expect(one.events).toHaveLength(3);
    expect(one.events[1]).toEqual(delta("A", "a1", "early"));
  });

  test("a turn that was over before it was claimed is delivered whole and leaves the thread free", () => {
    const router = new Router();
    const reservation = router.reserve("A");
    router.dispatch(started("A", "a1"), 1);
    router.dispatch(completed("A", "a1"), 1);
    const one = sink();
    reservation.claim("a1", one);
    expect(one.events).toHaveLength(2);
    expect(() => router.reserve("A")).not.toThrow();
  });

  test("refuses a second turn from the reservation to the end", () => {
    const router = new Router();
    const reservation = router.reserve("A");
    expect(() => router.reserve("A")).toThrow(TurnInProgressError);
    reservation.claim("a1", sink());
    expect(() => router.reserve("A")).toThrow(/a1/);
    expect(() => router.reserve("B")).not.toThrow();
    router.dispatch(completed("A", "a1"), 1);
    expect(() => router.reserve("A")).not.toThrow();
  });

  test("refuses a turn while one runs that nobody here asked for", () => {
    const router = new Router();
    router.dispatch(started("A", "goal"), 1);
    expect(() => router.reserve("A")).toThrow(TurnInProgressError);
    router.dispatch(completed("A", "goal"), 1);
    expect(() => router.reserve("A")).not.toThrow();
  });

  test("a released reservation frees the thread and drops what it kept", () => {
    const router = new Router();
    const reservation = router.reserve("A");
    router.dispatch(delta("A", "a1"), 1);
    reservation.release();
    reservation.release();
    const one = sink();
    reservation.claim("a1", one);
    router.reserve("A").claim("a1", one);
    expect(one.events).toEqual([]);
  });

  test("calls back with the first turn that starts, not with stragglers of an old one", () => {
    const router = new Router();
    const reservation = router.reserve("A");
    const seen: string[] = [];
    router.dispatch(delta("A", "old"), 1);
    reservation.watch({ started: (turnId) => void seen.push(turnId), failed: () => {} });
    router.dispatch(delta("A", "old"), 1);
    router.dispatch(started("A", "new"), 1);
    expect(seen).toEqual(["new"]);
  });

  test("fails every turn in flight when the connection ends", () => {
    const router = new Router();
    const [one, two] = [sink(), sink()];
    router.reserve("A").claim("a1", one);
    router.reserve("B").claim("b1", two);
    router.close({ initiator: "runtime", exitCode: 1, signal: null, stderrTail: "" });
    expect(one.failures).toEqual([expect.any(TransportClosedError)]);
    expect(String(two.failures[0])).toContain("b1");
  });

  test("fails the turns of a detached thread, and refuses new ones until it is attached again", () => {
    const router = new Router();
    const one = sink();
    router.reserve("A").claim("a1", one);
    router.detach("A");
    expect(one.failures).toEqual([expect.any(UsageError)]);
    expect(() => router.reserve("A")).toThrow(UsageError);
    router.attach("A");
    expect(() => router.reserve("A")).not.toThrow();
  });

  test("marks the gap of a turn whose start was missed, behind the replayed start", () => {
    const router = new Router();
    const one = sink();
    router.reserve("A").claim("a1", one);
    router.suspend(["A"]);
    router.restore("A", [turnRecord("inProgress", { id: "a1" })], () => new UsageError("Lost."));
    router.dispatch(delta("A", "a1", "the end of a message"), 1);
    const methods = one.events.map(({ method }) => method);
    expect(methods).toEqual(["turn/started", "reconnected", "item/agentMessage/delta"]);
  });

  describe("a turn that was interrupted with items in flight", () => {
    const item = (id: string, over: object = {}): ThreadItem =>
      untyped({ type: "commandExecution", id, status: "inProgress", completedAtMs: null, ...over });
    const itemStarted = (id: string, startedAtMs: number, over: object = {}): Notification => ({
      method: "item/started",
      params: { threadId: "A", turnId: "a1", item: item(id, over), startedAtMs },
    });
    const itemCompleted = (id: string, completedAtMs: number): Notification => ({
      method: "item/completed",
      params: { threadId: "A", turnId: "a1", item: item(id), contentTokenCount: null, completedAtMs },
    });
    const interrupted: Notification = {
      method: "turn/completed",
      params: { threadId: "A", turn: turnRecord("interrupted", { id: "a1" }) },
    };
    /** The events of such a turn, in short, with this record, or one that cannot be read. */
    async function eventsOf(record: readonly ThreadItem[] | Error, ...events: Notification[]) {
      const asked: string[] = [];
      const router = new Router(async (threadId) => {
        asked.push(threadId);
        if (record instanceof Error) throw record;
        return [turnRecord("completed", { id: "a2" }), turnRecord("interrupted", { id: "a1", items: [...record] })];
      });
      const one = sink();
      router.reserve("A").claim("a1", one);
      for (const event of [started("A", "a1"), ...events]) router.dispatch(event, 1);
      // The thread is free at once: only the end of its turn waits.
      expect(() => router.reserve("A").release()).not.toThrow();
      await new Promise(setImmediate);
      const short = one.events.flatMap((event) => {
        if (event.method === "item/completed") return `${event.params.item.id} at ${event.params.completedAtMs}`;
        return event.method === "turn/completed" ? event.params.turn.status : [];
      });
      return { asked, short };
    }

    test("has the ends that the record has, before its own end", async () => {
      const record = [item("one", { completedAtMs: 5 }), item("two"), item("strange", { completedAtMs: 5 })];
      const events = [itemStarted("one", 1), itemStarted("two", 1), itemStarted("three", 1), interrupted];
      expect(await eventsOf(record, ...events)).toEqual({ asked: ["A"], short: ["one at 5", "interrupted"] });
    });

    test("has each end once, also when the model used one id twice", async () => {
      const record = [item("same", { completedAtMs: 5 })];
      const events = [itemStarted("same", 1), itemCompleted("same", 5), itemStarted("same", 6), interrupted];
      expect(await eventsOf(record, ...events)).toEqual({ asked: ["A"], short: ["same at 5", "interrupted"] });
    });

    test("ends as well when there is no record", async () => {
      const gone = new Error("There is no record.");
      expect(await eventsOf(gone, itemStarted("one", 1), interrupted)).toEqual({
        asked: ["A"],
        short: ["interrupted"],
      });
    });

    test("needs no record when nothing is open, or only a message was cut off", async () => {
      const events = [itemStarted("m", 1, { type: "agentMessage" }), itemStarted("one", 1), itemCompleted("one", 2)];
      expect(await eventsOf([], ...events, interrupted)).toEqual({ asked: [], short: ["one at 2", "interrupted"] });
      expect(await eventsOf([], itemStarted("one", 1), completed("A", "a1"))).toEqual({
        asked: [],
        short: ["completed"],
      });
    });
  });

  test("a flood of unknown threads takes no room from those that were opened or are followed", () => {
    const router = new Router();
    router.attach("opened");
    router.dispatch(started("opened", "o1"), 1);
    const followed: unknown[] = [];
    router.follow("followed", { push: (event) => void followed.push(event), fail: () => {} }, "root");
    router.dispatch(started("followed", "f1"), 1);
    const one = sink();
    router.reserve("awaited").claim("a1", one);
    router.dispatch(started("stranger", "s1"), 1);
    for (let index = 0; index < 2_000; index++) router.dispatch(started(`T${index}`, "t"), 1);
    router.dispatch(completed("followed", "f1"), 1);
    router.dispatch(completed("awaited", "a1"), 1);
    expect(followed).toHaveLength(2);
    expect(one.events).toHaveLength(1);
    expect(["opened", "stranger", "T0", "T1999"].map((threadId) => router.isBusy(threadId))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(["opened", "followed", "stranger", "T1999"].map((threadId) => router.knows(threadId))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("a thread that is opened while its turn runs is busy; after a gap or an end nobody knows", () => {
    const router = new Router();
    router.dispatch(started("A", "a1"), 1);
    router.dispatch(started("B", "b1"), 1);
    router.attach("A");
    expect(() => router.reserve("A")).toThrow(/a1/);
    router.forgetStrangers();
    router.attach("B");
    expect(() => router.reserve("B")).not.toThrow();
    router.release("A");
    expect(router.isBusy("A")).toBe(true);
    router.close({ initiator: "runtime", exitCode: 1, signal: null, stderrTail: "" });
    router.attach("A");
    expect(() => router.reserve("A")).not.toThrow();
  });

  test("of one thread, only the latest turn that nobody waits for is remembered", () => {
    const router = new Router();
    router.attach("A");
    for (let index = 0; index < 1_000; index++) router.dispatch(started("A", `a${index}`), 1);
    expect(router.awaited("A")).toEqual(["a999"]);
  });
});
