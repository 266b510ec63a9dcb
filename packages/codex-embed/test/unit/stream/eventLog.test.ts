/** Tests the event log: any number of readers, none of which holds another back or loses text. */

import { describe, expect, test } from "vitest";
import { StreamOverflowError } from "../../../src/errors/turn.js";
import { EventLog } from "../../../src/stream/eventLog.js";
import type { TurnEvent } from "../../../src/stream/events.js";
import { completed, delta, started } from "../../support/events.js";
import { verifies } from "../../support/verifies.js";

function log(events: readonly TurnEvent[], limitBytes = 1_000_000): EventLog {
  const made = new EventLog(limitBytes);
  for (const event of events) made.append(event, 10);
  return made;
}

const all = (events: EventLog): Promise<TurnEvent[]> => collect(events.reader());

async function collect(events: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  const seen: TurnEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const text = (events: readonly TurnEvent[]) =>
  events.map((event) => (event.method === "item/agentMessage/delta" ? event.params.delta : "")).join("");

describe("EventLog", () => {
  test("gives a late reader everything from the first event, adjacent deltas as one", async () => {
    const events = log([started(), delta("a"), delta("b"), delta("c"), completed()]);
    events.end();
    expect(await all(events)).toEqual([started(), delta("abc"), completed()]);
    expect(await all(events)).toHaveLength(3);
  });

  test("gives a reader that keeps up each event as it came, the very objects", async () => {
    const events = log([]);
    const reader = events.reader();
    for (const event of [delta("a"), delta("b"), started(), delta("c")]) {
      const next = reader.next();
      events.append(event, 10);
      expect((await next).value).toBe(event);
    }
  });

  test("gives a reader that lags what it missed, and only that, in one event", async () => {
    verifies("slow-reader");
    const events = log([delta("a")]);
    const reader = events.reader();
    expect(await reader.next()).toEqual({ done: false, value: delta("a") });
    events.append(delta("b"), 10);
    events.append(delta("c"), 10);
    expect(await reader.next()).toEqual({ done: false, value: delta("bc") });
  });

  test("gives readers that stop anywhere in a long text all of it, and no piece twice", async () => {
    const words = Array.from({ length: 2_000 }, (_, index) => `${index}, `);
    const events = log([]);
    // Each leaves off after another number of pieces.
    const readers = [1, 7, 100, 256, 257, 1_000].map((every) => ({ every, reader: events.reader(), seen: "" }));
    for (const [index, word] of words.entries()) {
      events.append(delta(word), 10);
      for (const each of readers) {
        if (index % each.every !== 0) continue;
        const next = await each.reader.next();
        each.seen += next.done === true ? "" : text([next.value]);
      }
    }
    events.end();
    for (const { reader, seen } of readers) expect(seen + text(await collect(reader))).toBe(words.join(""));
  });

  test("merges only deltas of one text that stand next to each other", async () => {
    const events = log([delta("a", "x"), delta("b", "y"), delta("c", "x"), started(), delta("d", "x")]);
    events.end();
    expect(await all(events)).toHaveLength(5);
  });

  test("does not let one reader hold another back", async () => {
    verifies("slow-reader");
    const events = log([]);
    const idle = events.reader();
    const fast = collect(events.reader());
    for (const letter of "abcdef") events.append(delta(letter), 10);
    events.end();
    expect(text(await fast)).toBe("abcdef");
    expect(text(await collect(idle))).toBe("abcdef");
  });

  test("leaving early ends that reader alone, also while it waits", async () => {
    const events = log([started()]);
    for await (const event of events.reader()) {
      expect(event.method).toBe("turn/started");
      break;
    }
    const waiting = events.reader();
    await waiting.next();
    const next = waiting.next();
    await waiting.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    events.end();
    expect(await all(events)).toHaveLength(1);
  });

  test("answers several next() calls at once in order", async () => {
    const events = log([]);
    const reader = events.reader();
    const calls = [reader.next(), reader.next(), reader.next()];
    events.append(started(), 10);
    events.append(delta("a"), 10);
    events.end();
    expect((await Promise.all(calls)).map((result) => result.done)).toEqual([false, false, true]);
  });

  test("throws the error of the end after the last event, to every reader, once", async () => {
    const events = log([started()]);
    events.end(new Error("broken"));
    for (let round = 0; round < 2; round++) {
      const reader = events.reader();
      expect((await reader.next()).done).toBe(false);
      await expect(reader.next()).rejects.toThrow("broken");
      expect((await reader.next()).done).toBe(true);
    }
  });

  test("past its limit it ends the readers that are behind, never one that keeps up", async () => {
    const events = new EventLog(100);
    const behind = events.reader();
    const keeping = collect(events.reader());
    for (let index = 0; index < 50; index++) {
      events.append(started(), 30);
      await Promise.resolve();
    }
    events.end();
    expect(await keeping).toHaveLength(50);
    await expect(behind.next()).rejects.toBeInstanceOf(StreamOverflowError);
    await expect(all(events)).rejects.toMatchObject({ limitBytes: 100 });
  });

  test("bounds one endless text too, and a reader that keeps up loses none of it", async () => {
    const events = new EventLog(1000);
    const keeping = collect(events.reader());
    for (let index = 0; index < 200; index++) {
      events.append(delta("x".repeat(100)), 150);
      await Promise.resolve();
    }
    events.end();
    expect(text(await keeping)).toHaveLength(20_000);
    await expect(all(events)).rejects.toBeInstanceOf(StreamOverflowError);
  });
});
