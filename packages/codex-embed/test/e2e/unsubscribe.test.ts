/** The end-to-end tests of letting a thread go: nothing may wait for events that no longer come. */

import { Codex, CodexError, type Thread } from "codex-embed";
import { gate, message, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification, readAll } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
/** What hangs shall not hold up the whole run. */
const SOON = { timeout: 15_000 };

async function storedThread(): Promise<Thread> {
  const thread = await bench.threadWith({}, message("Hello."));
  await thread.run("Hi");
  return thread;
}

test("an idle thread can be let go and resumed", async () => {
  verifies("unsubscribe");
  const thread = await storedThread();
  await thread.unsubscribe();
  await thread.unsubscribe();
  const resumed = await bench.codex.resumeThread(thread.id);
  bench.script(thread, message("Back."));
  expect((await resumed.run("Again")).finalResponse).toBe("Back.");
});

test("await using lets the thread go at the end of the block", async () => {
  verifies("unsubscribe");
  const thread = await storedThread();
  {
    await using open = await bench.codex.resumeThread(thread.id);
    expect(open.id).toBe(thread.id);
  }
  const { status } = await bench.codex.request("thread/unsubscribe", { threadId: thread.id });
  expect(status).toBe("notSubscribed");
});

test("in the middle of a turn: the turn settles for everybody who waits for it", SOON, async () => {
  const thread = await storedThread();
  const hold = gate();
  bench.script(thread, message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Again");
  await hold.reached;
  const reading = readAll(turn);
  const ending = Promise.allSettled([turn.result()]);
  await thread.unsubscribe().catch(() => {});
  hold.open();
  const [end] = await ending;
  if (end.status === "fulfilled") expect(end.value.finalResponse).toBe("Hello.");
  else expect(end.reason).toBeInstanceOf(CodexError);
  expect((await reading).error).toBe(end.status === "fulfilled" ? undefined : end.reason);
});

test("in the middle of a turn: the thread is usable again once it is resumed", SOON, async () => {
  const thread = await storedThread();
  const hold = gate();
  bench.script(thread, message({ deltas: ["Hel", hold, "lo."] }), message("Back."));
  const turn = await thread.startTurn("Again");
  turn.result().catch(() => {});
  await hold.reached;
  const idle = nextNotification(
    bench.codex,
    "thread/status/changed",
    ({ threadId, status }) => threadId === thread.id && status.type === "idle",
  );
  await thread.unsubscribe().catch(() => {});
  hold.open();
  await idle;
  const resumed = await bench.codex.resumeThread(thread.id);
  expect((await resumed.run("Once more")).finalResponse).toBe("Back.");
});

test("a turn on a thread that was let go does not hang", SOON, async () => {
  const thread = await storedThread();
  bench.respond(thread, () => message("Back."));
  await thread.unsubscribe();
  const [end] = await Promise.allSettled([thread.run("Again")]);
  if (end.status === "fulfilled") expect(end.value.finalResponse).toBe("Back.");
  else expect(end.reason).toBeInstanceOf(CodexError);
});

test("a compaction of a thread that was let go does not hang", SOON, async () => {
  const thread = await storedThread();
  bench.respond(thread, () => message("Summary."));
  await thread.unsubscribe();
  const [end] = await Promise.allSettled([thread.compact()]);
  if (end.status === "fulfilled") expect(end.value.status).toBe("completed");
  else expect(end.reason).toBeInstanceOf(CodexError);
});

test("at the same time as a turn is started: whichever comes first, nothing hangs", SOON, async () => {
  const thread = await storedThread();
  bench.respond(thread, () => message("Back."));
  const starting = thread.startTurn("Again");
  const leaving = Promise.allSettled([thread.unsubscribe()]);
  const [end] = await Promise.allSettled([starting.then((turn) => turn.result())]);
  if (end.status === "fulfilled") expect(end.value.finalResponse).toBe("Back.");
  else expect(end.reason).toBeInstanceOf(CodexError);
  await leaving;
});

test("at the same time as a compaction is started: whichever comes first, nothing hangs", SOON, async () => {
  const thread = await storedThread();
  bench.respond(thread, () => message("Summary."));
  const compacting = Promise.allSettled([thread.compact()]);
  await Promise.allSettled([thread.unsubscribe()]);
  const [end] = await compacting;
  if (end.status === "fulfilled") expect(end.value.status).toBe("completed");
  else expect(end.reason).toBeInstanceOf(CodexError);
});

describe("disposing of a thread that has gone is no failure", () => {
  test("archived, deleted, let go before", async () => {
    const archived = await storedThread();
    await archived.archive();
    await archived[Symbol.asyncDispose]();
    const deleted = await storedThread();
    await bench.codex.deleteThread(deleted.id);
    await deleted[Symbol.asyncDispose]();
    const letGo = await bench.thread();
    await letGo.unsubscribe();
    await letGo[Symbol.asyncDispose]();
  });

  test("a client that is closed, or closing", async () => {
    await using own = await startTestCodex();
    const codex = await Codex.launch(own.codexOptions);
    const thread = await codex.startThread({ ephemeral: true });
    const closing = codex.close();
    await thread[Symbol.asyncDispose]();
    await closing;
    await thread[Symbol.asyncDispose]();
  });

  test("a runtime that has just died", async () => {
    await using own = await startTestCodex();
    const thread = await own.codex.startThread({ ephemeral: true });
    process.kill(own.codex.pid ?? Number.NaN, "SIGKILL");
    await thread[Symbol.asyncDispose]();
    expect(await own.codex.closed).toMatchObject({ signal: "SIGKILL" });
  });
});
