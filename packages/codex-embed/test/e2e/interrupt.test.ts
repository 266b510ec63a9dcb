/** Interrupting a turn at every moment of its life. */

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TransportClosedError } from "codex-embed";
import { gate, message, shell, silence, startTestCodex, step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { isAlive } from "../support/processes.js";
import { commandStarted, itemsOf, methodsOf, readAll, rejection, until, waitForFile } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ spawn: wiretap.spawn });

function interruptsSentTo(thread: { readonly id: string }): number {
  return wiretap.sent("turn/interrupt").filter(({ params }) => isAbout(params, thread.id)).length;
}

function isAbout(params: unknown, threadId: string): boolean {
  return typeof params === "object" && params !== null && "threadId" in params && params.threadId === threadId;
}

test("before the turn has started: it is held back until then", async () => {
  const thread = await bench.thread();
  bench.respond(thread, () => silence());
  const turn = await thread.startTurn("Hi");
  await turn.interrupt();
  expect(await turn.result()).toMatchObject({ id: turn.id, status: "interrupted", finalResponse: null });
  expect(interruptsSentTo(thread)).toBe(1);
  bench.respond(thread, () => message("Now."));
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("while the model streams: what it had said is dropped, readers end without an error", async () => {
  verifies("interrupt");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }), message("Now."));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  const reading = readAll(turn);
  await turn.interrupt();
  const result = await turn.result();
  expect(result).toMatchObject({ status: "interrupted", finalResponse: null });
  expect(result.items.map(({ type }) => type)).toEqual(["userMessage"]);
  expect(result.durationMs).toBeGreaterThan(0);
  const { events, error } = await reading;
  expect(error).toBeUndefined();
  expect(methodsOf(events).at(-1)).toBe("turn/completed");
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
});

test("while a command runs: the turn ends, and the command ends with the client", async () => {
  await using own = await startTestCodex();
  const pidFile = join(own.workspace, "pid");
  const goFile = join(own.workspace, "go");
  own.model.enqueue(shell(`echo $$ > ${pidFile}; ${waitForFile(goFile)}; echo up; exec sleep 600`));
  const thread = await own.codex.startThread({ ephemeral: true });
  const turn = await thread.startTurn("Hi");
  await commandStarted(turn);
  await writeFile(goFile, "");
  await until(turn, ({ method }) => method === "item/commandExecution/outputDelta");
  await turn.interrupt();
  const result = await turn.result();
  expect(result.status).toBe("interrupted");
  expect(itemsOf(result, "commandExecution")).toEqual([]);
  const pid = Number(await readFile(pidFile, "utf8"));
  own.model.enqueue(message("Now."));
  expect((await thread.run("Again")).finalResponse).toBe("Now.");
  expect(await isAlive(pid)).toBe(true);
  await own.codex.close();
  expect(await isAlive(pid)).toBe(false);
});

test("after the end it does nothing", async () => {
  const thread = await bench.thread(message("Hello."));
  const turn = await thread.startTurn("Hi");
  await turn.result();
  await turn.interrupt();
  expect(interruptsSentTo(thread)).toBe(0);
  expect((await turn.result()).status).toBe("completed");
});

test("after the end it leaves the next turn alone", async () => {
  const hold = gate();
  const thread = await bench.thread(message("First."), message({ deltas: ["Sec", hold, "ond."] }));
  const first = await thread.startTurn("Hi");
  await first.result();
  const second = await thread.startTurn("Again");
  await hold.reached;
  await first.interrupt();
  hold.open();
  expect(await second.result()).toMatchObject({ status: "completed", finalResponse: "Second." });
});

test("several times at once: one request", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold] }));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  await Promise.all([turn.interrupt(), turn.interrupt(), turn.interrupt()]);
  expect((await turn.result()).status).toBe("interrupted");
  expect(interruptsSentTo(thread)).toBe(1);
});

test("many turns, each interrupted at another moment: none is refused, none hangs", async () => {
  verifies("interrupt");
  const thread = await bench.thread();
  bench.respond(thread, () => message("Hello.", { deltas: 5 }));
  for (const events of [0, 1, 2, 3, 4, 6, 8, 10]) {
    const turn = await thread.startTurn("Hi");
    let seen = 0;
    for await (const _ of turn) if (seen++ === events) break;
    await turn.interrupt();
    await turn.interrupt();
    expect(["interrupted", "completed"]).toContain((await turn.result()).status);
  }
});

test("it settles with the turn when the runtime does not answer it", async () => {
  verifies("interrupt");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  const stopped = wiretap.hold();
  const interrupting = turn.interrupt();
  hold.open();
  await interrupting;
  expect((await turn.result()).status).toBe("completed");
  stopped.open();
});

test("it settles when the runtime dies", async () => {
  await using own = await startTestCodex();
  own.model.respondWith(() => silence());
  const thread = await own.codex.startThread({ ephemeral: true });
  const turn = await thread.startTurn("Hi");
  process.kill(own.codex.pid ?? Number.NaN, "SIGKILL");
  await turn.interrupt().catch((error: unknown) => expect(error).toBeInstanceOf(TransportClosedError));
  await rejection(turn.result(), TransportClosedError);
});

test("of two commands that ask at once, one that ran is in the result if it is in the record, told of or not", async () => {
  verifies("interrupted-items");
  let bothAsked = gate();
  let asked = 0;
  await using own = await startTestCodex({
    sandbox: "workspace-write",
    handlers: {
      approveCommand: ({ itemId }, { signal }) => {
        asked += 1;
        if (asked === 2) bothAsked.open();
        if (itemId === "run") return "accept";
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve("decline")));
      },
    },
  });
  for (let round = 0; round < 8; round++) {
    asked = 0;
    bothAsked = gate();
    const ran = join(own.codexHome, `ran-${round}`);
    const escalate = { justification: "Needed." };
    const both = step(
      shell(`echo ran; touch ${ran}`, { escalate, callId: "run" }),
      shell("echo waits", { escalate, callId: "wait" }),
    );
    const thread = await own.codex.startThread();
    own.model.when(({ threadId }) => threadId === thread.id).enqueue(both);
    const turn = await thread.startTurn("Go.");
    await bothAsked.opened;
    await expect.poll(() => existsSync(ran)).toBe(true);
    await turn.interrupt();
    const result = await turn.result();
    expect(result.status).toBe("interrupted");
    const { data } = await own.codex.request("thread/turns/list", { threadId: thread.id, limit: 1, itemsView: "full" });
    const recorded = itemsOf({ items: data[0]?.items ?? [] }, "commandExecution");
    const told = itemsOf(result, "commandExecution");
    expect(told.map(({ id }) => id)).toEqual(expect.arrayContaining(recorded.map(({ id }) => id)));
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
    const completed = (await readAll(turn)).events.filter(({ method }) => method === "item/completed");
    expect(completed).toHaveLength(result.items.length);
  }
});
