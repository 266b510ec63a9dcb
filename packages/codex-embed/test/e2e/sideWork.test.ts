/** Tests what is done on a thread beside its turns: queue, side questions, the user's commands, injected items, revert. */

import { UsageError } from "codex-embed";
import { delay, gate, message, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

describe("the queue", () => {
  test("holds inputs while a turn runs, in the order asked for, and each becomes a turn", async () => {
    verifies("side-work");
    const hold = gate();
    const thread = await bench.threadWith({}, message({ deltas: ["One", hold] }), message("C"), message("B"));
    const turn = await thread.startTurn("A");
    await hold.reached;
    const [b, c, d] = [await thread.queue.add("b"), await thread.queue.add("c"), await thread.queue.add("d")];
    expect(await thread.queue.remove(d.id)).toBe(true);
    expect(await thread.queue.remove(d.id)).toBe(false);
    await thread.queue.reorder([c.id, b.id]);
    expect((await thread.queue.list()).map(({ id }) => id)).toEqual([c.id, b.id]);
    const texts: string[] = [];
    const done = nextNotification(bench.codex, "item/completed", ({ threadId, item }) => {
      if (threadId !== thread.id || item.type !== "agentMessage") return false;
      texts.push(item.text);
      return texts.length === 3;
    });
    hold.open();
    await turn.result();
    await done;
    expect(texts).toEqual(["One", "C", "B"]);
    expect(bench.requestsOf(thread).map((request) => request.lastUserText())).toEqual(["A", "c", "b"]);
  });
});

describe("a side question", () => {
  test("is answered from the history and leaves it alone", async () => {
    verifies("side-work");
    await using own = await startTestCodex();
    own.model.enqueue(message("Noted: 7."), message("It was 7."), message("Next."));
    const thread = await own.codex.startThread();
    await thread.run("Remember 7.");
    expect((await thread.sample("Which number?")).text).toBe("It was 7.");
    await thread.run("Go on.");
    const [, asked, next] = own.model.requests.map((request) => request.userTexts().join("\n"));
    expect(asked).toMatch(/Remember 7\.[^]*Which number\?/);
    expect(next).not.toContain("Which number?");
    own.model.assertComplete();
  });

  test("of a thread without a stored turn is a UsageError", async () => {
    await rejection((await bench.threadWith({})).sample("?"), UsageError);
    const ephemeral = await bench.thread(message("One."));
    await ephemeral.run("First.");
    expect((await rejection(ephemeral.sample("?"), UsageError)).message).toContain("ephemeral");
  });

  test("that is aborted ends its request to the model", async () => {
    await using own = await startTestCodex();
    // Answered in full unless the request ends before. The runtime itself gives up on a silent model after 30 s.
    own.model.enqueue(message("One."), message({ deltas: ["ne", delay(20_000), "ver"] }));
    const thread = await own.codex.startThread();
    await thread.run("First.");
    const controller = new AbortController();
    const sample = thread.sample("?", { signal: controller.signal });
    const asked = await own.model.request(1);
    controller.abort(new Error("Enough."));
    await expect(sample).rejects.toBe(controller.signal.reason);
    expect(await asked.ended).toBe("cut off");
  });

  test("is about the latest finished turn, whoever started it", async () => {
    verifies("sample");
    await using own = await startTestCodex();
    const { codex, model } = own;
    model.respondWith((request) =>
      message(
        `About ${request
          .userTexts()
          .filter((text) => text.startsWith("turn "))
          .at(-1)}`,
      ),
    );
    const thread = await codex.startThread();
    await thread.run("turn one");
    const other = await codex.resumeThread(thread.id);
    await other.run("turn two");
    expect((await thread.sample("?")).text).toBe("About turn two");
    const done = nextNotification(codex, "turn/completed", ({ threadId }) => threadId === thread.id);
    await thread.queue.add("turn three");
    await done;
    expect((await thread.sample("?")).text).toBe("About turn three");
    expect((await other.sample("?")).text).toBe("About turn three");
  });
});

describe("a command of the user", () => {
  test("resolves with its item, and the agent sees it", async () => {
    verifies("side-work");
    const thread = await bench.threadWith({}, message("Seen."));
    const item = await thread.runShellCommand("echo out; exit 3");
    expect(item).toMatchObject({ exitCode: 3, aggregatedOutput: expect.stringContaining("out"), status: "failed" });
    await thread.run("What did I run?");
    expect(bench.requestsOf(thread)[0]?.userTexts().join("\n")).toContain("echo out");
  });

  test("that is empty is a UsageError", async () => {
    const thread = await bench.threadWith({});
    await rejection(thread.runShellCommand(" "), UsageError);
  });
});

describe("injected items", () => {
  test("are in the history of the next turn", async () => {
    verifies("side-work");
    const thread = await bench.threadWith({}, message("Ok."));
    const content = [{ type: "input_text" as const, text: "The build is green." }];
    await thread.injectItems([{ type: "message", role: "user", content }]);
    await thread.run("And now?");
    expect(bench.requestsOf(thread)[0]?.userTexts()).toContain("The build is green.");
  });

  test.each([
    ["no object", "text", /items\[0\] is not an object/],
    ["an unknown type", { type: "nonsense" }, /has the type "nonsense"/],
    ["a message without content", { type: "message", role: "user" }, /needs "content"/],
    ["a call without an id", { type: "function_call", name: "x", arguments: "{}" }, /needs "call_id"/],
  ])("%s is refused", async (_what, item, why) => {
    const thread = await bench.threadWith({});
    expect((await rejection(thread.injectItems([untyped(item)]), UsageError)).message).toMatch(why);
  });
});

test("revert drops a turn and what came after it", async () => {
  verifies("side-work");
  const thread = await bench.threadWith({}, message("1"), message("2"), message("3"));
  await thread.run("one");
  const second = await thread.run("two");
  await thread.revert({ beforeTurnId: second.id });
  await thread.run("three");
  const texts = bench.requestsOf(thread).at(-1)?.userTexts() ?? [];
  expect(texts).toContain("one");
  expect(texts).not.toContain("two");
});

test("a fork before a turn leaves it out", async () => {
  const thread = await bench.threadWith({}, message("1"), message("2"));
  await thread.run("one");
  const second = await thread.run("two");
  const fork = await thread.fork({ beforeTurnId: second.id });
  bench.script(fork, message("Forked."));
  await fork.run("three");
  const texts = bench.requestsOf(fork)[0]?.userTexts() ?? [];
  expect([texts.includes("one"), texts.includes("two")]).toEqual([true, false]);
});
