/** Tests that a turn comes out the same in whatever order its messages arrive, as far as the runtime can send them so. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TurnHandle } from "../../../src/client/turn.js";
import type { TurnResult } from "../../../src/protocol/shapes.js";
import type { TurnEvent } from "../../../src/stream/events.js";
import {
  agentMessage,
  completed,
  delta,
  itemCompleted,
  itemStarted,
  started,
  threadId,
  turnId,
  turnRecord,
} from "../../support/events.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";

const events: readonly TurnEvent[] = [
  started(),
  itemStarted(agentMessage("item-1", "")),
  delta("One "),
  delta("answer"),
  itemCompleted(agentMessage("item-1", "One answer")),
  completed(),
];
const REPLY = "the reply to turn/start";
type Wire = TurnEvent | typeof REPLY;

/** What a turn has given to its caller, counted. */
class Followed {
  readonly seen: TurnEvent[] = [];
  readonly results: TurnResult[] = [];
  readonly errors: unknown[] = [];
  ends = 0;

  async follow(turn: TurnHandle): Promise<void> {
    turn.result().then(
      (result) => this.results.push(result),
      (error: unknown) => this.errors.push(error),
    );
    for await (const event of turn) this.seen.push(event);
    this.ends += 1;
  }
}

/** Plays messages to a client that has asked for a turn. `pauses` lets its readers go on after each that is true. */
async function play(wire: readonly Wire[], pauses: readonly boolean[] = []): Promise<Followed> {
  const client = await FakeClient.connect();
  const thread = await client.thread(threadId);
  const followed = new Followed();
  const begun = thread.startTurn("Go").then((turn) => followed.follow(turn));
  const id = await client.requestId("turn/start");
  for (const [index, message] of wire.entries()) {
    client.transport.receive(message === REPLY ? { id, result: { turn: turnRecord("inProgress") } } : message);
    if (pauses[index]) await turnOfTheLoop();
  }
  await begun;
  expect(client.diagnostics).toEqual([]);
  await client.runtime.close();
  return followed;
}

/** The events with each run of pieces of one text put together, as a reader that lags sees it. */
function joined(all: readonly TurnEvent[]): unknown[] {
  const result: { method: string; params: unknown; text: string }[] = [];
  for (const { method, params } of all) {
    const last = result.at(-1);
    if (method !== "item/agentMessage/delta") result.push({ method, params, text: "" });
    else if (last?.method === method) last.text += params.delta;
    else result.push({ method, params: null, text: params.delta });
  }
  return result;
}

function expectWhole(followed: Followed, expected: readonly TurnEvent[]): void {
  expect(followed).toMatchObject({ errors: [], ends: 1, results: [{ id: turnId, threadId, status: "completed" }] });
  expect(joined(followed.seen)).toEqual(joined(expected));
}

const pauses = fc.array(fc.boolean(), { minLength: events.length + 1, maxLength: events.length + 1 });

describe("one turn", () => {
  // All that the runtime can do: it writes the notifications in order, and the reply at any place among them.
  test("is whole wherever the reply comes among its events", async () => {
    const place = fc.nat(events.length);
    await fc.assert(
      fc.asyncProperty(place, pauses, async (at, waits) => {
        const followed = await play([...events.slice(0, at), REPLY, ...events.slice(at)], waits);
        expectWhole(followed, events);
        expect(followed.results[0]).toMatchObject({ finalResponse: "One answer", items: [{ id: "item-1" }] });
      }),
    );
  });

  // No runtime does this. The turn ends with turn/completed nevertheless: once, with all that came before, in that order.
  test("ends once, with what came until its end, when the events themselves are out of order", async () => {
    const all: readonly Wire[] = [REPLY, ...events];
    const wire = fc.shuffledSubarray([...all], { minLength: all.length, maxLength: all.length });
    await fc.assert(
      fc.asyncProperty(wire, pauses, async (messages, waits) => {
        const told = messages.filter((message) => message !== REPLY);
        const end = told.findIndex(({ method }) => method === "turn/completed");
        expectWhole(await play(messages, waits), told.slice(0, end + 1));
      }),
    );
  });
});

test("turns of several threads get their own events, however these come between one another", async () => {
  const names = ["a", "b", "c"];
  const wireOf = (name: string): TurnEvent[] =>
    events.map((event) => JSON.parse(JSON.stringify(event).replaceAll(/(thread|turn|item)-1/g, `$1-${name}`)));
  // The order of the threads, each as often as it has messages; a reply comes at a place of its own.
  const turns = names.flatMap((name) => Array.from({ length: events.length + 1 }, () => name));
  const order = fc.shuffledSubarray(turns, { minLength: turns.length, maxLength: turns.length });
  const places = fc.tuple(...names.map(() => fc.nat(events.length)));
  await fc.assert(
    fc.asyncProperty(order, places, async (turnsInOrder, at) => {
      const client = await FakeClient.connect();
      const queues = new Map<string, unknown[]>();
      const followed = new Map<string, Followed>();
      const begun: Promise<void>[] = [];
      for (const [index, name] of names.entries()) {
        const thread = await client.thread(`thread-${name}`);
        const one = new Followed();
        followed.set(name, one);
        const before = client.transport.sent.length;
        begun.push(thread.startTurn("Go").then((turn) => one.follow(turn)));
        while (client.transport.sent.length === before) await turnOfTheLoop();
        const reply = {
          id: await client.requestId("turn/start"),
          result: { turn: turnRecord("inProgress", { id: `turn-${name}`, rootTurnId: `turn-${name}` }) },
        };
        const queue: unknown[] = wireOf(name);
        queue.splice(at[index] ?? 0, 0, reply);
        queues.set(name, queue);
      }
      for (const name of turnsInOrder) client.transport.receive(queues.get(name)?.shift());
      await Promise.all(begun);
      for (const [name, { seen, results, ends }] of followed) {
        expect([results.length, ends]).toEqual([1, 1]);
        expect(joined(seen)).toEqual(joined(wireOf(name)));
        expect(results[0]).toMatchObject({ threadId: `thread-${name}`, items: [{ id: `item-${name}` }] });
      }
      await client.runtime.close();
    }),
    { numRuns: 50 },
  );
});
