/** Tests taking up threads on a new connection against a runtime whose record is behind. */

import { expect, test } from "vitest";
import type { CloseReason } from "../../../src/errors/connection.js";
import type { Turn } from "../../../src/protocol/generated/protocol.js";
import { RequestBroker } from "../../../src/requests/broker.js";
import { Recovery, type RecoveryRequest } from "../../../src/runtime/recovery.js";
import type { TurnEvent } from "../../../src/stream/events.js";
import { Router } from "../../../src/stream/router.js";
import { ThreadSandboxes, ThreadUpdates } from "../../../src/stream/threadMemory.js";
import { turnRecord } from "../../support/events.js";
import { untyped } from "../../support/turns.js";

const LOSS: CloseReason = { initiator: "runtime", exitCode: null, signal: null, stderrTail: "" };

/** A turn in flight, whose end is told by a runtime that says of it what `records` hold, one after the other. */
async function takenUp(records: readonly Turn[]) {
  const router = new Router();
  const broker = new RequestBroker(
    {},
    { handlerError: () => {}, knows: () => true, contextOf: () => null, parentOf: async () => null, settled: () => {} },
  );
  const recovery = new Recovery(router, broker, { sandboxes: new ThreadSandboxes(), updates: new ThreadUpdates() });
  recovery.keep("A", true);
  const events: TurnEvent[] = [];
  router.reserve("A").claim("a1", { touch: () => {}, push: (event) => void events.push(event), fail: () => {} });
  router.dispatch(
    { method: "turn/started", params: { threadId: "A", turn: turnRecord("inProgress", { id: "a1" }) } },
    1,
  );
  recovery.suspend();
  const asked: string[] = [];
  const request: RecoveryRequest = async (method) => {
    const turn = records[Math.min(asked.length, records.length - 1)];
    asked.push(method);
    const page = { data: turn === undefined ? [] : [turn], nextCursor: null };
    return untyped(method === "thread/resume" ? { initialTurnsPage: page } : page);
  };
  await recovery.resubscribeAll(request, LOSS);
  return { asked, end: events.flatMap((event) => (event.method === "turn/completed" ? event.params.turn : [])) };
}

const undecided = turnRecord("interrupted", { id: "a1", completedAt: null });

test("a turn that is recorded as interrupted without an end is looked at again: it may be ending just now", async () => {
  const { asked, end } = await takenUp([undecided, undecided, turnRecord("completed", { id: "a1" })]);
  expect(asked).toEqual(["thread/resume", "thread/turns/list", "thread/turns/list"]);
  expect(end).toMatchObject([{ id: "a1", status: "completed" }]);
});

test("one that stays so was interrupted by the end of its runtime", async () => {
  const { asked, end } = await takenUp([undecided]);
  expect(asked.length).toBeGreaterThan(2);
  expect(end).toMatchObject([{ id: "a1", status: "interrupted" }]);
});

test("one that has an end is taken as it is", async () => {
  const { asked, end } = await takenUp([turnRecord("interrupted", { id: "a1", completedAt: 5 })]);
  expect(asked).toEqual(["thread/resume"]);
  expect(end).toMatchObject([{ id: "a1", status: "interrupted" }]);
});
