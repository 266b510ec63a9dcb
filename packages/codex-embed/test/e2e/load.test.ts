/** The end-to-end tests of many turns at once, and of what is left behind when the client has closed. */

import { type Codex, type Thread, TransportClosedError, type TurnHandle, type TurnResult } from "codex-embed";
import { message, type RecordedRequest, shell, silence, startTestCodex, step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { descendantsOf, isAlive } from "../support/processes.js";
import { commandStarted, eventsOf, methodsOf, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const THREADS = 16;
const TURNS = 200;
/** A slow machine that does other things as well needs more than the usual time. */
const PATIENT = { timeout: 120_000 };

test(
  "200 turns on 16 threads of one runtime: each reader sees only its own events, and nothing is left",
  PATIENT,
  async () => {
    verifies("concurrent-turns");
    const before = process.getActiveResourcesInfo();
    const others = await descendantsOf(process.pid);
    await using bench = await startTestCodex();
    const { codex, model } = bench;
    const pid = codex.pid ?? Number.NaN;
    model.respondWith((request) => message(answerTo(request), { deltas: 8, usage: { input: 10, output: 2 } }));
    const unread = countTurns(codex);
    const threads = await Promise.all(Array.from({ length: THREADS }, () => codex.startThread({ ephemeral: true })));
    const perThread = await Promise.all(
      threads.map((thread, index) =>
        runInOrder(thread, Math.floor(TURNS / THREADS) + (index < TURNS % THREADS ? 1 : 0)),
      ),
    );
    const results = perThread.flat();
    expect(results).toHaveLength(TURNS);
    expect(new Set(results.map(({ id }) => id)).size).toBe(TURNS);
    expect(unread()).toBe(TURNS);
    expect(model.requests).toHaveLength(TURNS);
    await bench.close();
    expect(await isAlive(pid)).toBe(false);
    expect(await descendantsOf(process.pid)).toEqual(others);
    expect(await resourcesBeyond(before)).toEqual([]);
  },
);

test("close in the middle of many turns: all of them reject, and nothing is left", PATIENT, async () => {
  const before = process.getActiveResourcesInfo();
  const others = await descendantsOf(process.pid);
  await using bench = await startTestCodex();
  const { codex, model } = bench;
  const running = await codex.startThread({ ephemeral: true });
  model.when((request) => request.threadId === running.id).enqueue(step(shell("sleep 600 & sleep 601")));
  model.respondWith(() => silence());
  const command = await running.startTurn("Hi");
  await commandStarted(command);
  const threads = await Promise.all(Array.from({ length: 8 }, () => codex.startThread({ ephemeral: true })));
  const turns = await Promise.all(threads.map((thread) => thread.startTurn("Hi")));
  const waiting = [command, ...turns].flatMap((turn) => [turn.result(), readAll(turn).then(throwError)]);
  const request = codex.request("command/exec", { command: ["sleep", "600"] });
  const ends = Promise.all([...waiting, request].map((promise) => rejection(promise, TransportClosedError)));
  const children = await descendantsOf(process.pid);
  await codex.close();
  for (const error of await ends) expect(error.message).toContain("The client was closed");
  for (const pid of children) if (!others.includes(pid)) expect(await isAlive(pid)).toBe(false);
  await bench.close();
  expect(await resourcesBeyond(before)).toEqual([]);
});

test("300 requests at once are all answered", async () => {
  await using bench = await startTestCodex();
  const { codex } = bench;
  const answers = await Promise.all(Array.from({ length: 300 }, () => codex.request("thread/loaded/list", {})));
  expect(answers).toHaveLength(300);
  expect(answers.every(({ data }) => data.length === 0)).toBe(true);
  const mixed = await Promise.allSettled(
    Array.from({ length: 300 }, (_, index) =>
      index % 3 === 0 ? codex.readThread("not an id") : codex.request("thread/loaded/list", {}),
    ),
  );
  expect(mixed.filter(({ status }) => status === "rejected")).toHaveLength(100);
});

test("64 commands that run do not hold up what else is asked, such as to end them", async () => {
  await using bench = await startTestCodex();
  const { codex } = bench;
  const ids = Array.from({ length: 64 }, (_, index) => `sleeper-${index}`);
  const running = Promise.allSettled(
    ids.map((processId) => codex.request("command/exec", { command: ["sleep", "600"], processId })),
  );
  const soon = { timeoutMs: 15_000 };
  const { data } = await codex.request("model/list", {}, soon);
  expect(data).toHaveLength(1);
  await Promise.all(ids.map((processId) => codex.request("command/exec/terminate", { processId }, soon)));
  expect((await running).map(({ status }) => status)).toEqual(ids.map(() => "fulfilled"));
});

test("many threads started at once are all different, and usable", async () => {
  await using bench = await startTestCodex();
  bench.model.respondWith((request) => message(answerTo(request)));
  const threads = await Promise.all(Array.from({ length: 100 }, () => bench.codex.startThread({ ephemeral: true })));
  expect(new Set(threads.map(({ id }) => id)).size).toBe(100);
  const [first, last] = [threads[0], threads.at(-1)];
  expect((await first?.run("Hi"))?.finalResponse).toBe(`${first?.id}: Hi`);
  expect((await last?.run("Hi"))?.finalResponse).toBe(`${last?.id}: Hi`);
});

function answerTo(request: RecordedRequest): string {
  return `${request.threadId}: ${request.lastUserText()}`;
}

async function runInOrder(thread: Thread, count: number): Promise<TurnResult[]> {
  const results: TurnResult[] = [];
  for (let index = 0; index < count; index++) {
    const turn = await thread.startTurn(`turn ${index}`);
    await checkReader(thread, turn, `${thread.id}: turn ${index}`);
    const result = await turn.result();
    expect(result.usage).toMatchObject({ turn: { totalTokens: 12 }, thread: { totalTokens: 12 * (index + 1) } });
    results.push(result);
  }
  return results;
}

async function checkReader(thread: Thread, turn: TurnHandle, answer: string): Promise<void> {
  const { events, error } = await readAll(turn);
  expect(error).toBeUndefined();
  const methods = methodsOf(events);
  expect([methods[0], methods.at(-1)]).toEqual(["turn/started", "turn/completed"]);
  for (const { method, params } of events) {
    expect(params.threadId).toBe(thread.id);
    const turnId = method === "turn/started" || method === "turn/completed" ? params.turn.id : params.turnId;
    expect(turnId).toBe(turn.id);
  }
  const deltas = eventsOf(events, "item/agentMessage/delta").map(({ params }) => params.delta);
  expect(deltas.join("")).toBe(answer);
  const times = events.map(({ emittedAtMs }) => emittedAtMs ?? 0);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
}

function countTurns(codex: Codex): () => number {
  let count = 0;
  codex.on("turn/completed", () => {
    count += 1;
  });
  return () => count;
}

function throwError({ error }: { error: unknown }): never {
  throw error;
}

/** The resources that keep this process running and did not before. Handles that are closing get a moment for it. */
async function resourcesBeyond(before: readonly string[]): Promise<string[]> {
  let beyond: string[] = [];
  for (let round = 0; round < 100; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    beyond = process.getActiveResourcesInfo();
    for (const name of [...before, "Immediate"]) {
      const index = beyond.indexOf(name);
      if (index !== -1) beyond.splice(index, 1);
    }
    if (beyond.length === 0) return beyond;
  }
  return beyond;
}
