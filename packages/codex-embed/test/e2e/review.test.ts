/** Owns the end-to-end tests of reviews. */

import { TurnDeadlineError, TurnFailedError, TurnInProgressError, UsageError } from "codex-embed";
import { fail, gate, message, type Part, type Step, shell, silence, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { eventsOf, methodsOf, nextNotification, readAll, rejection, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

/** The reviewer asks on a thread of its own, so a script goes to the next one by its instructions. */
function scriptReview(instructions: string, ...steps: readonly (Step | Part)[]): void {
  bench.model
    .when((request) => request.subagent === "review" && request.lastUserText() === instructions)
    .enqueue(...steps);
}

const custom = (instructions: string) => ({ type: "custom", instructions }) as const;

const found = (title: string, start: number, end: number, priority?: number) => ({
  title,
  body: `About ${title}.\n\nMore.`,
  confidence_score: 0.9,
  ...(priority !== undefined && { priority }),
  code_location: { absolute_file_path: "/w/a b.ts", line_range: { start, end } },
});

const answer = (...findings: readonly unknown[]) =>
  JSON.stringify({
    findings,
    overall_correctness: "patch is incorrect",
    overall_explanation: "It breaks.",
    overall_confidence_score: 0.8,
  });

test("a review gives its findings, read from what the runtime renders, and leaves the thread free", async () => {
  verifies("review-findings");
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Two.", message(answer(found("[P1] Off by one", 3, 5, 1), found("Odd — name", 7, 7, 2))));
  const review = await thread.review(custom("Two."));
  expect(review.turn).toMatchObject({ threadId: thread.id, status: "completed" });
  expect(review.findings).toEqual([
    {
      title: "[P1] Off by one",
      body: "About [P1] Off by one.\n\nMore.",
      priority: 1,
      confidence: null,
      file: "/w/a b.ts",
      startLine: 3,
      endLine: 5,
    },
    expect.objectContaining({ title: "Odd — name", priority: null, startLine: 7, endLine: 7 }),
  ]);
  expect(review.verdict).toEqual({ correctness: null, explanation: "It breaks.", confidence: null });
  expect(review.text).toBe(review.turn.finalResponse);
  expect(review.turn.items.map(({ type }) => type)).toEqual([
    "enteredReviewMode",
    "userMessage",
    "exitedReviewMode",
    "agentMessage",
  ]);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("a single finding, none, and plain words", async () => {
  const thread = await bench.thread();
  scriptReview("One.", message(answer(found("[P0] Bad", 1, 2, 0))));
  expect((await thread.review(custom("One."))).findings).toMatchObject([{ title: "[P0] Bad", priority: 0 }]);
  scriptReview("None.", message(answer()));
  expect(await thread.review(custom("None."))).toMatchObject({ findings: [], verdict: { explanation: "It breaks." } });
  scriptReview("Words.", message("Looks fine."));
  expect(await thread.review(custom("Words."))).toMatchObject({
    text: "Looks fine.",
    findings: [],
    verdict: { correctness: null, explanation: "Looks fine." },
  });
});

test("JSON that the runtime cannot read is read here", async () => {
  const thread = await bench.thread();
  scriptReview("Odd.", message(answer(found("No priority", 1, 2))));
  const review = await thread.review(custom("Odd."));
  expect(review.findings).toMatchObject([{ title: "No priority", priority: null, confidence: 0.9 }]);
  expect(review.verdict).toEqual({ correctness: "patch is incorrect", explanation: "It breaks.", confidence: 0.8 });
});

test("with raw events the whole of the reviewer's answer is known; a client has to ask for them", async () => {
  const refused = await rejection(bench.codex.startThread({ experimentalRawEvents: true }), UsageError);
  expect(refused.message).toContain("optOutNotifications: []");
  await using own = await startTestCodex({ optOutNotifications: [] });
  own.model.respondWith(() => message(answer(found("Odd — name", 7, 7, 2))));
  const thread = await own.codex.startThread({ ephemeral: true, experimentalRawEvents: true });
  const review = await thread.review(custom("Raw."));
  expect(review.findings).toMatchObject([{ title: "Odd — name", priority: 2, confidence: 0.9 }]);
  expect(review.verdict).toMatchObject({ correctness: "patch is incorrect", confidence: 0.8 });
});

test("a review keeps the thread busy, and its signal interrupts it", async () => {
  const hold = gate();
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Slow.", message({ deltas: ["a", hold] }));
  const controller = new AbortController();
  const reason = new Error("Enough.");
  const review = thread.review(custom("Slow."), { signal: controller.signal });
  const outcome = rejection(review, Error);
  await hold.reached;
  await rejection(thread.startTurn("Me"), TurnInProgressError);
  await rejection(thread.review(custom("Another.")), TurnInProgressError);
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  controller.abort(reason);
  expect((await completed).turn.status).toBe("interrupted");
  expect(await outcome).toBe(reason);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
  expect(await rejection(thread.review(custom("Late."), { signal: controller.signal }), Error)).toBe(reason);
});

test("a review that codex.request starts blocks the thread until its end, and no longer", async () => {
  const hold = gate();
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Raw request.", message({ deltas: ["a", hold] }));
  const completed = nextNotification(bench.codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  await bench.codex.request("review/start", { threadId: thread.id, target: custom("Raw request.") });
  await hold.reached;
  await rejection(thread.run("Me"), TurnInProgressError);
  hold.open();
  await completed;
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

test("a commit needs no title", async () => {
  const thread = await bench.thread();
  const asked = nextNotification(
    bench.codex,
    "item/completed",
    ({ threadId, item }) => threadId === thread.id && item.type === "enteredReviewMode",
  );
  bench.model
    .when((request) => request.subagent === "review" && (request.lastUserText() ?? "").includes("abcdef1234"))
    .enqueue(message(answer()));
  await thread.review({ type: "commit", sha: "abcdef1234" });
  expect((await asked).item).toMatchObject({ review: "commit abcdef1" });
});

test("a reviewer whose model fails rejects, and the thread stays usable", async () => {
  const thread = await bench.thread(message("Own turn."));
  scriptReview("Fails.", fail(400, { message: "bad" }));
  const error = await rejection(thread.review(custom("Fails.")), TurnFailedError);
  expect(error.threadId).toBe(thread.id);
  expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
});

describe("usage", () => {
  const used = (input: number) => ({ usage: { input, output: 1 } });

  test("is the sum over the reviewer's requests; the thread's count is without it, as the runtime counts", async () => {
    verifies("review-usage");
    const thread = await bench.thread(step(used(10), message("Before.")), step(used(20), message("After.")));
    await thread.run("First.");
    scriptReview("Costs.", step(used(100), shell("true")), step(used(200), message(answer())));
    const review = await thread.review(custom("Costs."));
    expect(review.usage).toMatchObject({
      turn: { inputTokens: 300, outputTokens: 2, totalTokens: 302 },
      thread: { totalTokens: 11 },
    });
    expect(review.turn.usage).toEqual(review.usage);
    expect((await thread.run("Second.")).usage).toMatchObject({
      turn: { totalTokens: 21 },
      thread: { totalTokens: 32 },
    });
  });

  test("of the first turn of a thread, and of a review that was interrupted or failed", async () => {
    const thread = await bench.thread();
    scriptReview("First.", step(used(50), message(answer())));
    expect((await thread.review(custom("First."))).usage?.turn.totalTokens).toBe(51);
    scriptReview("Cut.", step(used(60), shell("true")), silence());
    const error = await rejection(thread.review(custom("Cut."), { deadlineMs: 1_500 }), TurnDeadlineError);
    expect(error.result?.usage?.turn.totalTokens).toBe(61);
    scriptReview("Fails.", step(used(70), shell("true")), fail(400, { message: "bad" }));
    const failed = await rejection(thread.review(custom("Fails.")), TurnFailedError);
    expect(failed.result.usage?.turn.totalTokens).toBe(71);
  });

  test("is null on a thread that was resumed", async () => {
    verifies("review-usage");
    const thread = await bench.threadWith({}, message("One."));
    await thread.run("First.");
    const fork = await thread.fork();
    scriptReview("Unknown.", step(used(10), message(answer())));
    expect((await fork.review(custom("Unknown."))).usage).toBeNull();
  });

  test("brings no events that the program did not ask for", async () => {
    const heard: string[] = [];
    using _all = bench.codex.on("*", ({ method }) => void (method.startsWith("rawResponse") && heard.push(method)));
    const quiet = await bench.thread(message("One."));
    expect(methodsOf((await readAll(quiet.stream("Hi"))).events)).not.toContain("rawResponse/completed");
    expect(heard).toEqual([]);
    await using own = await startTestCodex({ optOutNotifications: [] });
    own.model.respondWith(() => message("One."));
    const asked = await own.codex.startThread({ ephemeral: true, experimentalRawEvents: true });
    expect(eventsOf((await readAll(asked.stream("Hi"))).events, "rawResponse/completed")).toHaveLength(1);
    const unasked = await own.codex.startThread({ ephemeral: true });
    expect(methodsOf((await readAll(unasked.stream("Hi"))).events)).not.toContain("rawResponse/completed");
  });
});

describe("a handle", () => {
  test("tells the events of the review, and its result any number of times", async () => {
    verifies("review-handle");
    const thread = await bench.thread();
    scriptReview("Handle.", message(answer(found("[P1] Bad", 1, 2, 1))));
    const review = await thread.startReview(custom("Handle."));
    const { events, error } = await readAll(review);
    expect(error).toBeUndefined();
    expect(methodsOf(events).at(-1)).toBe("turn/completed");
    const result = await review.result();
    expect(result).toMatchObject({ turn: { id: review.id, threadId: thread.id }, findings: [{ title: "[P1] Bad" }] });
    expect(await review.result()).toBe(result);
    expect((await review.outcome()).status).toBe("completed");
  });

  test.each(["at once", "later"])("interrupts it %s", async (when) => {
    await using own = await startTestCodex();
    const begun = gate();
    own.model.respondWith((request) =>
      request.subagent === "review" ? message({ deltas: ["a", begun, gate()] }) : message("Own turn."),
    );
    const thread = await own.codex.startThread();
    const review = await thread.startReview(custom("Interrupted."));
    if (when === "later") await begun.reached;
    await review.interrupt();
    expect(await review.result()).toMatchObject({ turn: { status: "interrupted" }, text: null, findings: [] });
    expect((await review.outcome()).status).toBe("interrupted");
    expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
  });

  test("has the limits of a turn, and stops its commands", async () => {
    verifies("review-handle");
    const thread = await bench.thread(message("Own turn."));
    scriptReview("Runs.", shell("exec sleep 600"));
    const review = await thread.startReview(custom("Runs."), { idleTimeoutMs: 2_000 });
    await until(review, (event) => event.method === "item/started" && event.params.item.type === "commandExecution");
    expect(await review.outcome()).toMatchObject({ status: "interrupted", error: { code: "TURN_STALLED" } });
    const { data } = await bench.codex.request("thread/backgroundTerminals/list", { threadId: thread.id });
    expect(data).toEqual([]);
    expect((await thread.run("Me")).finalResponse).toBe("Own turn.");
  });
});
