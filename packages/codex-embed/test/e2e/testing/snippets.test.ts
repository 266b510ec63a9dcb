/** The short examples of docs/testing.md, as tests. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Codex, type Thread, TurnFailedError } from "../../../src/index.js";
import {
  applyPatch,
  createTestHome,
  delay,
  disconnect,
  fail,
  gate,
  message,
  reasoning,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  type TestCodex,
  usage,
} from "../../../src/testing/index.js";

let bench: TestCodex;
let codex: Codex;
let model: ScriptedModel;
let thread: Thread;
beforeEach(async () => {
  bench = await startTestCodex();
  ({ codex, model } = bench);
  thread = await codex.startThread();
});
afterEach(() => bench.close());

test("steps", async () => {
  model.enqueue(
    step(reasoning({ summary: ["Look first"] }), message("Let me look.", { phase: "commentary" }), shell("ls")),
    step(message("Empty."), usage({ input: 1200, cached: 1000, output: 40 })),
  );
  const result = await thread.run("What is here?");
  expect(result.usage?.turn.cachedInputTokens).toBe(1000);
  expect(result.finalResponse).toBe("Empty.");
});

test("gates", async () => {
  const hold = gate();
  model.enqueue(message({ deltas: ["Once upon", hold, " a time"] }));

  const turn = await thread.startTurn("Tell me a story");
  await hold.reached;
  await turn.interrupt();

  expect((await turn.result()).status).toBe("interrupted");
  expect(await model.requests[0]?.ended).toBe("cut off");
});

test("failures", async () => {
  model.enqueue(fail(429, { type: "usage_limit_reached" }));
  const failed: unknown = await thread.run("Hi").catch((error: unknown) => error);
  expect(TurnFailedError.isInstance(failed) && failed.info).toBe("usageLimitExceeded");

  model.enqueue(step(message("Half an ans", { deltas: 3 }), delay(10), disconnect()));
  await expect(thread.run("Hi")).rejects.toThrow("stream disconnected");

  model.enqueue(message("Back again."));
  expect((await thread.run("Hi")).finalResponse).toBe("Back again.");
});

test("routes", async () => {
  const first = await codex.startThread();
  const second = await codex.startThread();
  model.when((request) => request.threadId === first.id).enqueue(message("one"));
  model.when((request) => request.threadId === second.id).enqueue(message("two"));

  const results = await Promise.all([second.run("go"), first.run("go")]);
  expect(results.map(({ finalResponse }) => finalResponse)).toEqual(["two", "one"]);
});

test("a responder", async () => {
  model.respondWith((request) => message(`You said: ${request.lastUserText()}`));
  expect((await thread.run("hello")).finalResponse).toBe("You said: hello");
});

test("replies", async () => {
  model.when((request) => request.lastUserText() === "ping").reply(message("pong"));
  model.when((request) => request.lastUserText() === "time").reply(({ index }) => message(`It is ${index}.`));

  expect((await thread.run("time")).finalResponse).toBe("It is 0.");
  expect((await thread.run("ping")).finalResponse).toBe("pong");
  expect((await thread.run("ping")).finalResponse).toBe("pong");
});

test("the reviewer", async () => {
  await using guarded = await startTestCodex({ sandbox: "workspace-write" });
  guarded.model.when((request) => request.subagent === "guardian").enqueue(message('{"outcome":"allow"}'));
  guarded.model.enqueue(shell("echo ok > out.txt", { escalate: { justification: "Why not?" } }), message("Done."));

  const guardedThread = await guarded.codex.startThread();
  await guardedThread.run("Write the file");
  expect(await readFile(join(guarded.workspace, "out.txt"), "utf8")).toBe("ok\n");
});

test("a patch", async () => {
  const patch = `*** Begin Patch
*** Add File: hello.txt
+Hello
*** End Patch`;
  model.enqueue(applyPatch(patch), message("Written."));
  await thread.run("Write hello.txt");
  expect(await readFile(join(bench.workspace, "hello.txt"), "utf8")).toBe("Hello\n");
});

test("a second runtime on the same home", async () => {
  model.enqueue(message("one"), message("two"));
  await thread.run("first");
  await codex.close();

  await using again = await Codex.launch(bench.codexOptions);
  const resumed = await again.resumeThread(thread.id);
  expect((await resumed.run("second")).finalResponse).toBe("two");
});

test("the parts on their own", async () => {
  await using ownModel = await ScriptedModel.start();
  await using home = await createTestHome({ model: ownModel });
  await using client = await Codex.launch({
    codexHome: home.codexHome,
    cwd: home.workspace,
    env: home.env,
    inheritEnv: false,
  });
  ownModel.enqueue(message("Hi"));
  expect((await (await client.startThread()).run("Hi")).finalResponse).toBe("Hi");
});

test("cassettes", async () => {
  const file = join(bench.workspace, "session.json");
  model.enqueue(message("There are none."));
  const provider = { baseUrl: model.baseUrl };
  const recording = await startTestCodex({ cassette: { file, mode: "record", model: "mock-model", provider } });
  await (await recording.codex.startThread()).run("How many files are there?");
  await recording.close();

  await using tape = await startTestCodex({ cassette: file });
  const talk = await tape.codex.startThread();
  const answer = await talk.run("How many files are there?");
  expect(answer.finalResponse).toBe("There are none.");
  tape.cassette.assertComplete();
});
