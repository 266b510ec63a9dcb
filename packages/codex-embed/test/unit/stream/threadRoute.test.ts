import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import type { CloseReason } from "../../../src/errors/connection.js";
import { Router } from "../../../src/stream/router.js";
import type { TurnSink } from "../../../src/stream/reservation.js";
import { completed, delta, started, threadId, turnId, turnRecord } from "../../support/events.js";

const LOSS: CloseReason = { initiator: "runtime", exitCode: null, signal: null, stderrTail: "" };
const lost = () => new UsageError("Lost.");

/** A router whose sink records the state at each event. */
function setUp() {
  const router = new Router();
  const seen: string[] = [];
  const sink: TurnSink = {
    push: ({ method }) => void seen.push(`${method} ${router.stateOf(threadId)}`),
    touch: () => {},
    fail: () => void seen.push(`failed ${router.stateOf(threadId)}`),
  };
  return { router, sink, seen, state: () => router.stateOf(threadId) };
}

describe("the state of a thread", () => {
  test("is idle, reserved, running, and idle again", () => {
    const { router, sink, state } = setUp();
    expect(state()).toBe("idle");
    const reservation = router.reserve(threadId);
    expect(state()).toBe("reserved");
    reservation.claim(turnId, sink);
    expect(state()).toBe("running");
    router.dispatch(completed(), 1);
    expect(state()).toBe("idle");
  });

  test("is idle after a reservation that is released", () => {
    const { router, state } = setUp();
    router.reserve(threadId).release();
    expect(state()).toBe("idle");
  });

  test("is running while a turn of another client runs, whether its id is known or not", () => {
    const { router, state } = setUp();
    router.dispatch(started(), 1);
    expect(state()).toBe("running");
    router.dispatch(completed(), 1);
    router.noteActive(threadId);
    expect(state()).toBe("running");
    router.identify(threadId, turnRecord("completed"));
    expect(state()).toBe("idle");
  });

  test("is suspended and replaying during a gap, and afterwards what the turn makes it", () => {
    const { router, sink, seen, state } = setUp();
    router.reserve(threadId).claim(turnId, sink);
    router.dispatch(started(), 1);
    router.suspend([threadId]);
    expect(state()).toBe("suspended");
    expect(router.isBusy(threadId)).toBe(true);
    router.dispatch(delta("withheld"), 1);
    router.restore(threadId, [turnRecord("inProgress")], lost);
    expect(state()).toBe("running");
    router.suspend([threadId]);
    router.restore(threadId, [turnRecord("completed")], lost);
    expect(state()).toBe("idle");
    expect(seen).toEqual([
      "turn/started running",
      "reconnected replaying",
      "item/agentMessage/delta running",
      "reconnected replaying",
      "turn/completed replaying",
    ]);
  });

  test("is suspended after an end from the record if it was before", () => {
    const { router, sink, seen, state } = setUp();
    router.reserve(threadId).claim(turnId, sink);
    router.suspend([threadId]);
    router.settle(threadId, turnRecord("completed"));
    expect(seen).toEqual(["turn/started replaying", "turn/completed replaying"]);
    expect(state()).toBe("suspended");
  });

  test.each([
    ["unsubscribed", (router: Router) => router.detach(threadId)],
    ["not resumed", (router: Router) => router.fail(threadId, LOSS)],
  ])("is lost when the thread was %s, until it is attached", (_, lose) => {
    const { router, sink, seen, state } = setUp();
    router.reserve(threadId).claim(turnId, sink);
    lose(router);
    expect([state(), seen]).toEqual(["lost", ["failed lost"]]);
    expect(() => router.reserve(threadId)).toThrow("Call codex.resumeThread(id) first.");
    router.attach(threadId);
    expect(state()).toBe("idle");
  });
});
