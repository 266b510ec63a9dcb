/** The end-to-end tests of a turn's abort signal. */

import { getEventListeners } from "node:events";
import { fail, gate, message, shell, silence } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { commandStarted, nextNotification, readAll } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ spawn: wiretap.spawn });
const reason = new Error("The user left.");

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

test("aborted before: nothing is sent", async () => {
  verifies("abort-before-start");
  const thread = await bench.thread(message("Now."));
  const sent = wiretap.messages.length;
  const signal = AbortSignal.abort(reason);
  await expect(thread.run("Hi", { signal })).rejects.toBe(reason);
  await expect(thread.startTurn("Hi", { signal })).rejects.toBe(reason);
  expect((await readAll(thread.stream("Hi", { signal }))).error).toBe(reason);
  expect(wiretap.messages.slice(sent)).toEqual([]);
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("aborted at once, before the request is written: nothing is sent", async () => {
  const thread = await bench.thread(message("Now."));
  const sent = wiretap.messages.length;
  const controller = new AbortController();
  const running = thread.run("Hi", { signal: controller.signal });
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(wiretap.messages.slice(sent)).toEqual([]);
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("aborted while the request is under way: the turn is interrupted as soon as it can be", async () => {
  const thread = await bench.thread();
  bench.respond(thread, () => silence());
  const controller = new AbortController();
  const ended = nextNotification(bench.codex, "turn/completed", (params) => params.threadId === thread.id);
  const asked = wiretap.next("turn/start");
  const running = thread.run("Hi", { signal: controller.signal });
  await asked;
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect((await ended).turn.status).toBe("interrupted");
  expect(listenersOf(controller.signal)).toBe(0);
  bench.respond(thread, () => message("Now."));
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("aborted while the model streams: result and readers end with the reason, by one request", async () => {
  verifies("signal");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }), message("Now."));
  const controller = new AbortController();
  const turn = await thread.startTurn("Hi", { signal: controller.signal });
  await hold.reached;
  const reading = readAll(turn);
  const sent = wiretap.sent("turn/interrupt").length;
  controller.abort(reason);
  await expect(turn.result()).rejects.toBe(reason);
  expect((await reading).error).toBe(reason);
  await turn.interrupt();
  expect(wiretap.sent("turn/interrupt").length - sent).toBe(1);
  expect(listenersOf(controller.signal)).toBe(0);
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("aborted while a command runs", async () => {
  verifies("signal");
  const thread = await bench.thread(shell("exec sleep 600"), message("Now."));
  const controller = new AbortController();
  const turn = await thread.startTurn("Hi", { signal: controller.signal });
  await commandStarted(turn);
  controller.abort(reason);
  await expect(turn.result()).rejects.toBe(reason);
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
  await bench.codex.request("thread/backgroundTerminals/clean", { threadId: thread.id });
});

test("aborted without a reason: an AbortError; by a timeout: a TimeoutError", async () => {
  const thread = await bench.thread();
  bench.respond(thread, () => silence());
  const controller = new AbortController();
  const turn = await thread.startTurn("Hi", { signal: controller.signal });
  controller.abort();
  await expect(turn.result()).rejects.toMatchObject({ name: "AbortError" });
  await expect(thread.run("Hi", { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
});

test("aborted after the end: it changes nothing", async () => {
  const thread = await bench.thread(message("Hello."), message("Again."));
  const controller = new AbortController();
  const turn = await thread.startTurn("Hi", { signal: controller.signal });
  await turn.result();
  const sent = wiretap.messages.length;
  controller.abort(reason);
  expect((await turn.result()).finalResponse).toBe("Hello.");
  expect(wiretap.messages.slice(sent)).toEqual([]);
  expect((await thread.run("Again")).finalResponse).toBe("Again.");
});

test("a signal that serves many turns keeps no listener of theirs", async () => {
  const { signal } = new AbortController();
  const hold = gate();
  const thread = await bench.thread(message("1"), fail(500), message({ deltas: ["a", hold] }), message("4"));
  await thread.run("a", { signal });
  expect(listenersOf(signal)).toBe(0);
  await expect(thread.run("b", { signal })).rejects.toThrow("high demand");
  expect(listenersOf(signal)).toBe(0);
  const turn = await thread.startTurn("c", { signal });
  await hold.reached;
  expect(listenersOf(signal)).toBe(1);
  await expect(thread.startTurn("busy", { signal })).rejects.toThrow("in flight");
  await turn.interrupt();
  await turn.result();
  expect(listenersOf(signal)).toBe(0);
  await expect(thread.run({ type: "image", url: "https://example.com" }, { signal })).rejects.toThrow("data: URL");
  await thread.run("d", { signal });
  expect(listenersOf(signal)).toBe(0);
});

test("aborted at every moment of a turn: either it was over, or it ends with the reason; the thread is free at once", async () => {
  verifies("abort-frees-thread");
  const thread = await bench.thread();
  bench.respond(thread, () => message("Hello.", { deltas: 5 }));
  for (const events of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
    const controller = new AbortController();
    const turn = await thread.startTurn("Hi", { signal: controller.signal });
    let seen = 0;
    for await (const _ of turn) if (seen++ === events) break;
    controller.abort(reason);
    const [end] = await Promise.allSettled([turn.result()]);
    if (end.status === "rejected") expect(end.reason).toBe(reason);
    else expect(end.value.status).toBe("completed");
    expect((await thread.run("Again")).finalResponse).toBe("Hello.");
    expect(listenersOf(controller.signal)).toBe(0);
  }
});

test("one signal ends several turns at once", async () => {
  const { signal, controller } = withSignal();
  const threads = await Promise.all([bench.thread(), bench.thread(), bench.thread()]);
  for (const thread of threads) bench.respond(thread, () => silence());
  const turns = await Promise.all(threads.map((thread) => thread.startTurn("Hi", { signal })));
  controller.abort(reason);
  const ends = await Promise.allSettled(turns.map((turn) => turn.result()));
  expect(ends).toEqual(threads.map(() => ({ status: "rejected", reason })));
  expect(listenersOf(signal)).toBe(0);
});

function withSignal(): { signal: AbortSignal; controller: AbortController } {
  const controller = new AbortController();
  return { signal: controller.signal, controller };
}
