/** Tests messages from outside: the input of a turn, or delivered to the turn that runs. */

import { type Codex, InternalRpcError, type Thread, UsageError } from "codex-embed";
import { type Gate, gate, message, type ScriptedModel } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PICTURES } from "../support/pictures.js";
import { itemsOf, nextNotification, rejection, untyped, until } from "../support/turns.js";
import { type SharedRuntime, startSharedRuntime } from "../support/sharedRuntime.js";
import { verifies } from "../support/verifies.js";

let shared: SharedRuntime;
let model: ScriptedModel;
let a: Codex;
let b: Codex;

beforeAll(async () => {
  shared = await startSharedRuntime();
  ({ model, a, b } = shared);
});
afterAll(() => shared[Symbol.asyncDispose]());

const failed = { source: "ci", content: "Build failed." };
const scripted = (thread: Thread) => model.when((request) => request.threadId === thread.id);

/** The outputs of tools that the model has read in its last request. */
function read(): unknown {
  return model.requests.at(-1)?.input.filter(({ type }) => type === "function_call_output");
}

async function begin(thread: Thread, hold: Gate = gate()) {
  scripted(thread).enqueue(message({ deltas: ["A's ", hold, "answer."] }));
  const turn = await thread.startTurn("A's question.");
  await hold.reached;
  return { turn, hold };
}

test("an external message starts a turn: the model reads it as the output of a tool", async () => {
  verifies("external-input");
  const thread = await a.startThread();
  scripted(thread).enqueue(message("I look at it."));
  const result = await thread.run({ type: "external", ...failed });
  expect(result).toMatchObject({ status: "completed", finalResponse: "I look at it." });
  expect(itemsOf(result, "functionCallOutput")).toMatchObject([{ name: "ci", output: "Build failed." }]);
  expect(itemsOf(result, "userMessage")).toEqual([]);
  expect(read()).toEqual([expect.objectContaining({ name: "ci", output: "Build failed." })]);
});

test("it can hold texts and images, and its turn can be steered", async () => {
  const thread = await a.startThread();
  const hold = gate();
  scripted(thread).enqueue(message({ deltas: ["Let", hold, "me see."] }), message("Steered."));
  const image = PICTURES["image/png"];
  const turn = await thread.startTurn({
    type: "external",
    source: "ci",
    content: ["A screenshot:", { type: "text", text: "of the page" }, { type: "image", image }],
  });
  await hold.reached;
  await turn.steer("Quick.");
  expect((await turn.result()).finalResponse).toBe("Steered.");
  hold.open();
  expect(read()).toMatchObject([
    {
      output: [
        { type: "input_text", text: "A screenshot:" },
        { type: "input_text", text: "of the page" },
        { type: "input_image", image_url: expect.stringMatching(/^data:image\/png;base64,/) },
      ],
    },
  ]);
});

describe("deliver", () => {
  test("starts a turn in an idle thread", async () => {
    verifies("deliver");
    const thread = await a.startThread();
    scripted(thread).enqueue(message("I look at it."));
    const turn = await thread.deliver(failed);
    expect((await turn.result()).finalResponse).toBe("I look at it.");
    expect(thread.activeTurn()).toBeNull();
  });

  test("joins the turn of this client, and gives its handle", async () => {
    verifies("deliver-joins");
    const thread = await a.startThread();
    const { turn, hold } = await begin(thread);
    scripted(thread).enqueue(message("I look at it."));
    expect(await thread.deliver(failed)).toBe(turn);
    hold.open();
    expect(await turn.result()).toMatchObject({ finalResponse: "I look at it.", text: "A's answer.\n\nI look at it." });
    expect(read()).toEqual([expect.objectContaining({ output: "Build failed." })]);
  });

  test("joins the turn of another client, and takes it up", async () => {
    verifies("deliver-joins");
    const own = await a.startThread();
    const { turn, hold } = await begin(own);
    const resumed = await b.resumeThread(own.id);
    scripted(own).enqueue(message("I look at it."));
    const joined = await resumed.deliver(failed);
    expect(joined.id).toBe(turn.id);
    expect(resumed.activeTurn()).toBe(joined);
    hold.open();
    const [mine, theirs] = await Promise.all([turn.result(), joined.result()]);
    expect(theirs.items).toEqual(mine.items);
    expect(mine.finalResponse).toBe("I look at it.");
  });

  test("called with others at once starts one turn, which the others join", async () => {
    const thread = await a.startThread();
    const hold = gate();
    scripted(thread).enqueue(message({ deltas: ["One", hold, "."] }), message("All."));
    const starting = thread.startTurn("First.");
    const delivered = await Promise.all([thread.deliver(failed), thread.deliver({ source: "mail", content: "Hello" })]);
    const turn = await starting;
    expect(delivered.map((each) => each === turn)).toEqual([true, true]);
    await hold.reached;
    hold.open();
    expect((await turn.result()).finalResponse).toBe("All.");
    expect(read()).toMatchObject([{ name: "ci" }, { name: "mail" }]);
  });

  test("in the moment of an end joins or starts a turn, and is never lost", async () => {
    verifies("deliver-at-the-end");
    const thread = await a.startThread();
    model.respondWith(() => message("An answer."));
    for (let round = 0; round < 20; round++) {
      const turn = await thread.startTurn(`Question ${round}.`);
      await until(turn, (event) => event.method === "item/completed" && event.params.item.type === "agentMessage");
      const delivered = await thread.deliver({ source: "ci", content: `Message ${round}.` });
      const result = await delivered.result();
      expect(itemsOf(result, "functionCallOutput").map(({ output }) => output)).toContain(`Message ${round}.`);
      await turn.result();
    }
  });

  test("in the moment of an end of another client's turn does the same", async () => {
    verifies("deliver-at-the-end");
    const own = await a.startThread();
    model.respondWith(() => message("An answer."));
    await own.run("First.");
    const resumed = await b.resumeThread(own.id);
    for (let round = 0; round < 20; round++) {
      const ended = nextNotification(b, "item/completed", ({ item }) => item.type === "agentMessage");
      const turn = await own.startTurn(`Question ${round}.`);
      await ended;
      const delivered = await resumed.deliver({ source: "ci", content: `Message ${round}.` });
      const result = await delivered.result();
      expect(itemsOf(result, "functionCallOutput").map(({ output }) => output)).toContain(`Message ${round}.`);
      await turn.result();
      // The other client may learn of the end of the delivered turn a little later.
      await own.activeTurn()?.result();
    }
  });

  test("waits for the end of an aborted turn, and is refused during a review", async () => {
    const thread = await a.startThread();
    const hold = gate();
    scripted(thread).enqueue(message({ deltas: ["A's ", hold, "answer."] }), message("I look at it."));
    const controller = new AbortController();
    const turn = await thread.startTurn("A's question.", { signal: controller.signal });
    await hold.reached;
    controller.abort(new Error("Enough."));
    const delivered = await thread.deliver(failed);
    expect(delivered).not.toBe(turn);
    expect((await turn.outcome()).status).toBe("interrupted");
    expect((await delivered.result()).finalResponse).toBe("I look at it.");
    hold.open();
    const reviewing = gate();
    model.enqueue(message({ deltas: ["{", reviewing, "}"] }));
    const review = await thread.startReview({ type: "custom", instructions: "Look." });
    await reviewing.reached;
    await rejection(thread.deliver(failed), InternalRpcError);
    reviewing.open();
    expect((await review.outcome()).status).toBe("completed");
  });
});

test.each([
  ["an empty source", { source: " ", content: "x" }, /source/],
  ["a long source", { source: "x".repeat(65), content: "x" }, /source .*64 characters/],
  ["a source of two lines", { source: "a\nb", content: "x" }, /source .*control characters/],
  ["no source", { content: "x" }, /source/],
  ["an empty content", { source: "ci", content: "" }, /content/],
  ["no part", { source: "ci", content: [] }, /content is empty/],
  ["a part of another kind", { source: "ci", content: [{ type: "skill", name: "x", path: "/x" }] }, /text and images/],
  ["an unknown field", { source: "ci", content: "x", contents: "x" }, /contents/],
  ["nothing", undefined, /source, content/],
])("%s is refused, and nothing is sent", async (_, bad, why) => {
  verifies("external-refused");
  const thread = await a.startThread();
  const asked = model.requests.length;
  expect((await rejection(thread.deliver(untyped(bad)), UsageError)).message).toMatch(why);
  if (bad !== undefined) {
    const input = { type: "external", ...bad };
    expect((await rejection(thread.run(untyped(input)), UsageError)).message).toMatch(why);
  }
  expect(model.requests).toHaveLength(asked);
});

test("it is refused among other parts, in a steer and in the queue, and beside a toolOutput", async () => {
  verifies("external-refused");
  const thread = await a.startThread();
  const external = { type: "external", ...failed } as const;
  const { turn, hold } = await begin(thread);
  for (const call of [
    () => turn.steer(untyped(external)),
    () => turn.steer(untyped([external])),
    () => thread.queue.add(untyped(external)),
  ]) {
    expect((await rejection(call(), UsageError)).message).toContain("thread.deliver");
  }
  hold.open();
  await turn.result();
  expect((await rejection(thread.run(untyped(["Look.", external])), UsageError)).message).toContain("alone");
  const toolOutput = { name: "other", namespace: null, output: "x" };
  await rejection(thread.run(external, { toolOutput }), UsageError);
});
