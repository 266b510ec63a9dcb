import { afterEach, expect, test, vi } from "vitest";
import { LimitWatch } from "../../../src/client/limits.js";
import type { Thread } from "../../../src/client/thread.js";
import { captureCallSite } from "../../../src/errors/base.js";
import { TransportClosedError } from "../../../src/errors/connection.js";
import { TurnInProgressError } from "../../../src/errors/turn.js";
import { deferred } from "../../../src/util/async.js";
import { completed, started, threadId, turnId } from "../../support/events.js";
import { FakeClient } from "../../support/fakeClient.js";

afterEach(() => {
  vi.useRealTimers();
});

// The first two tests import the modules of goals and reviews for the first time in this process.

test.each<[string, string, (thread: Thread) => Promise<unknown>]>([
  ["goal", "thread/goal/set", (thread) => thread.startGoal("Count to three")],
  ["review", "review/start", (thread) => thread.startReview({ type: "uncommittedChanges" })],
])("a %s makes the thread busy from its call on, while its module is imported", async (_, method, start) => {
  const client = await FakeClient.connect();
  const thread = await client.thread(threadId);
  const work = start(thread);
  await expect(thread.startTurn("Hi")).rejects.toBeInstanceOf(TurnInProgressError);
  await client.requestId(method);
  client.transport.end({});
  await expect(work).rejects.toBeInstanceOf(TransportClosedError);
});

test("a goal that is aborted before its request was sent sends nothing and frees the thread", async () => {
  const client = await FakeClient.connect();
  const thread = await client.thread(threadId);
  const abort = new AbortController();
  const goal = thread.startGoal("Count to three", { signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(goal).rejects.toThrow("enough");
  const turn = thread.startTurn("Hi");
  await client.reply("turn/start", { turn: { id: turnId } });
  client.transport.receive(started());
  client.transport.receive(completed());
  expect((await (await turn).result()).status).toBe("completed");
  expect(client.transport.sent.map(({ method }) => method)).not.toContain("thread/goal/set");
});

test("work of this program before a request is not counted as time that the runtime has to answer", async () => {
  const client = await FakeClient.connect({ requestTimeoutMs: 1_000 });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const site = captureCallSite();
  const watch = new LimitWatch(client.runtime, { threadId, method: "turn/start", limits: {}, trace: null, site });
  const work = deferred<string>();
  const done = watch.beforeRequest(work.promise);
  vi.advanceTimersByTime(10_000);
  expect(watch.reason).toBeNull();
  work.resolve("done");
  expect(await done).toBe("done");
  vi.advanceTimersByTime(999);
  expect(watch.reason).toBeNull();
  vi.advanceTimersByTime(1);
  expect(watch.reason).not.toBeNull();
});
