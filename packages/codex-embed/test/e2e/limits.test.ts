/** What ends a turn early: signal, deadline and silence, also while a request of the runtime is pending. */

import { getEventListeners, once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type CommandDecision,
  type HandlerContext,
  type Handlers,
  type Thread,
  TurnDeadlineError,
  TurnStalledError,
  tool,
  UsageError,
} from "codex-embed";
import { gate, message, shell, silence, startTestCodex, toolCall } from "codex-embed/testing";
import { describe, expect, test, vi } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification, rejection, waitForFile } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ sandbox: "workspace-write", spawn: wiretap.spawn });
const reason = new Error("The user left.");
const escalated = () => shell("true", { escalate: { justification: "Needed." } });

/** The messages that the client sent as answers. */
const answers = () => wiretap.messages.filter(({ method }) => method === undefined);

const interrupts = ({ id }: Thread) =>
  wiretap.sent("turn/interrupt").filter(({ params }) => JSON.stringify(params).includes(id));

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** Says that it is asked, waits, and answers. */
function held<A>(answer: A) {
  const [asked, hold, returned] = [gate(), gate(), gate()];
  const signals: AbortSignal[] = [];
  const handler = async (_: unknown, { signal }: { signal: AbortSignal }): Promise<A> => {
    signals.push(signal);
    asked.open();
    await hold.opened;
    returned.open();
    return answer;
  };
  return { asked, hold, returned, handler, isAborted: () => signals.map((signal) => signal.aborted) };
}

const slowTool = (execute: () => Promise<string>) =>
  tool({ name: "slow", description: "Waits.", parameters: { type: "object", properties: {} }, execute });

describe("an abort", () => {
  test("while an approval is pending: its signal fires, the late answer is not sent, and the thread is free", async () => {
    const { asked, hold, returned, handler, isAborted } = held("accept" as const);
    const handlers: Handlers = { approveCommand: handler };
    const thread = await bench.threadWith({ ephemeral: true, handlers }, escalated(), message("Now."));
    const controller = new AbortController();
    const running = thread.run("Go.", { signal: controller.signal });
    await asked.opened;
    const before = answers().length;
    controller.abort(reason);
    controller.abort(new Error("Twice."));
    await expect(running).rejects.toBe(reason);
    expect(isAborted()).toEqual([true]);
    hold.open();
    await returned.opened;
    expect((await thread.run("Again.")).finalResponse).toBe("Now.");
    expect(answers()).toHaveLength(before);
    expect(interrupts(thread)).toHaveLength(1);
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test("while a tool runs: its signal fires, and the thread is free", async () => {
    const [called, stopped] = [gate(), gate()];
    const waiting = tool({
      name: "slow",
      description: "Waits.",
      parameters: { type: "object", properties: {} },
      async execute(_, { signal }) {
        called.open();
        await once(signal, "abort");
        stopped.open();
        return "late";
      },
    });
    const thread = await bench.threadWith({ ephemeral: true, tools: [waiting] }, toolCall("slow"), message("Now."));
    const controller = new AbortController();
    const running = thread.run("Go.", { signal: controller.signal });
    await called.opened;
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await stopped.opened;
    expect((await thread.run("Again.")).finalResponse).toBe("Now.");
    expect(interrupts(thread)).toHaveLength(1);
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test.each([false, true])("while a command runs, keepCommands %s", async (keepCommands) => {
    const [begun, go, end] = ["begun", "go", "end"].map((name) => join(bench.workspace, `${name}-${keepCommands}`));
    const command = `touch ${begun}; ${waitForFile(String(go))}; touch ${end}`;
    const thread = await bench.threadWith({ ephemeral: true, sandbox: "full-access" }, shell(command), message("Now."));
    const controller = new AbortController();
    const turn = await thread.startTurn("Go.", { signal: controller.signal, keepCommands });
    for await (const event of turn) {
      if (event.method === "item/started" && event.params.item.type === "commandExecution") break;
    }
    const gone = nextNotification(
      bench.codex,
      "item/completed",
      ({ threadId, item }) => threadId === thread.id && item.type === "commandExecution",
    );
    controller.abort(reason);
    await expect(turn.result()).rejects.toBe(reason);
    const { data } = await bench.codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
    expect(data).toHaveLength(keepCommands ? 1 : 0);
    if (keepCommands) {
      const { codex } = bench;
      await codex.request("command/exec", {
        command: ["touch", String(go)],
        sandboxPolicy: { type: "dangerFullAccess" },
      });
    }
    // The runtime tells of a command that it has stopped as of one that failed: with -1, or with its signal when it saw that.
    const ends = keepCommands
      ? [{ status: "completed", exitCode: 0 }]
      : [-1, 137].map((exitCode) => ({ status: "failed", exitCode }));
    expect(ends.map((end) => expect.objectContaining(end))).toContainEqual((await gone).item);
    expect(existsSync(String(end))).toBe(keepCommands);
    expect((await thread.run("Again.")).finalResponse).toBe("Now.");
  });
});

describe("deadlineMs", () => {
  test("ends a turn that takes longer, by one interrupt; the thread is free", async () => {
    verifies("deadline");
    const thread = await bench.thread();
    bench.respond(thread, () => silence());
    const error = await rejection(thread.run("Go.", { deadlineMs: 1_500 }), TurnDeadlineError);
    expect(error).toMatchObject({ code: "TURN_DEADLINE", threadId: thread.id, deadlineMs: 1_500 });
    expect(interrupts(thread)).toHaveLength(1);
    bench.respond(thread, () => message("Now."));
    expect((await thread.run("Again.", { deadlineMs: 60_000 })).finalResponse).toBe("Now.");
    expect(interrupts(thread)).toHaveLength(1);
  });

  test("is not extended by a pending decision", async () => {
    const { handler, hold } = held("accept" as const);
    const handlers: Handlers = { approveCommand: handler };
    const thread = await bench.threadWith({ ephemeral: true, handlers }, escalated());
    await rejection(thread.run("Go.", { deadlineMs: 1_500 }), TurnDeadlineError);
    hold.open();
  });
});

describe("idleTimeoutMs", () => {
  test("ends a turn whose model is silent", async () => {
    verifies("idle-timeout");
    const thread = await bench.thread();
    bench.respond(thread, () => silence());
    const error = await rejection(thread.run("Go.", { idleTimeoutMs: 1_000 }), TurnStalledError);
    expect(error).toMatchObject({ threadId: thread.id, idleTimeoutMs: 1_000, lastMethod: "item/completed" });
    expect(interrupts(thread)).toHaveLength(1);
    bench.respond(thread, () => message("Now."));
    expect((await thread.run("Again.", { idleTimeoutMs: 60_000 })).finalResponse).toBe("Now.");
  });

  test("asks the runtime how the turn stands before it interrupts", async () => {
    const thread = await bench.threadWith({});
    bench.respond(thread, () => silence());
    const asked = wiretap.next("thread/read");
    const running = rejection(thread.run("Go.", { idleTimeoutMs: 1_000 }), TurnStalledError);
    await asked;
    expect(interrupts(thread)).toHaveLength(0);
    await running;
  });

  test("settles a turn whose end was not heard of, with what the runtime has of it", async () => {
    const thread = await bench.threadWith({}, shell("echo heard", { callId: "cmd" }), message("The end."));
    wiretap.loses = ({ method, params }) =>
      (method === "turn/completed" || method === "item/completed") && JSON.stringify(params).includes(thread.id);
    try {
      const turn = await thread.startTurn("Go.", { idleTimeoutMs: 2_000 });
      const result = await turn.result();
      expect(result).toMatchObject({ status: "completed", finalResponse: "The end." });
      expect(result.items.map(({ type }) => type)).toEqual(["userMessage", "commandExecution", "agentMessage"]);
      expect(interrupts(thread)).toHaveLength(0);
    } finally {
      wiretap.loses = () => false;
    }
    bench.script(thread, message("Free."));
    expect((await thread.run("Again.")).finalResponse).toBe("Free.");
  });

  test.each(["a handler", "a tool"])("does not fire while %s takes longer", async (what) => {
    verifies("idle-timeout");
    const idleTimeoutMs = 1_000;
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, idleTimeoutMs * 3));
    const approveCommand = async (): Promise<CommandDecision> => {
      await pause();
      return "decline";
    };
    const execute = async () => {
      await pause();
      return "slow";
    };
    const thread = await bench.threadWith(
      { ephemeral: true, handlers: { approveCommand }, tools: [slowTool(execute)] },
      what === "a tool" ? toolCall("slow") : escalated(),
      message("Done."),
    );
    expect((await thread.run("Go.", { idleTimeoutMs })).finalResponse).toBe("Done.");
    expect(interrupts(thread)).toHaveLength(0);
  });

  test("counts anew from the answer of a handler", async () => {
    const handlers: Handlers = { approveCommand: () => "decline" };
    const thread = await bench.threadWith({ ephemeral: true, handlers }, escalated(), silence());
    await rejection(thread.run("Go.", { idleTimeoutMs: 1_000 }), TurnStalledError);
    expect(bench.requestsOf(thread)).toHaveLength(2);
  });
});

test.each(["deadlineMs", "idleTimeoutMs"])("%s that no timer can hold or that is no time is refused", async (name) => {
  const thread = await bench.thread();
  bench.respond(thread, () => message("Hello."));
  const sent = wiretap.sent("turn/start").length;
  const outcomes: string[] = [];
  for (const value of [Number.POSITIVE_INFINITY, 2 ** 31, Number.NaN, 0, -1]) {
    const outcome = await thread.run("Go.", { [name]: value }).then(
      () => "ran",
      (error: unknown) => (UsageError.isInstance(error) ? "refused" : String(error)),
    );
    outcomes.push(outcome);
  }
  expect(outcomes).toEqual(outcomes.map(() => "refused"));
  expect(wiretap.sent("turn/start")).toHaveLength(sent);
});

describe("a decision that is no longer wanted", () => {
  test("interrupt: the signal fires at once, and the late answer is not sent", async () => {
    const [asked, late] = [gate(), gate()];
    const reports = vi.fn();
    using _subscription = bench.codex.on("handlerError", reports);
    let signal = new AbortController().signal;
    const returned = gate();
    const approveCommand = async (_: unknown, context: HandlerContext): Promise<CommandDecision> => {
      signal = context.signal;
      asked.open();
      await late.opened;
      returned.open();
      return "accept";
    };
    const handlers: Handlers = { approveCommand };
    const thread = await bench.threadWith({ ephemeral: true, handlers }, escalated(), message("Again."));
    const turn = await thread.startTurn("Go.");
    await asked.opened;
    expect(signal.aborted).toBe(false);
    const before = answers().length;
    await turn.interrupt();
    expect((await turn.result()).status).toBe("interrupted");
    expect(signal.aborted).toBe(true);
    late.open();
    await returned.opened;
    expect((await thread.run("Again.")).finalResponse).toBe("Again.");
    expect(answers()).toHaveLength(before);
    expect(reports).not.toHaveBeenCalled();
  });

  test.each(["close", "kill"] as const)("%s: the signal fires, and the handler's answer harms nobody", async (how) => {
    const [asked, ended] = [gate(), gate()];
    const approveCommand: Handlers["approveCommand"] = async (_, { signal }) => {
      asked.open();
      await once(signal, "abort");
      ended.open();
      throw new Error("Too late to matter.");
    };
    const reports = vi.fn();
    await using own = await startTestCodex({ sandbox: "workspace-write", handlers: { approveCommand } });
    own.codex.on("handlerError", reports);
    own.model.enqueue(shell("true", { escalate: { justification: "Needed." } }));
    const turn = await (await own.codex.startThread()).startTurn("Go.");
    await asked.opened;
    if (how === "close") await own.codex.close();
    else process.kill(own.codex.pid ?? 0, "SIGKILL");
    await expect(turn.result()).rejects.toMatchObject({ code: "TRANSPORT_CLOSED" });
    await ended.opened;
    expect(reports).not.toHaveBeenCalled();
  });
});
