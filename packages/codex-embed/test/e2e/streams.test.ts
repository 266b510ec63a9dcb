/** The end-to-end tests of reading a turn: any number of readers, at any time, each seeing the whole of it. */

import { type Thread, TurnFailedError } from "codex-embed";
import { disconnect, fail, gate, message, reasoning, shell, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { beginningOf, eventsOf, methodsOf, nextNotification, readAll, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

test("the events of a turn, in the order of the protocol", async () => {
  verifies("event-order");
  const thread = await bench.thread(
    step(reasoning({ summary: ["Think."] }), message("Hello.", { deltas: 2, usage: { input: 10, output: 1 } })),
  );
  const { events, error } = await readAll(thread.stream("Hi"));
  expect(error).toBeUndefined();
  expect(methodsOf(events)).toEqual([
    "turn/started",
    "item/started",
    "item/completed",
    "item/started",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/completed",
    "item/started",
    ...eventsOf(events, "item/agentMessage/delta").map(() => "item/agentMessage/delta"),
    "item/completed",
    "thread/tokenUsage/updated",
    "turn/completed",
  ]);
  expect(textOf(events)).toBe("Hello.");
  expect(events.every(({ emittedAtMs }) => typeof emittedAtMs === "number")).toBe(true);
});

test("several readers at once, one that begins in the middle and one after the end: all see the same", async () => {
  verifies("many-readers");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  const early = [readAll(turn), readAll(turn)];
  await hold.reached;
  await until(turn, ({ method }) => method === "item/agentMessage/delta");
  const middle = readAll(turn);
  hold.open();
  await turn.result();
  const late = readAll(turn);
  const [first, ...others] = await Promise.all([...early, middle, late]);
  expect(first?.events[0]?.method).toBe("turn/started");
  expect(first?.events.at(-1)?.method).toBe("turn/completed");
  for (const other of others) {
    expect(textOf(other.events)).toBe("Hello.");
    expect(withoutDeltas(other.events)).toEqual(withoutDeltas(first?.events ?? []));
  }
});

test("a reader that waits gets each delta as it comes", async () => {
  verifies("event-order");
  const gates = [gate(), gate()];
  const thread = await bench.thread(
    message({ deltas: ["one ", ...gates.slice(0, 1), "two ", ...gates.slice(1), "three"] }),
  );
  const deltas: string[] = [];
  for await (const event of thread.stream("Hi")) {
    if (event.method !== "item/agentMessage/delta") continue;
    deltas.push(event.params.delta);
    gates[deltas.length - 1]?.open();
  }
  expect(deltas).toEqual(["one ", "two ", "three"]);
});

test("a late reader gets the deltas of one text as one event", async () => {
  const thread = await bench.thread(message("0123456789".repeat(10), { deltas: 100 }));
  const turn = await thread.startTurn("Hi");
  await turn.result();
  const { events } = await readAll(turn);
  expect(eventsOf(events, "item/agentMessage/delta").map(({ params }) => params.delta)).toEqual([
    "0123456789".repeat(10),
  ]);
});

test("leaving a loop early stops that reader alone", async () => {
  verifies("leaving-reader");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }), message("Next."));
  const turn = await thread.startTurn("Hi");
  const other = readAll(turn);
  await until(turn, ({ method }) => method === "item/agentMessage/delta");
  hold.open();
  expect((await turn.result()).finalResponse).toBe("Hello.");
  expect(textOf((await other).events)).toBe("Hello.");
  expect((await thread.run("Again")).finalResponse).toBe("Next.");
});

describe("leaving thread.stream() early", () => {
  const turnEnd = ({ id }: Thread) =>
    nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === id);

  test.each(["break", "throw", "return"])("by %s interrupts the turn, and the thread is free", async (how) => {
    verifies("leaving-stream");
    const thread = await bench.thread(message({ deltas: ["Hel", gate()] }), message("Next."));
    const end = turnEnd(thread);
    const leave = async (): Promise<void> => {
      for await (const { method } of thread.stream("Hi")) {
        if (method !== "item/agentMessage/delta") continue;
        if (how === "throw") throw new Error("The reader fails.");
        if (how === "return") return;
        break;
      }
    };
    await leave().catch((error: unknown) => expect(String(error)).toContain("The reader fails."));
    expect((await thread.run("Again")).finalResponse).toBe("Next.");
    expect((await end).turn.status).toBe("interrupted");
  });

  test("stops its commands, unless keepCommands says otherwise", async () => {
    verifies("leaving-stream");
    for (const keepCommands of [false, true]) {
      const thread = await bench.thread(shell("exec sleep 600"));
      for await (const event of thread.stream("Hi", { keepCommands })) {
        if (event.method === "item/started" && event.params.item.type === "commandExecution") break;
      }
      const { data } = await bench.codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
      expect(data).toHaveLength(keepCommands ? 1 : 0);
      await bench.codex.request("thread/backgroundTerminals/clean", { threadId: thread.id });
    }
  });

  test("does not wait for an event: return() ends a next() that hangs", async () => {
    verifies("leaving-stream");
    const hold = gate();
    const thread = await bench.thread(message({ deltas: ["Hel", hold, gate()] }), message("Next."));
    const events = thread.stream("Hi");
    const reading = (async () => {
      for (let next = await events.next(); !next.done; next = await events.next());
    })();
    await hold.reached;
    expect(await events.return()).toEqual({ done: true, value: undefined });
    await reading;
    expect((await thread.run("Again")).finalResponse).toBe("Next.");
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test("before the first read starts nothing", async () => {
    const thread = await bench.thread(message("Next."));
    await thread.stream("Hi").return();
    expect((await thread.run("Again")).finalResponse).toBe("Next.");
    expect(bench.requestsOf(thread)).toHaveLength(1);
  });

  test("leaves a turn that a handle has alone", async () => {
    const hold = gate();
    const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
    const turn = await thread.startTurn("Hi");
    for await (const { method } of turn) if (method === "item/agentMessage/delta") break;
    hold.open();
    expect((await turn.result()).finalResponse).toBe("Hello.");
  });
});

test("thread.stream() starts the turn when it is read, not before", async () => {
  const thread = await bench.thread(message("First."), message("Streamed."));
  const stream = thread.stream("Later");
  expect((await thread.run("Now")).finalResponse).toBe("First.");
  expect(textOf((await readAll(stream)).events)).toBe("Streamed.");
});

test("a turn that fails: its readers see everything, and then the error is thrown", async () => {
  verifies("reader-sees-failure");
  const thread = await bench.thread(step(...beginningOf("Half a sen"), disconnect()), fail(500));
  const turn = await thread.startTurn("Hi");
  const { events, error } = await readAll(turn);
  expect(textOf(events)).toBe("Half a sen");
  expect(methodsOf(events).slice(-2)).toEqual(["error", "turn/completed"]);
  expect(error).toBeInstanceOf(TurnFailedError);
  const late = await readAll(turn);
  expect(late.error).toBe(error);
  expect(withoutDeltas(late.events)).toEqual(withoutDeltas(events));
  await expect(turn.result()).rejects.toBe(error);
  expect((await readAll(thread.stream("Again"))).error).toBeInstanceOf(TurnFailedError);
});

test("a reader by hand: next() after the end stays done", async () => {
  const thread = await bench.thread(message("Hello."));
  const turn = await thread.startTurn("Hi");
  const reader = turn[Symbol.asyncIterator]();
  const pending = Promise.all([reader.next(), reader.next(), reader.next()]);
  expect((await pending).map(({ value }) => (value === undefined ? null : value.method))).toEqual([
    "turn/started",
    "item/started",
    "item/completed",
  ]);
  await turn.result();
  while ((await reader.next()).done !== true);
  expect(await reader.next()).toEqual({ done: true, value: undefined });
});

describe("texts arrive as they are", () => {
  const texts = [
    ["line and paragraph separators", "a\u2028b\u2029c\u0085d"],
    ["emoji and joined emoji", "👩‍👩‍👧‍👦 🇪🇺 👍🏽 é e\u0301"],
    ["control characters and quotes", 'tab\t nul\u0000 esc\u001b "quoted" \\back\\ \r\n line'],
    ["the words of the protocol", '{"id":1,"result":{}}\n{"method":"turn/completed"}'],
  ] as const;

  test.each(texts)("%s", async (_what, text) => {
    const thread = await bench.thread(message(text, { deltas: 3 }));
    const turn = await thread.startTurn(text);
    const { events } = await readAll(turn);
    expect(textOf(events)).toBe(text);
    expect((await turn.result()).finalResponse).toBe(text);
    expect(bench.requestsOf(thread)[0]?.lastUserText()).toBe(text);
  });

  test("a command's output with characters that are cut by its chunks", async () => {
    const thread = await bench.thread(shell("for i in $(seq 200); do printf 'ä€😀'; done"), message("Done."));
    const result = await thread.run("Hi");
    expect(result.items.find(({ type }) => type === "commandExecution")).toMatchObject({
      aggregatedOutput: "ä€😀".repeat(200),
    });
  });
});

test("a message of 10 MB arrives, in the stream and in the result", async () => {
  verifies("large-message");
  const text = "0123456789abcdef".repeat(655_360);
  const thread = await bench.thread(message(text));
  const turn = await thread.startTurn("Hi");
  const reading = readAll(turn);
  const result = await turn.result();
  // Compared as booleans: a failing comparison of such texts would take minutes to print.
  expect(result.finalResponse === text).toBe(true);
  expect(textOf((await reading).events) === text).toBe(true);
});

function textOf(events: Parameters<typeof methodsOf>[0]): string {
  return eventsOf(events, "item/agentMessage/delta")
    .map(({ params }) => params.delta)
    .join("");
}

/** How deltas are merged depends on the reader's pace; everything else does not. */
function withoutDeltas(events: Parameters<typeof methodsOf>[0]): unknown[] {
  return events.filter(({ method }) => method !== "item/agentMessage/delta");
}
