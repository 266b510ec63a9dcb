/** Tests a turn that runs when a client asks for it: started by another client, a program that is gone, or the queue. */

import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  type AppServer,
  Codex,
  type Handlers,
  type Thread,
  TurnDeadlineError,
  TurnInProgressError,
  UsageError,
} from "codex-embed";
import { type Gate, gate, message, type ScriptedModel, shell, step, usage } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Proxy } from "../support/proxy.js";
import { eventsOf, itemsOf, methodsOf, nextNotification, readAll, rejection, until } from "../support/turns.js";
import { type SharedRuntime, startSharedRuntime } from "../support/sharedRuntime.js";
import { verifies } from "../support/verifies.js";

let shared: SharedRuntime;
let model: ScriptedModel;
let server: AppServer;
let a: Codex;
let b: Codex;

beforeAll(async () => {
  shared = await startSharedRuntime();
  ({ model, server, a, b } = shared);
});
afterAll(() => shared[Symbol.asyncDispose]());

const escalated = (command: string) => shell(command, { escalate: { justification: "Needed." } });

function scripted(thread: { readonly id: string }) {
  return model.when((request) => request.threadId === thread.id);
}

/** Runs a turn of the first client until its answer has begun; a command has run before that. */
async function begin(thread: Thread, hold: Gate = gate()) {
  const used = usage({ input: 100, output: 10 });
  scripted(thread).enqueue(step(shell("echo ready"), used), step(message({ deltas: ["A's ", hold, "answer."] }), used));
  const turn = await thread.startTurn("A's question.");
  await hold.reached;
  return { turn, hold };
}

async function taken(thread: Thread, options: Parameters<Thread["activeTurn"]>[0] = {}) {
  const turn = thread.activeTurn(options);
  if (turn === null) throw new Error("No turn runs.");
  return turn;
}

test("a program that is killed in mid-turn leaves a turn that the next one takes up: one approval, one result", async () => {
  verifies("running-turn-taken-up");
  const program = fileURLToPath(new URL("../fixtures/sharesRuntime.ts", import.meta.url));
  model.enqueue(shell("echo ready"), escalated("echo yes"), message("Done."));
  const args = ["--import", "tsx", program, server.url, server.token ?? ""];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  const [threadId]: unknown[] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), exit]);
  child.kill("SIGKILL");
  await exit;

  await using next = await server.connect();
  const asked: (string | null)[] = [];
  let accept = (): void => {};
  const accepted = new Promise<"accept">((resolve) => {
    accept = () => resolve("accept");
  });
  const handlers: Handlers = {
    approveCommand: (_, { itemId }) => {
      asked.push(itemId);
      return accepted;
    },
  };
  const thread = await next.resumeThread(String(threadId), { handlers });
  const turn = await taken(thread);
  expect(thread.activeTurn()).toBe(turn);
  await until(turn, ({ method }) => method === "reconnected");
  accept();
  const result = await turn.result();
  expect(result).toMatchObject({ id: turn.id, status: "completed", finalResponse: "Done.", usage: null });
  const outputs = itemsOf(result, "commandExecution").map((item) => item.aggregatedOutput);
  expect(outputs).toEqual(["ready\n", "yes\n"]);
  expect(asked).toHaveLength(1);
  expect(thread.activeTurn()).toBeNull();
});

describe("a turn of another client", () => {
  test("has its items so far, then what follows, and no event twice", async () => {
    verifies("running-turn-events");
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    const resumed = await b.resumeThread(own.id);
    const other = await taken(resumed);
    expect(other).toMatchObject({ id: turn.id, threadId: own.id });
    const reading = readAll(other);
    await until(other, ({ method }) => method === "reconnected");
    expect(await rejection(resumed.startTurn("B's question."), TurnInProgressError)).toMatchObject({
      activeTurnId: turn.id,
    });
    hold.open();
    const { events, error } = await reading;
    expect(error).toBeUndefined();
    expect(methodsOf(events).slice(0, 2)).toEqual(["turn/started", "reconnected"]);
    expect(methodsOf(events).at(-1)).toBe("turn/completed");
    const [mine, theirs] = await Promise.all([turn.result(), other.result()]);
    expect(theirs.items).toEqual(mine.items);
    expect(eventsOf(events, "item/completed").map(({ params }) => params.item.id)).toEqual(
      mine.items.map(({ id }) => id),
    );
    expect(theirs).toMatchObject({ finalResponse: "A's answer.", usage: null, output: undefined });
    expect(mine.usage?.turn).toMatchObject({ inputTokens: 200, outputTokens: 20 });
    expect(resumed.activeTurn()).toBeNull();
  });

  test("is taken up in the middle by a client that saw it begin", async () => {
    const own = await a.startThread();
    scripted(own).enqueue(message("One."));
    await own.run("First.");
    const resumed = await b.resumeThread(own.id);
    expect(resumed.activeTurn()).toBeNull();
    const { turn, hold } = await begin(own);
    await nextIfNeeded(resumed);
    const other = await taken(resumed);
    hold.open();
    const [mine, theirs] = await Promise.all([turn.result(), other.result()]);
    expect(theirs).toMatchObject({ items: mine.items, usage: null });
  });

  test("can be interrupted, at once: both learn of it", async () => {
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    const other = await taken(await b.resumeThread(own.id));
    await other.interrupt();
    const outcomes = await Promise.all([turn.outcome(), other.outcome()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["interrupted", "interrupted"]);
    hold.open();
  });

  test("can be steered", async () => {
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    const other = await taken(await b.resumeThread(own.id));
    scripted(own).enqueue(message("Steered."));
    await other.steer("Shorter.");
    const results = await Promise.all([turn.result(), other.result()]);
    expect(results.map(({ finalResponse }) => finalResponse)).toEqual(["Steered.", "Steered."]);
    hold.open();
  });

  test("ends for everybody by a limit of the one who took it up", async () => {
    verifies("running-turn-limits");
    const own = await a.startThread();
    for (const limit of ["signal", "deadlineMs"] as const) {
      const { turn, hold } = await begin(own);
      const resumed = await b.resumeThread(own.id);
      const controller = new AbortController();
      const other = await taken(resumed, limit === "signal" ? { signal: controller.signal } : { deadlineMs: 300 });
      const reason = new Error("Enough.");
      controller.abort(reason);
      if (limit === "signal") await expect(other.result()).rejects.toBe(reason);
      else expect((await rejection(other.result(), TurnDeadlineError)).result).toMatchObject({ id: turn.id });
      expect(await turn.outcome()).toMatchObject({ status: "interrupted" });
      hold.open();
    }
    expect(() => own.activeTurn({ signal: AbortSignal.abort(new Error("Before.")) })).toThrow("Before.");
  });

  test("is whole although the connection is cut while it is taken up, and after that", async () => {
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    await using proxy = await Proxy.to(server.url);
    await using cut = await Codex.connect(proxy.url, {
      ...(server.token === undefined ? {} : { token: server.token }),
      reconnect: { initialDelayMs: 1 },
    });
    const resumed = await cut.resumeThread(own.id);
    const other = await taken(resumed);
    proxy.cut();
    await until(other, ({ method }) => method === "item/completed");
    const again = new Promise<void>((resolve) => {
      cut.on("status", ({ params }) => params.status === "ready" && resolve());
    });
    proxy.cut();
    await again;
    hold.open();
    const [mine, theirs] = await Promise.all([turn.result(), other.result()]);
    expect(theirs.items).toEqual(mine.items);
  });

  test("that is a review is taken up as a turn, and can be interrupted", async () => {
    const own = await a.startThread();
    scripted(own).enqueue(message("One."));
    await own.run("First.");
    for (const end of ["completed", "interrupted"]) {
      const hold = gate();
      model.enqueue(message({ deltas: ["{", hold, "}"] }));
      const review = await own.startReview({ type: "custom", instructions: "Look." });
      await hold.reached;
      const other = await taken(await b.resumeThread(own.id));
      expect(other.id).toBe(review.id);
      if (end === "completed") hold.open();
      else await other.interrupt();
      expect((await other.outcome()).status).toBe(end);
      expect((await review.outcome()).status).toBe(end);
      hold.open();
    }
  });
});

/** Waits until the runtime has told this client of the turn. */
async function nextIfNeeded(thread: Thread): Promise<void> {
  if (thread.activeTurn() === null) await nextNotification(b, "turn/started", ({ threadId }) => threadId === thread.id);
}

test("an approval that two clients can give: the first answer counts, and the other handler is told", async () => {
  verifies("running-turn-approval-race");
  const waits: AbortSignal[] = [];
  let isAsked = (): void => {};
  const asking = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const approveCommand: Handlers["approveCommand"] = (_, { signal }) => {
    waits.push(signal);
    isAsked();
    return new Promise<never>(() => {});
  };
  const own = await a.startThread({ sandbox: "read-only", handlers: { approveCommand } });
  scripted(own).enqueue(escalated("echo yes"), message("Done."));
  const turn = await own.startTurn("Do it.");
  const errors: unknown[] = [];
  using _errors = a.on("handlerError", ({ params }) => errors.push(params));
  await asking;
  const resumed = await b.resumeThread(own.id, { handlers: { approveCommand: () => "accept" } });
  const other = resumed.activeTurn();
  const result = await turn.result();
  expect(result.finalResponse).toBe("Done.");
  expect(other === null ? "Done." : (await other.result()).finalResponse).toBe("Done.");
  expect(waits.map((signal) => signal.aborted)).toEqual([true]);
  expect(errors).toEqual([]);
});

test("what is asked after the turn was taken up reaches the handlers in the async context of that call", async () => {
  const tenant = new AsyncLocalStorage<string>();
  const own = await a.startThread({
    sandbox: "read-only",
    handlers: { approveCommand: () => new Promise<never>(() => {}) },
  });
  const hold = gate();
  scripted(own).enqueue(message({ deltas: ["Wait", hold, "."] }), escalated("echo yes"), message("Done."));
  const turn = await own.startTurn("Do it.");
  await hold.reached;
  const where: unknown[] = [];
  const handlers = {
    approveCommand: () => {
      where.push(tenant.getStore());
      return "accept" as const;
    },
  };
  const resumed = await tenant.run("resume", () => b.resumeThread(own.id, { handlers }));
  const other = await tenant.run("activeTurn", () => taken(resumed));
  await other.steer("Ask.");
  await Promise.all([turn.result(), other.result()]);
  hold.open();
  expect(where).toEqual(["activeTurn"]);
});

describe("a turn of the same client", () => {
  test("has one handle, which is the one it was started with", async () => {
    verifies("running-turn-one-handle");
    const own = await a.startThread();
    expect(own.activeTurn()).toBeNull();
    const starting = begin(own);
    expect(own.activeTurn()).toBeNull();
    const { turn, hold } = await starting;
    expect(own.activeTurn()).toBe(turn);
    expect((await a.resumeThread(own.id)).activeTurn()).toBe(turn);
    hold.open();
    await turn.result();
    expect(own.activeTurn()).toBeNull();
  });

  test("from the queue is taken up", async () => {
    verifies("running-turn-queue");
    const own = await a.startThread();
    scripted(own).enqueue(message("One."));
    await own.run("First.");
    const hold = gate();
    scripted(own).enqueue(message({ deltas: ["Two", hold, "."] }));
    await own.queue.add("Second.");
    await hold.reached;
    const turn = await taken(own);
    hold.open();
    expect(await turn.result()).toMatchObject({ status: "completed", finalResponse: "Two." });
  });

  test("that belongs to a goal is refused: the goal has a handle", async () => {
    const own = await a.startThread();
    const hold = gate();
    scripted(own).enqueue(message({ deltas: ["Working", hold, "."] }));
    model.respondWith(() => message("Done."));
    const goal = await own.startGoal("Work.");
    await hold.reached;
    expect(() => own.activeTurn()).toThrow(UsageError);
    await rejection(own.deliver({ source: "ci", content: "Failed." }), UsageError);
    await own.clearGoal();
    hold.open();
    await goal.result();
  });

  test("is none after the thread was unsubscribed: its events do not arrive", async () => {
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    await own.unsubscribe();
    expect(() => own.activeTurn()).toThrow(/was unsubscribed/);
    await rejection(turn.result(), UsageError);
    const resumed = await a.resumeThread(own.id);
    const again = await taken(resumed);
    hold.open();
    expect((await again.result()).finalResponse).toBe("A's answer.");
  });
});
