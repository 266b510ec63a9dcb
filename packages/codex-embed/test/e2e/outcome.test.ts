/** Tests what a turn gives back that did not complete: items, text, usage, and why no more came. */

import {
  ModelRetryError,
  OutputValidationError,
  TransportClosedError,
  TurnDeadlineError,
  TurnFailedError,
  type TurnHandle,
  TurnLimitError,
  TurnStalledError,
} from "codex-embed";
import { disconnect, fail, gate, message, shell, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { beginningOf, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
const used = { usage: { input: 10, output: 2 } };

/** A model that runs a command, begins an answer, and says no more. */
const unfinished = [
  step(used, message("I look first.", { phase: "commentary" }), message("Looking."), shell("echo seen")),
  message({ deltas: ["Half an ", "answer", gate()] }),
];

/** What there is of such a turn. */
const soFar = {
  finalResponse: "Looking.",
  text: "Looking.\n\nHalf an answer",
  usage: { turn: { totalTokens: 12 } },
  items: expect.arrayContaining([expect.objectContaining({ type: "commandExecution", status: "completed" })]),
};

/** Resolves when all that comes of the answer has come. */
async function hasBegunAnswer(turn: TurnHandle): Promise<void> {
  let text = "";
  for await (const piece of turn.textStream()) {
    text += piece;
    if (text === soFar.text) return;
  }
}

describe("a limit", () => {
  test.each([
    ["deadlineMs", TurnDeadlineError],
    ["idleTimeoutMs", TurnStalledError],
  ] as const)("%s: the error has what there is", async (name, type) => {
    verifies("limit-error-result");
    const thread = await bench.thread(...unfinished);
    const turn = await thread.startTurn("Go.", { [name]: 1_500 });
    const error = await rejection(turn.result(), TurnLimitError);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ threadId: thread.id, turnId: turn.id, maybeAccepted: true, result: soFar });
    expect(error.result?.status).toBe("interrupted");
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain(`Raise ${name}`);
    expect(await turn.outcome()).toEqual({ status: "interrupted", result: error.result, error });
  });

  test("the error names what kept the model from answering, and gives no advice that would not help", async () => {
    verifies("limit-error-result");
    await using own = await startTestCodex({
      extraConfig: { features: { unbounded_connection_retries: true } },
    });
    own.model.enqueue(message("One."));
    const thread = await own.codex.startThread();
    await thread.run("First.");
    await own.model.close();
    const turn = await thread.startTurn("Second.", { deadlineMs: 6_000 });
    const error = await rejection(turn.result(), TurnDeadlineError);
    expect(error.cause).toBeInstanceOf(ModelRetryError);
    expect(error.message).toMatch(
      /took longer than its deadlineMs \(6000 ms\) and was interrupted\. What kept it: Reconnecting/,
    );
    expect(error.message).not.toContain("Raise deadlineMs");
  });

  test("the error names the status that the model answered with", async () => {
    await using own = await startTestCodex({ streamMaxRetries: 10 });
    own.model.respondWith(() => fail(401));
    const thread = await own.codex.startThread();
    const error = await rejection(thread.run("Go.", { deadlineMs: 1_500 }), TurnDeadlineError);
    expect(error.cause).toMatchObject({ code: "MODEL_RETRY", httpStatus: 401 });
    expect(error.message).toContain("401");
  });

  test("a retry that succeeded is no cause", async () => {
    await using own = await startTestCodex({ streamMaxRetries: 3 });
    own.model.enqueue(step(...beginningOf("Cut"), disconnect()), message({ deltas: ["Whole", gate()] }));
    const thread = await own.codex.startThread();
    const error = await rejection(thread.run("Go.", { deadlineMs: 2_000 }), TurnDeadlineError);
    expect(error.cause).toBeUndefined();
    expect(error.result?.text).toBe("Whole");
  });
});

describe("outcome()", () => {
  test("of a completed turn has its result", async () => {
    const thread = await bench.thread(message("Hello."));
    const turn = await thread.startTurn("Hi");
    expect(await turn.outcome()).toEqual({ status: "completed", result: await turn.result() });
  });

  test("of an interrupted turn has no error; of an aborted one, the reason as it is", async () => {
    verifies("outcome");
    const thread = await bench.thread(...unfinished, ...unfinished);
    const turn = await thread.startTurn("Go.");
    await hasBegunAnswer(turn);
    await turn.interrupt();
    const outcome = await turn.outcome();
    expect(outcome).toMatchObject({ status: "interrupted", result: soFar });
    expect(outcome.error).toBeUndefined();
    const controller = new AbortController();
    const second = await thread.startTurn("Go.", { signal: controller.signal });
    await hasBegunAnswer(second);
    controller.abort("enough");
    expect(await second.outcome()).toMatchObject({ status: "interrupted", error: "enough" });
  });

  test("of a failed turn has its error and what there was", async () => {
    const thread = await bench.thread(step(used, message("Looking."), shell("true")), fail(400, { message: "bad" }));
    const turn = await thread.startTurn("Go.");
    const error = await rejection(turn.result(), TurnFailedError);
    expect(await turn.outcome()).toEqual({ status: "failed", result: error.result, error });
    expect(error.result).toMatchObject({ text: "Looking.", usage: { turn: { totalTokens: 12 } } });
  });

  test("of a turn whose answer does not conform is failed, with the whole turn", async () => {
    const thread = await bench.thread(message("No JSON."));
    const outputSchema = { type: "object", properties: {}, additionalProperties: false } as const;
    const turn = await thread.startTurn("Go.", { outputSchema });
    const error = await rejection(turn.result(), OutputValidationError);
    expect(await turn.outcome()).toMatchObject({ status: "failed", result: { status: "completed" }, error });
  });

  test.each(["crash", "close"])("of a turn that a %s ends is ended, with what there was", async (how) => {
    verifies("outcome");
    await using own = await startTestCodex();
    own.model.enqueue(...unfinished);
    const thread = await own.codex.startThread();
    const turn = await thread.startTurn("Go.");
    await hasBegunAnswer(turn);
    if (how === "crash") process.kill(own.codex.pid ?? Number.NaN, "SIGKILL");
    else await own.codex.close();
    const outcome = await turn.outcome();
    expect(outcome).toMatchObject({ status: "ended", result: { ...soFar, status: "inProgress" } });
    expect(outcome.error).toBeInstanceOf(TransportClosedError);
  });
});
