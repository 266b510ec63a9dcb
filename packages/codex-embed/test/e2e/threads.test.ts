/** Owns the end-to-end tests of a thread's life: start, read, name, fork, archive, delete, compact. */

import {
  InvalidRequestError,
  NoActiveTurnError,
  ThreadNotFoundError,
  TransportClosedError,
  TurnFailedError,
  TurnInProgressError,
} from "codex-embed";
import { fail, gate, message, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { itemsOf, nextNotification, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

test("start: an id, the working directory and the model in force", async () => {
  const thread = await bench.codex.startThread();
  expect(thread.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(thread).toMatchObject({ cwd: bench.workspace, model: "mock-model" });
  expect(await thread.read()).toMatchObject({ id: thread.id, cwd: bench.workspace, ephemeral: false, turns: [] });
  expect(await thread.read({ includeTurns: true })).toMatchObject({ id: thread.id, turns: [] });
});

test("start with a configuration that cannot be loaded: InvalidRequestError says why", async () => {
  const error = await rejection(bench.codex.startThread({ config: { model_provider: "nobody" } }), InvalidRequestError);
  expect(error).toMatchObject({ code: "INVALID_REQUEST", method: "thread/start" });
  expect(error.message).toContain("Model provider `nobody` not found");
});

test("read with turns, and the name", async () => {
  const thread = await bench.threadWith({}, message("Hello."));
  await thread.run("Hi");
  const renamed = nextNotification(bench.codex, "thread/name/updated", ({ threadId }) => threadId === thread.id);
  await thread.setName("Greeting");
  expect((await renamed).threadName).toBe("Greeting");
  const record = await thread.read({ includeTurns: true });
  expect(record).toMatchObject({ name: "Greeting", preview: "Hi" });
  expect(record.turns.map(({ items }) => items.map(({ type }) => type))).toEqual([["userMessage", "agentMessage"]]);
  expect(await bench.codex.readThread(thread.id)).toMatchObject({ name: "Greeting", turns: [] });
});

test("a blank name is refused", async () => {
  const thread = await bench.codex.startThread();
  await rejection(thread.setName("  "), InvalidRequestError);
});

test("an ephemeral thread runs turns, and leaves nothing on disk", async () => {
  verifies("ephemeral-thread");
  const thread = await bench.thread(message("Hello."));
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  expect(await thread.read()).toMatchObject({ ephemeral: true, path: null });
  await rejection(thread.read({ includeTurns: true }), InvalidRequestError);
  const { data } = await bench.codex.listThreads();
  expect(data.some(({ id }) => id === thread.id)).toBe(false);
  await rejection(bench.codex.resumeThread(thread.id), ThreadNotFoundError);
});

test("fork: a new thread with the history, that goes its own way", async () => {
  verifies("fork");
  const thread = await bench.threadWith({}, message("Hello."), message("Original."));
  await thread.run("Hi");
  await thread.setName("Parent");
  const fork = await thread.fork();
  bench.script(fork, message("Fork."));
  expect(fork.id).not.toBe(thread.id);
  expect(await fork.read()).toMatchObject({ forkedFromId: thread.id, name: "Parent" });
  expect((await fork.run("And now?")).finalResponse).toBe("Fork.");
  expect(bench.requestsOf(fork)[0]?.userTexts().slice(-2)).toEqual(["Hi", "And now?"]);
  expect((await thread.run("Here?")).finalResponse).toBe("Original.");
  expect(bench.requestsOf(thread)[1]?.userTexts()).not.toContain("And now?");
});

test("fork up to a turn", async () => {
  verifies("fork");
  const thread = await bench.threadWith({}, message("1"), message("2"));
  const first = await thread.run("One");
  await thread.run("Two");
  const fork = await bench.codex.forkThread(thread.id, { lastTurnId: first.id, ephemeral: true });
  bench.script(fork, message("3"));
  await fork.run("Three");
  expect(bench.requestsOf(fork)[0]?.userTexts().slice(-2)).toEqual(["One", "Three"]);
});

describe("archive and delete", () => {
  test("an archived thread is refused until it is unarchived and resumed", async () => {
    verifies("thread-actions");
    const thread = await bench.threadWith({}, message("Hello."), message("Back."));
    await thread.run("Hi");
    const archived = nextNotification(bench.codex, "thread/archived", ({ threadId }) => threadId === thread.id);
    await thread.archive();
    await archived;
    await rejection(thread.run("Hi"), ThreadNotFoundError);
    const error = await rejection(bench.codex.resumeThread(thread.id), ThreadNotFoundError);
    expect(error).toMatchObject({ code: "THREAD_ARCHIVED", rpcCode: -32600 });
    expect(error.message).toContain("unarchiveThread");
    expect(await idsOf({ archived: true })).toContain(thread.id);
    expect(await idsOf({})).not.toContain(thread.id);
    expect(await bench.codex.unarchiveThread(thread.id)).toMatchObject({ id: thread.id });
    await rejection(thread.run("Hi"), ThreadNotFoundError);
    const resumed = await bench.codex.resumeThread(thread.id);
    expect((await resumed.run("Still there?")).finalResponse).toBe("Back.");
    expect((await thread.read()).id).toBe(thread.id);
  });

  test("archiving and deleting in the middle of a turn interrupt it", async () => {
    for (const end of ["archiveThread", "deleteThread"] as const) {
      const hold = gate();
      const thread = await bench.threadWith({}, message("Hello."), message({ deltas: ["Hel", hold] }));
      await thread.run("Hi");
      const turn = await thread.startTurn("Again");
      await hold.reached;
      await bench.codex[end](thread.id);
      expect(await turn.result()).toMatchObject({ status: "interrupted" });
      await rejection(turn.steer("Late."), ThreadNotFoundError);
      await turn.interrupt();
    }
  });

  test("a deleted thread is gone", async () => {
    verifies("thread-actions");
    const thread = await bench.threadWith({}, message("Hello."));
    await thread.run("Hi");
    const deleted = nextNotification(bench.codex, "thread/deleted", ({ threadId }) => threadId === thread.id);
    await bench.codex.deleteThread(thread.id);
    await deleted;
    for (const call of [
      () => thread.run("Hi"),
      () => thread.read(),
      () => thread.fork(),
      () => thread.compact(),
      () => thread.setName("x"),
      () => bench.codex.resumeThread(thread.id),
      () => bench.codex.deleteThread(thread.id),
      () => bench.codex.archiveThread(thread.id),
    ]) {
      const error = await rejection(call(), ThreadNotFoundError);
      expect(error.code).toBe("THREAD_NOT_FOUND");
    }
  });

  test("unarchiving what is not in the archive", async () => {
    const unknown = "01a1fd66-02d7-7593-a9c6-feaaeddd2600";
    const error = await rejection(bench.codex.unarchiveThread(unknown), ThreadNotFoundError);
    expect(error.message).toContain(unknown);
  });

  test("a thread whose fork still needs it cannot be deleted", async () => {
    const thread = await bench.threadWith({}, message("Hello."));
    await thread.run("Hi");
    const fork = await thread.fork();
    bench.script(fork, message("Fork."));
    await fork.run("Hi");
    const error = await rejection(bench.codex.deleteThread(thread.id), InvalidRequestError);
    expect(error.message).toContain("forked history still references it");
  });
});

describe("compact", () => {
  test("resolves when the summary is made; the history is replaced by it", async () => {
    verifies("thread-actions");
    const hold = gate();
    const thread = await bench.threadWith(
      {},
      message("A long answer."),
      step(hold, message("The summary.")),
      message("Shorter."),
    );
    await thread.run("Question.");
    const compacting = thread.compact();
    await hold.reached;
    await rejection(thread.startTurn("Busy"), TurnInProgressError);
    hold.open();
    const result = await compacting;
    expect(result).toMatchObject({ threadId: thread.id, status: "completed" });
    expect(itemsOf(result, "contextCompaction")).toHaveLength(1);
    await thread.run("And?");
    const last = JSON.stringify(bench.requestsOf(thread).at(-1)?.input);
    expect(last).toContain("The summary.");
    expect(last).not.toContain("A long answer.");
  });

  test("a busy thread refuses it", async () => {
    const hold = gate();
    const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
    const turn = await thread.startTurn("Hi");
    await hold.reached;
    await rejection(thread.compact(), TurnInProgressError);
    hold.open();
    expect((await turn.result()).finalResponse).toBe("Hello.");
  });

  test("it rejects as a turn does, and leaves the thread usable", async () => {
    const thread = await bench.thread(message("Hello."), fail(500), message("Still here."));
    await thread.run("Hi");
    const error = await rejection(thread.compact(), TurnFailedError);
    expect(error).toMatchObject({ info: "internalServerError", threadId: thread.id });
    expect((await thread.run("Again")).finalResponse).toBe("Still here.");
  });

  test("it rejects when the client is closed", async () => {
    await using own = await startTestCodex();
    const hold = gate();
    own.model.enqueue(message("Hello."), step(hold, message("Summary.")));
    const thread = await own.codex.startThread({ ephemeral: true });
    await thread.run("Hi");
    const compacting = rejection(thread.compact(), TransportClosedError);
    await hold.reached;
    await own.codex.close();
    expect((await compacting).message).toContain("The client was closed");
  });

  test("it cannot be steered", async () => {
    const hold = gate();
    const thread = await bench.thread(message("Hello."), step(hold, message("Summary.")));
    const done = await thread.startTurn("Hi");
    await done.result();
    const compacting = thread.compact();
    await hold.reached;
    await rejection(done.steer("More."), NoActiveTurnError);
    hold.open();
    expect((await compacting).status).toBe("completed");
  });
});

async function idsOf(options: Parameters<typeof bench.codex.listThreads>[0]): Promise<string[]> {
  return (await bench.codex.listThreads(options)).data.map(({ id }) => id);
}
