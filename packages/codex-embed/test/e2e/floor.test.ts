/** What the README shows, on the oldest runtime that is accepted. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Codex, serveAppServer, TurnInProgressError, tool } from "codex-embed";
import { SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import {
  createTestHome,
  gate,
  message,
  shell,
  startTestCodex,
  step,
  type TestCodex,
  toolCall,
} from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Proxy } from "../support/proxy.js";
import { floorRuntime, INSTALL_TIMEOUT_MS } from "../support/runtimes.js";
import { methodsOf, nextNotification, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

let bench: TestCodex;

beforeAll(async () => {
  bench = await startTestCodex({ codexBin: await floorRuntime(), sandbox: "workspace-write" });
}, INSTALL_TIMEOUT_MS);
afterAll(() => bench?.close());

test("the kit starts it where it is named", () => {
  verifies("testing-runtime");
  expect(bench.codex.metadata.runtimeVersion).toBe(SUPPORTED_RUNTIMES.oldest);
});

test("a turn runs a command, streams, and tells its usage", async () => {
  verifies("older-runtimes");
  const { codex, model } = bench;
  const used = { usage: { input: 10, output: 1 } };
  model.enqueue(
    step(used, shell("echo heard", { escalate: { justification: "Needed." } })),
    step(used, message("Done.", { deltas: 2 })),
  );
  const thread = await codex.startThread({ ephemeral: true, handlers: { approveCommand: () => "accept" } });
  const turn = await thread.startTurn("Go.");
  const { events } = await readAll(turn);
  expect(methodsOf(events)).toEqual(expect.arrayContaining(["item/agentMessage/delta", "turn/completed"]));
  const result = await turn.result();
  expect(result).toMatchObject({ status: "completed", finalResponse: "Done.", usage: { turn: { totalTokens: 22 } } });
  expect(result.items).toContainEqual(expect.objectContaining({ type: "commandExecution", exitCode: 0 }));
});

test("a command that nobody approves does not run", async () => {
  verifies("older-runtimes");
  const { codex, model, workspace } = bench;
  const path = join(workspace, "unapproved");
  model.enqueue(shell(`touch ${path}`, { escalate: { justification: "Needed." } }), message("Done."));
  const thread = await codex.startThread({ ephemeral: true, handlers: { approveCommand: () => "decline" } });
  await thread.run("Go.");
  expect(existsSync(path)).toBe(false);
});

test("a tool is called, and an answer is typed", async () => {
  verifies("older-runtimes");
  const { codex, model } = bench;
  const double = tool({
    name: "double",
    description: "Doubles a number.",
    parameters: z.object({ n: z.number() }),
    execute: ({ n }) => n * 2,
  });
  model.enqueue(toolCall("double", { n: 21 }), message('{"answer":42}'));
  const thread = await codex.startThread({ ephemeral: true, tools: [double] });
  const { output } = await thread.run("Go.", { outputSchema: z.object({ answer: z.number() }) });
  expect(output).toEqual({ answer: 42 });
  expect(model.requests.at(-1)?.input.at(-1)).toMatchObject({ type: "function_call_output", output: "42" });
});

test("a thread is forked, and resumed in another process", async () => {
  verifies("older-runtimes");
  await using own = await startTestCodex({ codexBin: await floorRuntime() });
  own.model.enqueue(message("One."), message("Two."), message("Three."));
  const thread = await own.codex.startThread();
  await thread.run("First.");
  expect((await (await thread.fork()).run("Second.")).finalResponse).toBe("Two.");
  await own.codex.close();
  await using other = await Codex.launch(own.codexOptions);
  expect((await (await other.resumeThread(thread.id)).run("Third.")).finalResponse).toBe("Three.");
  expect(own.model.requests.at(-1)?.userTexts()).toEqual(expect.arrayContaining(["First.", "Third."]));
});

test("a review keeps the thread busy until its end, and no longer", async () => {
  verifies("older-runtimes");
  const { codex, model } = bench;
  const hold = gate();
  const review = model.when(({ subagent }) => subagent === "review");
  const target = { type: "custom", instructions: "Look." } as const;
  review.enqueue(message({ deltas: ["Fine", hold, "."] }), message("Fine again."), message("Once more."));
  const thread = await codex.startThread({ ephemeral: true });
  const reviewing = thread.review(target);
  await hold.reached;
  await rejection(thread.startTurn("Me."), TurnInProgressError);
  hold.open();
  expect(await reviewing).toMatchObject({ text: "Fine.", turn: { status: "completed" } });
  expect((await thread.review(target)).text).toBe("Fine again.");
  // One that the client does not follow leaves the thread free too.
  const ended = nextNotification(codex, "turn/completed", ({ threadId }) => threadId === thread.id);
  await codex.request("review/start", { threadId: thread.id, target });
  await ended;
  model.enqueue(message("Free."));
  expect((await thread.run("Me.")).finalResponse).toBe("Free.");
});

test("a review that ends while the connection is lost leaves the thread free", async () => {
  verifies("older-runtimes");
  const { model } = bench;
  await using home = await createTestHome({ model, codexBin: await floorRuntime() });
  const { codexHome, workspace: cwd, env } = home;
  const token = "t";
  await using server = await serveAppServer({ codexHome, cwd, env, inheritEnv: false, auth: { type: "token", token } });
  await using proxy = await Proxy.to(server.url);
  await using witness = await Codex.connect(server.url, { token });
  expect(witness.metadata.runtimeVersion).toBe(SUPPORTED_RUNTIMES.oldest);
  await using codex = await Codex.connect(proxy.url, { token, reconnect: { initialDelayMs: 5 } });
  const thread = await codex.startThread();
  model.when(({ threadId }) => threadId === thread.id).enqueue(message("First."), message("Free."));
  await thread.run("Hi.");
  const hold = gate();
  model.when(({ subagent }) => subagent === "review").enqueue(message({ deltas: ["Fi", hold, "ne."] }));
  const reviewing = thread.review({ type: "custom", instructions: "Look." });
  await hold.reached;
  proxy.down();
  hold.open();
  await expect.poll(async () => (await witness.readThread(thread.id)).status.type).toBe("idle");
  proxy.up();
  expect((await reviewing).turn.status).toBe("completed");
  expect((await thread.run("Me.")).finalResponse).toBe("Free.");
});

test("a review can be interrupted", async () => {
  verifies("older-runtimes");
  const { codex, model } = bench;
  const hold = gate();
  model.when(({ subagent }) => subagent === "review").enqueue(message({ deltas: ["a", hold] }));
  const thread = await codex.startThread({ ephemeral: true });
  const review = await thread.startReview({ type: "custom", instructions: "Look." });
  await hold.reached;
  await review.interrupt();
  expect((await review.outcome()).status).toBe("interrupted");
  model.enqueue(message("Free."));
  expect((await thread.run("Me.")).finalResponse).toBe("Free.");
});

test("an interrupt settles at every moment of a turn, also while it ends", async () => {
  verifies("older-runtimes");
  const { codex, model } = bench;
  const thread = await codex.startThread({ ephemeral: true });
  model.when(({ threadId }) => threadId === thread.id).enqueue(...Array.from({ length: 8 }, () => message("Hello.")));
  for (const events of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const turn = await thread.startTurn("Hi");
    let seen = 0;
    for await (const _ of turn) if (seen++ === events) break;
    await turn.interrupt();
    await turn.interrupt();
    expect(["interrupted", "completed"]).toContain((await turn.result()).status);
  }
});
