/** `budget`: what a turn, a review or a goal may spend, with its sub-agents, and what is left when it is spent. */

import {
  type Agent,
  BudgetExceededError,
  type Codex,
  isRetryableError,
  OutputValidationError,
  type Thread,
  type TurnHandle,
  UsageError,
} from "codex-embed";
import {
  disconnect,
  gate,
  message,
  type Part,
  type Step,
  shell,
  startTestCodex,
  step,
  toolCall,
} from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { cast, spawn, waitFor } from "../support/cast.js";
import { commandStarted, readAll, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({
  sandbox: "full-access",
  config: { tools: { update_plan: { enabled: true } } },
  spawn: wiretap.spawn,
});

const budget = { tokens: 100 };
/** A response of 60 tokens: the second of a turn spends the budget. */
const costing = (...parts: readonly Part[]): Step => step({ usage: { input: 50, output: 10 } }, ...parts);
const lasting = () => shell("exec sleep 600");

async function commandsOf(codex: Codex, { threadId }: { readonly threadId: string }): Promise<unknown[]> {
  return (await codex.request("thread/backgroundTerminals/list", { threadId })).data;
}

/** A turn whose second response spends the budget and begins a command. */
const spender = (): Promise<Thread> => bench.thread(costing(shell("true")), costing(lasting()));

const exceeded = { code: "BUDGET_EXCEEDED", budget, spent: { tokens: 120 }, maybeAccepted: true };

describe("a turn that has spent its budget", () => {
  test("ends with what there is, and its running command is gone", async () => {
    verifies("budget");
    const thread = await bench.thread(costing(message("I look."), shell("echo seen")), costing(lasting()));
    const turn = await thread.startTurn("Go.", { budget });
    const error = await rejection(turn.result(), BudgetExceededError);
    expect(error).toMatchObject({ ...exceeded, threadId: thread.id, turnId: turn.id });
    expect(error.result).toMatchObject({ status: "interrupted", text: "I look." });
    expect(error.result?.items).toContainEqual(
      expect.objectContaining({ type: "commandExecution", status: "completed" }),
    );
    expect(error.message).toContain("spent its budget (120 of 100 tokens) and was interrupted. Raise budget.tokens");
    expect(await turn.outcome()).toEqual({ status: "interrupted", result: error.result, error });
    expect(isRetryableError(error)).toBe(false);
    expect(await commandsOf(bench.codex, turn)).toEqual([]);
    // A command that is stopped before its turn has the model called once more.
    const sent = wiretap.messages.filter(({ params }) => JSON.stringify(params ?? {}).includes(thread.id));
    const ending = sent.map(({ method }) => method).filter((method) => /interrupt|clean/.test(method ?? ""));
    expect(ending.slice(0, 2)).toEqual(["turn/interrupt", "thread/backgroundTerminals/clean"]);
    bench.script(thread, message("Free."));
    expect((await thread.run("Again.")).finalResponse).toBe("Free.");
  });

  test("rejects run, and throws from stream after the last event", async () => {
    verifies("budget");
    expect(await rejection((await spender()).run("Go.", { budget }), BudgetExceededError)).toMatchObject(exceeded);
    const { events, error } = await readAll((await spender()).stream("Go.", { budget }));
    expect(error).toMatchObject(exceeded);
    expect(events.at(-1)?.method).toBe("turn/completed");
  });

  test("counts on after a steer, without the response that it cut off", async () => {
    const hold = gate();
    const thread = await bench.thread(
      costing(message({ deltas: ["Half", hold] })),
      costing(shell("true")),
      costing(lasting()),
    );
    const turn = await thread.startTurn("Go.", { budget });
    await hold.reached;
    await turn.steer("Faster.");
    expect(await rejection(turn.result(), BudgetExceededError)).toMatchObject(exceeded);
  });

  test("counts an attempt that broke off only by what the runtime reports of it", async () => {
    await using own = await startTestCodex({ sandbox: "full-access", streamMaxRetries: 2 });
    own.model.enqueue(costing(shell("true")), step(message({ deltas: ["Half"] }), disconnect()), costing(lasting()));
    const thread = await own.codex.startThread();
    expect(await rejection(thread.run("Go.", { budget }), BudgetExceededError)).toMatchObject(exceeded);
  });

  test("is ended where the runtime reports no single response, such as without experimentalApi", async () => {
    await using own = await startTestCodex({ sandbox: "full-access", experimentalApi: false });
    const thread = await own.codex.startThread();
    own.model.enqueue(costing(shell("true")), costing(message("Done.")));
    expect((await thread.run("Go.", { budget })).finalResponse).toBe("Done.");
    own.model.enqueue(costing(shell("true")), costing(shell("true")));
    own.model.respondWith(() => message({ deltas: ["The third", gate()] }));
    expect(await rejection(thread.run("Go.", { budget }), BudgetExceededError)).toMatchObject(exceeded);
  });

  test.each([
    ["a plan", () => toolCall("update_plan", { plan: [{ step: "x", status: "pending" }] })],
    ["a tool that is unknown, at the next response", () => toolCall("no_such_tool")],
  ] as const)("is ended after %s", async (_, part) => {
    const thread = await bench.thread(costing(shell("true")), costing(part()));
    bench.respond(thread, () => message({ deltas: ["The third", gate()] }));
    expect(await rejection(thread.run("Go.", { budget }), BudgetExceededError)).toMatchObject(exceeded);
  });
});

describe("a turn that resolves", () => {
  test("ends with the response that spends the budget", async () => {
    verifies("budget-last-response");
    const thread = await bench.thread(costing(shell("true")), costing(message("Done.")));
    const result = await thread.run("Go.", { budget });
    expect(result).toMatchObject({
      status: "completed",
      finalResponse: "Done.",
      usage: { turn: { totalTokens: 120 } },
    });
  });

  test("has a budget of its own: earlier turns, and the history of a fork or a resumed thread, do not count", async () => {
    verifies("budget-own");
    const cheap = () => [costing(shell("true")), message("Cheap.")] as const;
    const before = { usage: { input: 5_000, output: 10 } };
    const thread = await bench.threadWith({}, step(before, message("Before.")), ...cheap());
    await thread.run("First.");
    expect((await thread.run("Go.", { budget })).finalResponse).toBe("Cheap.");
    const fork = await thread.fork();
    bench.script(fork, ...cheap());
    expect((await fork.run("Go.", { budget })).finalResponse).toBe("Cheap.");
    await thread.unsubscribe();
    const resumed = await bench.codex.resumeThread(thread.id);
    bench.script(resumed, ...cheap(), costing(shell("true")), costing(lasting()));
    expect((await resumed.run("Go.", { budget })).finalResponse).toBe("Cheap.");
    expect(await rejection(resumed.run("Go.", { budget }), BudgetExceededError)).toMatchObject(exceeded);
  });

  test("has an empty budget, which is none", async () => {
    const thread = await bench.thread(costing(shell("true")), costing(shell("true")), costing(message("Done.")));
    expect((await thread.run("Go.", { budget: {} })).finalResponse).toBe("Done.");
  });
});

test("repairs share the budget: none is asked for when it is spent", async () => {
  verifies("budget-repairs");
  const outputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;
  const thread = await bench.thread(costing(message("{}")), costing(message('{"city":1}')));
  const options = { outputSchema, repairAttempts: 5, budget };
  const error = await rejection(thread.run("Which?", options), BudgetExceededError);
  expect(error).toMatchObject({ ...exceeded, turnId: null, maybeAccepted: false, result: { text: '{"city":1}' } });
  expect(error.cause).toBeInstanceOf(OutputValidationError);
  expect(error.message).toContain("turn/start was not sent");
  const repaired = await bench.thread(costing(message("{}")), costing(lasting()));
  expect(await rejection(repaired.run("Which?", options), BudgetExceededError)).toMatchObject(exceeded);
});

describe("sub-agents", () => {
  const agentOf = (turn: TurnHandle): Agent => {
    const [agent] = turn.agents();
    if (agent === undefined) throw new Error("There is no sub-agent.");
    return agent;
  };

  test("spend from the budget of the turn, at any depth, and end with it", async () => {
    verifies("budget-agents");
    await using own = await startTestCodex({ sandbox: "full-access", config: { agents: { max_depth: 3 } } });
    cast(own.model, {
      root: [costing(spawn("a", "left")), waitFor("a")],
      left: [spawn("b", "deep"), waitFor("b")],
      deep: [costing(lasting())],
    });
    const thread = await own.codex.startThread();
    const turn = await thread.startTurn("root", { budget });
    expect(await rejection(turn.result(), BudgetExceededError)).toMatchObject(exceeded);
    const [left] = turn.agents();
    const [deep] = left?.agents() ?? [];
    expect([left?.status, deep?.status]).toEqual(["interrupted", "interrupted"]);
    for (const { threadId } of [turn, ...[left, deep].flatMap((agent) => agent ?? [])]) {
      expect(await commandsOf(own.codex, { threadId })).toEqual([]);
    }
  });

  test("end a turn whose own command runs", async () => {
    await using own = await startTestCodex({ sandbox: "full-access" });
    const hold = gate();
    cast(own.model, {
      root: [spawn("a", "task"), lasting()],
      task: [costing(shell("true")), step({ usage: { input: 50, output: 10 } }, hold, shell("true"))],
    });
    const thread = await own.codex.startThread();
    const turn = await thread.startTurn("root", { budget });
    await Promise.all([commandStarted(turn), hold.reached]);
    hold.open();
    expect(await rejection(turn.result(), BudgetExceededError)).toMatchObject(exceeded);
    expect(agentOf(turn).status).toBe("interrupted");
    expect(await commandsOf(own.codex, turn)).toEqual([]);
  });
});

describe("a review", () => {
  const target = (instructions: string) => ({ type: "custom", instructions }) as const;
  const report = JSON.stringify({
    findings: [],
    overall_correctness: "patch is correct",
    overall_explanation: "Fine.",
    overall_confidence_score: 1,
  });
  const script = (instructions: string, ...steps: readonly Step[]): void => {
    bench.model
      .when((request) => request.subagent === "review" && request.lastUserText() === instructions)
      .enqueue(...steps);
  };

  test("ends when it has spent its budget, and stops its commands", async () => {
    verifies("budget-review");
    const thread = await bench.thread();
    script("Spends.", costing(shell("true")), costing(lasting()));
    const review = await thread.startReview(target("Spends."), { budget });
    expect(await rejection(review.result(), BudgetExceededError)).toMatchObject(exceeded);
    expect(await commandsOf(bench.codex, review)).toEqual([]);
  });

  test("resolves when its last response spends the budget", async () => {
    const thread = await bench.thread();
    script("Ends.", costing(shell("true")), costing(message(report)));
    const review = await thread.review(target("Ends."), { budget });
    expect(review).toMatchObject({ text: expect.stringContaining("Fine."), usage: { turn: { totalTokens: 120 } } });
  });

  test("is refused a budget that nothing would count", async () => {
    verifies("budget-review");
    const thread = await bench.threadWith({}, message("One."));
    await thread.run("First.");
    const fork = await thread.fork();
    const error = await rejection(fork.startReview(target("Unknown."), { budget }), UsageError);
    expect(error.message).toContain("deadlineMs");
  });
});

test("a goal spends its budget over its turns; then it is paused", async () => {
  verifies("budget-goal");
  const thread = await bench.threadWith({}, costing(message("One.")), costing(message("Two.")));
  bench.respond(thread, () => message({ deltas: ["Three", gate()] }));
  const goal = await thread.startGoal("Work.", { budget });
  const error = await rejection(goal.result(), BudgetExceededError);
  expect(error).toMatchObject({ ...exceeded, result: { threadId: thread.id, status: "interrupted" } });
  expect((await thread.goal())?.status).toBe("paused");
});

test("a bad budget is refused before anything is sent", async () => {
  verifies("budget-checked");
  const thread = await bench.thread();
  const bad: readonly (readonly [unknown, string])[] = [
    [{ tokens: 0 }, "budget.tokens is 0; it must be an integer ≥ 1"],
    [{ tokens: 1.5 }, "budget.tokens is 1.5"],
    [{ tokens: Number.POSITIVE_INFINITY }, "budget.tokens is Infinity"],
    [{ tokens: "100" }, "budget.tokens is a string"],
    [{ token: 100 }, "Did you mean tokens?"],
    [100, "budget is a number"],
    [null, "budget is null"],
  ];
  for (const [value, text] of bad) {
    const options = { budget: untyped<{ tokens: number }>(value) };
    for (const call of [
      thread.run("Go.", options),
      thread.startTurn("Go.", options),
      thread.startReview({ type: "uncommittedChanges" }, options),
      thread.startGoal("Work.", options),
      thread.resumeGoal(options),
    ]) {
      expect((await rejection<Error>(call, UsageError)).message).toContain(text);
    }
    expect(() => thread.stream("Go.", options)).toThrow(text);
  }
  const misplaced = bench.codex.startThread(untyped({ budget }));
  expect((await rejection(misplaced, UsageError)).message).toContain("It belongs to a turn");
});
