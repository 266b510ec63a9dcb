/** The end-to-end tests of subscriptions to notifications across all threads. */

import type { NotificationOf } from "codex-embed";
import { message, startTestCodex } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const reports: { readonly fields: object; readonly text: string }[] = [];
const report = (fields: object, text: string) => void reports.push({ fields, text });
const bench = new SharedBench({ logger: { debug: () => {}, info: () => {}, warn: report, error: report } });

test("notifications of all threads, typed, in order", async () => {
  verifies("notifications");
  const seen: NotificationOf<"turn/completed">[] = [];
  using _ = bench.codex.on("turn/completed", (notification) => seen.push(notification));
  const threads = [
    await bench.thread(message("1")),
    await bench.thread(message("2")),
    await bench.thread(message("3")),
  ];
  const ids: string[] = [];
  for (const thread of threads) ids.push((await thread.run("Hi")).id);
  expect(seen.map(({ params }) => [params.threadId, params.turn.id])).toEqual(
    threads.map(({ id }, index) => [id, ids[index]]),
  );
  expect(seen.every(({ method, emittedAtMs }) => method === "turn/completed" && typeof emittedAtMs === "number")).toBe(
    true,
  );
});

test("each delta of a message, in order, whether or not anybody reads the turn", async () => {
  const text = "The quick brown fox jumps over the lazy dog.";
  const thread = await bench.thread(message(text, { deltas: 40 }));
  const deltas: string[] = [];
  using _ = bench.codex.on("item/agentMessage/delta", ({ params }) => deltas.push(params.delta));
  await thread.run("Hi");
  expect(deltas.join("")).toBe(text);
});

test("several subscriptions to one notification: each gets it, in the order of subscribing", async () => {
  const calls: string[] = [];
  using _a = bench.codex.on("thread/started", () => calls.push("first"));
  using _b = bench.codex.on("thread/started", () => calls.push("second"));
  const last = nextNotification(bench.codex, "thread/started");
  await bench.thread();
  await last;
  expect(calls).toEqual(["first", "second"]);
});

test("disposed, it stops; the others go on; disposing again does nothing", async () => {
  const calls: string[] = [];
  const first = bench.codex.on("thread/started", () => calls.push("first"));
  using _ = bench.codex.on("thread/started", () => calls.push("second"));
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  const last = nextNotification(bench.codex, "thread/started");
  await bench.thread();
  await last;
  expect(calls).toEqual(["second"]);
});

test("one that disposes of itself is called once", async () => {
  let calls = 0;
  const once = bench.codex.on("item/agentMessage/delta", () => {
    calls += 1;
    once[Symbol.dispose]();
  });
  const thread = await bench.thread(message("0123456789".repeat(100), { deltas: 1000 }));
  await thread.run("Hi");
  expect(calls).toBe(1);
});

test("one that another has disposed of is not called any more, not even for the same notification", async () => {
  const calls: string[] = [];
  using _ = bench.codex.on("thread/started", () => {
    calls.push("first");
    second[Symbol.dispose]();
  });
  const second = bench.codex.on("thread/started", () => calls.push("second"));
  const last = nextNotification(bench.codex, "thread/started");
  await bench.thread();
  await last;
  expect(calls).toEqual(["first"]);
});

test("the same function twice: two subscriptions", async () => {
  let calls = 0;
  const handler = () => {
    calls += 1;
  };
  using _a = bench.codex.on("thread/started", handler);
  const second = bench.codex.on("thread/started", handler);
  await startThreadAndHearOfIt();
  expect(calls).toBe(2);
  second[Symbol.dispose]();
  await startThreadAndHearOfIt();
  expect(calls).toBe(3);
});

test("a handler that throws or rejects is reported to the logger, and harms nobody", async () => {
  verifies("notifications");
  const thread = await bench.thread(message("Hello."));
  const calls: string[] = [];
  const thrown = new Error("thrown");
  const rejected = new Error("rejected");
  using _a = bench.codex.on("turn/completed", () => {
    throw thrown;
  });
  using _b = bench.codex.on("turn/completed", async () => {
    throw rejected;
  });
  using _c = bench.codex.on("turn/completed", () => calls.push("third"));
  reports.length = 0;
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toEqual(["third"]);
  expect(reports).toEqual([
    { fields: { error: thrown }, text: expect.stringContaining("turn/completed") },
    { fields: { error: rejected }, text: expect.stringContaining("turn/completed") },
  ]);
});

test("a handler that never ends delays nobody", async () => {
  const thread = await bench.thread(message("Hello."));
  using _ = bench.codex.on("turn/started", () => new Promise(() => {}));
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
});

test("a handler may start a turn when another has ended", async () => {
  const thread = await bench.thread(message("First."), message("Second."));
  const second = new Promise<string | null>((resolve, reject) => {
    const subscription = bench.codex.on("turn/completed", async ({ params }) => {
      if (params.threadId !== thread.id) return;
      subscription[Symbol.dispose]();
      await thread.run("Again").then(({ finalResponse }) => resolve(finalResponse), reject);
    });
  });
  await thread.run("Hi");
  expect(await second).toBe("Second.");
});

test("subscribed before the start, it hears of the start", async () => {
  await using own = await startTestCodex();
  const { Codex } = await import("codex-embed");
  await using codex = new Codex(own.codexOptions);
  const status = nextNotification(codex, "remoteControl/status/changed");
  await codex.start();
  expect((await status).status).toBe("disabled");
});

test("nothing that the pinned runtime sends in these tests is unknown", async () => {
  const unknown: unknown[] = [];
  using _ = bench.codex.on("unknown", (notification) => unknown.push(notification.method));
  const thread = await bench.threadWith({}, message("Hello.", { usage: { input: 1, output: 1 } }));
  await thread.run("Hi");
  await thread.setName("x");
  await thread.archive();
  expect(unknown).toEqual([]);
});

async function startThreadAndHearOfIt(): Promise<void> {
  const last = nextNotification(bench.codex, "thread/started");
  await bench.thread();
  await last;
}
