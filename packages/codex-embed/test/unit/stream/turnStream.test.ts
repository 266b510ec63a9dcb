/** Tests what a turn's events add up to, and that it settles exactly once. */

import { describe, expect, test } from "vitest";
import { captureCallSite, UsageError } from "../../../src/errors/base.js";
import { TransportClosedError } from "../../../src/errors/connection.js";
import { TurnFailedError } from "../../../src/errors/turn.js";
import type { ThreadItem } from "../../../src/protocol/generated/protocol.js";
import { TurnAccumulator, textOf } from "../../../src/stream/accumulate.js";
import type { TurnEvent } from "../../../src/stream/events.js";
import { TurnStream } from "../../../src/stream/turnStream.js";
import { noAgents } from "../../support/agents.js";
import {
  agentMessage,
  completed,
  delta,
  itemCompleted,
  itemStarted,
  started,
  threadId,
  tokens,
  turnId,
  turnRecord,
  usageUpdated,
} from "../../support/events.js";
import { verifies } from "../../support/verifies.js";

const reconnected: TurnEvent = { method: "reconnected", params: { threadId, turnId } };

function turn(events: readonly TurnEvent[] = [], userMessageId?: string): TurnStream {
  const stream = new TurnStream(
    { threadId, turnId },
    { bufferBytes: 1_000_000, site: captureCallSite(), usedBefore: null, agents: noAgents, userMessageId },
  );
  for (const event of events) stream.push(event, 10);
  return stream;
}

function accumulate(
  events: readonly TurnEvent[],
  items: ReturnType<typeof agentMessage>[] = [],
  before: ReturnType<typeof tokens> | null = null,
) {
  const accumulator = new TurnAccumulator({ threadId, turnId }, before);
  for (const event of events) accumulator.add(event);
  return accumulator.snapshot(turnRecord("completed", { items }), events);
}

describe("the final response", () => {
  test("is the last message that is neither commentary nor empty", () => {
    verifies("final-answer");
    const messages = [
      agentMessage("1", "A", "final_answer"),
      agentMessage("2", "B"),
      agentMessage("3", "C", "commentary"),
    ];
    expect(accumulate([...messages, agentMessage("4", "")].map(itemCompleted)).finalResponse).toBe("B");
    expect(accumulate([itemCompleted(agentMessage("1", "C", "commentary"))]).finalResponse).toBeNull();
  });

  test("is never put together from deltas, and falls back to the runtime's closing record", () => {
    expect(accumulate([delta("orphan")]).finalResponse).toBeNull();
    expect(accumulate([], [agentMessage("1", "closing")]).finalResponse).toBe("closing");
  });
});

describe("usage", () => {
  test("of the turn is the difference of the thread's totals", () => {
    const { usage } = accumulate([usageUpdated(110, 10), usageUpdated(130, 20)]);
    expect(usage).toMatchObject({ turn: { totalTokens: 30 }, thread: { totalTokens: 130 }, contextWindow: 1000 });
  });

  test("does not count the turn before again when its count is repeated", () => {
    const { usage } = accumulate([usageUpdated(110, 10)], [], tokens(110));
    expect(usage).toMatchObject({ turn: { totalTokens: 0 }, thread: { totalTokens: 110 } });
  });

  test("counts a repeated snapshot once and never goes below zero", () => {
    expect(accumulate([usageUpdated(110, 10), usageUpdated(110, 10)]).usage?.turn.totalTokens).toBe(10);
    expect(accumulate([usageUpdated(110, 10), usageUpdated(50, 5)]).usage?.turn.totalTokens).toBe(0);
  });

  test("is null when the model reported none", () => {
    expect(accumulate([started()]).usage).toBeNull();
  });
});

describe("a turn", () => {
  test("settles with its first end", async () => {
    const stream = turn([started(), completed("completed", { durationMs: 5 }), completed("failed")]);
    expect(await stream.ended).toMatchObject({ result: { status: "completed", startedAt: 100, durationMs: 5 } });
    stream.fail(new UsageError("late"));
    expect(await stream.ended).toMatchObject({ kind: "ended" });
  });

  test("that fails carries the classification, the HTTP status and what there was", async () => {
    const stream = turn([
      started(),
      itemCompleted(agentMessage("1", "so far")),
      completed("failed", {
        error: {
          message: "unexpected status 503",
          codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 503 } },
          additionalDetails: "upstream",
          misalignment: null,
        },
      }),
    ]);
    const end = await stream.ended;
    const error = "error" in end ? end.error : undefined;
    expect(error).toBeInstanceOf(TurnFailedError);
    expect(error).toMatchObject({
      httpStatus: 503,
      retryable: true,
      result: { finalResponse: "so far", status: "failed" },
    });
    expect(String(error)).toContain("unexpected status 503 (upstream)");
  });

  test("whose connection ends rejects with the cause, and so do its readers", async () => {
    const stream = turn([started()]);
    const reader = stream.reader();
    await reader.next();
    stream.fail(
      new TransportClosedError({ initiator: "runtime", exitCode: null, signal: "SIGKILL", stderrTail: "oom" }),
    );
    await expect(reader.next()).rejects.toBeInstanceOf(TransportClosedError);
    expect(await stream.ended).toMatchObject({ error: { signal: "SIGKILL", stderrTail: "oom" } });
  });

  test("that was aborted ends with the reason, however the runtime ends it, once it is let go", async () => {
    for (const status of ["interrupted", "completed", "failed"] as const) {
      const stream = turn([started()]);
      stream.abort(() => "stop");
      expect(stream.isOver).toBe(false);
      stream.push(completed(status), 10);
      expect(await stream.over).toBe("ended");
      expect(stream.isEnded).toBe(false);
      stream.detach();
      expect(await stream.ended).toMatchObject({ kind: "aborted", error: "stop", result: { status } });
    }
  });

  test("that was let go before the runtime ended it still hears of its end", async () => {
    const stream = turn([started(), itemCompleted(agentMessage("1", "First."))]);
    stream.push(itemStarted(agentMessage("2", "")), 10);
    stream.push(delta("Seco", "2"), 10);
    stream.abort(({ result, maybeAccepted }) => ({ result, maybeAccepted }));
    stream.detach();
    const end = await stream.ended;
    expect(end).toMatchObject({
      kind: "aborted",
      error: { result: { status: "inProgress", text: "First.\n\nSeco", finalResponse: "First." }, maybeAccepted: true },
    });
    expect(stream.isOver).toBe(false);
    stream.push(completed("interrupted"), 10);
    expect(await stream.over).toBe("ended");
    expect(await stream.ended).toBe(end);
  });

  test("whose first message is another client's was a steer, and says so; later messages of others are steers of ours", async () => {
    const user = (clientId: string): ThreadItem => ({ type: "userMessage", id: clientId, clientId, content: [] });
    const steered = turn([], "mine");
    steered.push(started(), 10);
    steered.push(itemStarted(user("theirs")), 10);
    expect(await steered.ended).toMatchObject({
      kind: "failed",
      error: { code: "TURN_IN_PROGRESS", reason: "steered" },
    });
    expect(steered.isOver).toBe(true);
    for (const first of [itemStarted(user("mine")), reconnected]) {
      const own = turn([], "mine");
      for (const event of [started(), first, itemStarted(user("theirs")), completed()]) own.push(event, 10);
      expect(await own.ended).toMatchObject({ kind: "ended" });
    }
  });

  test("counts as started when it ends without having started", async () => {
    const stream = turn();
    stream.fail(new UsageError("gone"));
    await stream.started;
    expect(stream.isEnded).toBe(true);
  });
});

describe("textOf", () => {
  async function text(events: readonly TurnEvent[]): Promise<string[]> {
    const stream = turn([...events, completed()]);
    const pieces: string[] = [];
    for await (const piece of textOf(stream.reader())) pieces.push(piece);
    return pieces;
  }

  test("leaves commentary out and separates messages", async () => {
    const commentary = agentMessage("c", "hm", "commentary");
    expect(
      await text([
        itemStarted({ ...commentary }),
        delta("hm", "c"),
        itemCompleted(commentary),
        itemStarted(agentMessage("1", "")),
        delta("On", "1"),
        itemCompleted(agentMessage("1", "One")),
        itemCompleted(agentMessage("2", "Two")),
      ]),
    ).toEqual(["On", "e", "\n\nTwo"]);
  });

  test("separates a message that was begun anew under the same id", async () => {
    const begin = itemStarted(agentMessage("1", ""));
    expect(await text([begin, delta("Hel", "1"), begin, delta("Hello", "1")])).toEqual(["Hel", "\n\nHello"]);
  });

  test("adds nothing when the deltas brought everything", async () => {
    expect(
      await text([itemStarted(agentMessage("1", "")), delta("One", "1"), itemCompleted(agentMessage("1", "One"))]),
    ).toEqual(["One"]);
  });
});
