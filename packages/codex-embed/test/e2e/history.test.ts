/** The history of a thread as iterables: `turns` and `items`. */

import { type Thread, ThreadNotFoundError, UsageError } from "codex-embed";
import { message, shell, startTestCodex } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { readAll, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ spawn: wiretap.spawn });

async function threadOf(...inputs: readonly string[]): Promise<Thread> {
  const thread = await bench.threadWith({}, ...inputs.flatMap((text) => [shell(`echo ${text}`), message("Done.")]));
  for (const input of inputs) await thread.run(input);
  return thread;
}

const ALL = ["userMessage", "commandExecution", "agentMessage"];

test("turns: all of them, the oldest first, with all items, page by page", async () => {
  verifies("thread-history");
  const thread = await threadOf("one", "two", "three");
  const before = wiretap.sent("thread/turns/list").length;
  const { events: turns, error } = await readAll(thread.turns({ limit: 2 }));
  expect(error).toBeUndefined();
  expect(turns.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
  expect(turns.map(({ items }) => items.map(({ type }) => type))).toEqual([ALL, ALL, ALL]);
  expect(wiretap.sent("thread/turns/list")).toHaveLength(before + 2);
  expect((await readAll(thread.turns())).events).toEqual(turns);
  const unset = untyped<Parameters<Thread["turns"]>[0]>({ sortDirection: undefined, itemsView: undefined });
  expect((await readAll(thread.turns(unset))).events).toEqual(turns);
  const newest = await readAll(thread.turns({ limit: 1, sortDirection: "desc", itemsView: "notLoaded" }));
  expect(newest.events.map(({ id }) => id)).toEqual(turns.map(({ id }) => id).reverse());
  expect(newest.events.flatMap(({ items }) => items)).toEqual([]);
});

test("items: those of all turns or of one, with their turn", async () => {
  verifies("thread-history");
  const thread = await threadOf("one", "two");
  const { events: turns } = await readAll(thread.turns());
  const { events: items } = await readAll(thread.items({ limit: 2 }));
  expect(items.map(({ turnId, item }) => [turnId, item.type])).toEqual(
    turns.flatMap(({ id }) => ALL.map((type) => [id, type])),
  );
  const backwards = await readAll(thread.items({ sortDirection: "desc" }));
  expect(backwards.events.map(({ item }) => item.id)).toEqual(items.map(({ item }) => item.id).reverse());
  const second = await readAll(thread.items({ turnId: turns[1]?.id }));
  expect(second.events).toEqual(items.slice(3));
});

test("leaving the loop reads no more pages", async () => {
  verifies("thread-history");
  const thread = await threadOf("one", "two", "three");
  const before = wiretap.messages.length;
  for await (const turn of thread.turns({ limit: 1 })) if (turn.items.length > 0) break;
  for await (const { item } of thread.items({ limit: 2 })) if (item.type === "commandExecution") break;
  expect(wiretap.messages.slice(before).map(({ method }) => method)).toEqual([
    "thread/turns/list",
    "thread/items/list",
  ]);
});

test("a thread without a turn has none; one that stores none is refused", async () => {
  const thread = await bench.codex.startThread();
  expect(await readAll(thread.turns())).toEqual({ events: [], error: undefined });
  expect(await readAll(thread.items())).toEqual({ events: [], error: undefined });
  const ephemeral = await bench.thread(message("Hello."));
  await ephemeral.run("Hi");
  for (const history of [ephemeral.turns(), ephemeral.items()]) {
    expect((await rejection(drain(history), UsageError)).message).toContain("is ephemeral");
  }
  const deleted = await threadOf("one");
  await bench.codex.deleteThread(deleted.id);
  for (const history of [deleted.turns(), deleted.items()]) {
    await rejection(drain(history), ThreadNotFoundError);
  }
});

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

test("options are checked by the call", async () => {
  const thread = await bench.thread();
  expect(() => thread.turns(untyped({ order: "asc" }))).toThrow("unknown option order");
  expect(() => thread.turns(untyped({ sortDirection: "up" }))).toThrow(UsageError);
  expect(() => thread.turns({ limit: 0 })).toThrow(UsageError);
  expect(() => thread.items(untyped({ itemsView: "full" }))).toThrow("unknown option itemsView");
});

test("a crash between two pages: the next process reads on", async () => {
  verifies("thread-history");
  await using own = await startTestCodex({ restart: "on-crash" });
  own.model.respondWith(() => message("Hello."));
  const thread = await own.codex.startThread();
  for (const input of ["one", "two", "three"]) await thread.run(input);
  const seen: string[] = [];
  for await (const { item } of thread.items({ limit: 2 })) {
    seen.push(item.type);
    if (seen.length === 2 && own.codex.pid !== undefined) process.kill(own.codex.pid, "SIGKILL");
  }
  expect(seen).toEqual(Array.from({ length: 3 }, () => ["userMessage", "agentMessage"]).flat());
});
