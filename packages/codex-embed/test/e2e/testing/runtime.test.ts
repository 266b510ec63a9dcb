/** The parts of a script on the pinned runtime: what each of them does to a turn. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  applyPatch,
  createTestHome,
  gate,
  message,
  rawToolCall,
  reasoning,
  ScriptedModel,
  shell,
  step,
  type TestHome,
  toolCall,
  updatePlan,
  usage,
} from "../../../src/testing/index.js";
import { asObject, itemsOf, RawRuntime } from "./rawRuntime.js";

let model: ScriptedModel;
let home: TestHome;
let runtime: RawRuntime;
beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
  runtime = await RawRuntime.start(home);
});
afterAll(async () => {
  await runtime.close();
  await model.close();
  await home.dispose();
});
let firstRequest = 0;
beforeEach(() => {
  firstRequest = model.requests.length;
});
afterEach(() => model.assertComplete());

test("a message with deltas and a phase", async () => {
  model.enqueue(message("Hello there", { deltas: 3, phase: "final_answer", id: "msg_hello" }));
  const turn = await runtime.run("hi");
  expect(turn).toMatchObject({ status: "completed", error: null });
  const deltas = turn.events.filter(({ method }) => method === "item/agentMessage/delta");
  expect(deltas.map(({ params }) => params["delta"])).toEqual(["Hel", "lo t", "here"]);
  expect(itemsOf(turn, "agentMessage")).toMatchObject([
    { id: "msg_hello", text: "Hello there", phase: "final_answer" },
  ]);
});

test("a message without deltas, and one whose text is not what they add up to", async () => {
  model.enqueue(step(message("silent", { deltas: 0 }), message("said", { deltas: ["mumbled"] })));
  const turn = await runtime.run("hi");
  const deltas = turn.events.filter(({ method }) => method === "item/agentMessage/delta");
  expect(deltas.map(({ params }) => params["delta"])).toEqual(["mumbled"]);
  expect(itemsOf(turn, "agentMessage").map(({ text }) => text)).toEqual(["silent", "said"]);
});

test("a step without parts", async () => {
  model.enqueue(step());
  const turn = await runtime.run("hi");
  expect(turn.status).toBe("completed");
  expect(itemsOf(turn, "agentMessage")).toEqual([]);
});

test("a response that does not end the turn", async () => {
  model.enqueue(step({ endTurn: false }, message("on the way", { phase: "commentary" })), message("there"));
  const turn = await runtime.run("go");
  expect(itemsOf(turn, "agentMessage").map(({ text }) => text)).toEqual(["on the way", "there"]);
});

test("reasoning", async () => {
  model.enqueue(step(reasoning({ summary: [["**Plan**", " it"], "then"], content: ["raw"] }), message("done")));
  const turn = await runtime.run("think");
  expect(itemsOf(turn, "reasoning")).toMatchObject([{ summary: ["**Plan** it", "then"], content: ["raw"] }]);
  const streamed = turn.events.filter(({ method }) => method.startsWith("item/reasoning/"));
  expect(
    streamed.map(({ method, params }) => [
      method.slice("item/reasoning/".length),
      params["summaryIndex"] ?? params["contentIndex"],
      params["delta"],
    ]),
  ).toEqual([
    ["summaryPartAdded", 0, undefined],
    ["summaryTextDelta", 0, "**Plan**"],
    ["summaryTextDelta", 0, " it"],
    ["summaryPartAdded", 1, undefined],
    ["summaryTextDelta", 1, "then"],
    ["textDelta", 0, "raw"],
  ]);
});

test("a shell command, its output for the model, and where it runs", async () => {
  model.enqueue(shell("echo out; echo $HOME; pwd; exit 3", { callId: "call_shell" }), message("done"));
  const turn = await runtime.run("run it");
  expect(itemsOf(turn, "commandExecution")).toMatchObject([{ id: "call_shell", exitCode: 3, status: "failed" }]);
  const output = model.requests[firstRequest + 1]?.toolOutput("call_shell");
  expect(output).toContain("Process exited with code 3");
  expect(output).toContain(`out\n${home.env["HOME"]}\n${home.workspace}\n`);
  expect(model.requests[firstRequest]?.toolOutput("call_shell")).toBeUndefined();
});

test("a patch that changes files", async () => {
  const patch = (body: string): string => `*** Begin Patch\n${body}\n*** End Patch`;
  model.enqueue(
    applyPatch(patch("*** Add File: note.txt\n+one\n+two")),
    applyPatch(patch("*** Update File: note.txt\n@@\n one\n-two\n+three"), { deltas: 4 }),
    message("done"),
  );
  const turn = await runtime.run("write");
  expect(itemsOf(turn, "fileChange").map(({ status }) => status)).toEqual(["completed", "completed"]);
  expect(await readFile(join(home.workspace, "note.txt"), "utf8")).toBe("one\nthree\n");
});

test("a plan", async () => {
  model.enqueue(updatePlan([{ step: "look", status: "in_progress" }], { explanation: "first" }), message("done"));
  const turn = await runtime.run("plan");
  expect(turn.events.find(({ method }) => method === "turn/plan/updated")?.params).toMatchObject({
    explanation: "first",
    plan: [{ step: "look", status: "inProgress" }],
  });
});

test("calls of tools that do not exist, and arguments that are not JSON", async () => {
  model.enqueue(
    step(toolCall("nothing", {}, { callId: "call_a" }), rawToolCall("exec_command", "{no", { callId: "call_b" })),
    message("done"),
  );
  await runtime.run("try");
  const request = await model.request(firstRequest + 1);
  expect(request.toolOutput("call_a")).toContain("unsupported call: nothing");
  expect(request.toolOutput("call_b")).toContain("failed to parse function arguments");
});

test("a tool of the client, in a namespace", async () => {
  model.enqueue(toolCall("find", { id: 7 }, { namespace: "crm", callId: "call_crm" }), message("done"));
  const find = { type: "function", name: "find", description: "Finds", inputSchema: { type: "object" } };
  const threadId = await runtime.startThread({
    dynamicTools: [{ type: "namespace", name: "crm", description: "CRM", tools: [find] }],
  });
  const turnId = await runtime.startTurn(threadId, "find it");
  const call = await runtime.until(({ method, params }) => method === "item/tool/call" && params["turnId"] === turnId);
  expect(call.params).toMatchObject({ namespace: "crm", tool: "find", arguments: { id: 7 } });
  runtime.answer(call.id ?? -1, { contentItems: [{ type: "inputText", text: "found" }], success: true });
  await runtime.finish(turnId);
  const request = await model.request(firstRequest + 1);
  expect(request.toolOutput("call_crm")).toBe("found");
  expect(request.toolNames()).toContain("crm.find");
  expect(request.tool("crm.find")).toMatchObject({ description: "Finds", parameters: { type: "object" } });
});

test("token counts", async () => {
  model.enqueue(
    step(shell("true"), usage({ input: 100, cached: 40, output: 20, reasoning: 5 })),
    message("done", { usage: { input: 7, output: 3 } }),
  );
  const turn = await runtime.run("count");
  const reports = turn.events.filter(({ method }) => method === "thread/tokenUsage/updated");
  expect(reports.map(({ params }) => asObject(params["tokenUsage"])["last"])).toMatchObject([
    { totalTokens: 120, inputTokens: 100, cachedInputTokens: 40, outputTokens: 20, reasoningOutputTokens: 5 },
    { totalTokens: 10, inputTokens: 7, cachedInputTokens: 0, outputTokens: 3, reasoningOutputTokens: 0 },
  ]);
});

test("rate limits in headers", async () => {
  const headers = { "x-codex-primary-used-percent": "43", "x-codex-primary-window-minutes": "300" };
  model.enqueue(step({ headers }, message("done")));
  await runtime.run("hi");
  const limits = await runtime.until(
    ({ method, params }) =>
      method === "account/rateLimits/updated" && JSON.stringify(params).includes('"usedPercent":43'),
  );
  expect(limits.params).toMatchObject({ rateLimits: { primary: { usedPercent: 43, windowDurationMins: 300 } } });
});

test("a gate in the middle of the deltas", async () => {
  const hold = gate();
  model.enqueue(message({ deltas: ["before", hold, "after"] }));
  const threadId = await runtime.startThread();
  const turnId = await runtime.startTurn(threadId, "hi");
  await hold.reached;
  await runtime.until(({ params }) => params["turnId"] === turnId && params["delta"] === "before");
  expect(runtime.events.some(({ params }) => params["turnId"] === turnId && params["delta"] === "after")).toBe(false);
  hold.open();
  const turn = await runtime.finish(turnId);
  expect(itemsOf(turn, "agentMessage")).toMatchObject([{ text: "beforeafter" }]);
});

test("an interrupt while the model waits at a gate", async () => {
  const hold = gate();
  const never = gate();
  model.enqueue(step(message("partial"), hold, message("never"), never));
  const threadId = await runtime.startThread();
  const turnId = await runtime.startTurn(threadId, "hi");
  await hold.reached;
  await runtime.until(({ method, params }) => method === "item/completed" && params["turnId"] === turnId);
  await runtime.call("turn/interrupt", { threadId, turnId });
  expect((await runtime.finish(turnId)).status).toBe("interrupted");
  const request = await model.request(firstRequest);
  expect(await request.ended).toBe("cut off");
  expect([request.threadId, request.turnId]).toEqual([threadId, turnId]);
  await expect(never.reached).rejects.toThrow("the runtime disconnected, before it");
});

test("threads at once, each with its own script", async () => {
  const threads = await Promise.all(Array.from({ length: 8 }, () => runtime.startThread()));
  for (const threadId of threads) {
    const mine = model.when((request) => request.threadId === threadId);
    mine.enqueue(shell(`echo ${threadId}`), message(`answer for ${threadId}`));
  }
  const turns = await Promise.all(threads.map((threadId) => runtime.run("go", { threadId })));
  expect(turns.map((turn) => itemsOf(turn, "agentMessage")[0]?.["text"])).toEqual(
    threads.map((threadId) => `answer for ${threadId}`),
  );
});

test("what a request carries", async () => {
  const schema = {
    type: "object",
    properties: { ok: { type: "boolean" } },
    required: ["ok"],
    additionalProperties: false,
  };
  model.enqueue(message('{"ok":true}'));
  const threadId = await runtime.startThread({ developerInstructions: "Be brief." });
  await runtime.run("what is up", { threadId, turn: { outputSchema: schema } });
  const request = await model.request(firstRequest);
  expect(request.threadId).toBe(threadId);
  expect(request.lastUserText()).toBe("what is up");
  expect(request.userTexts().join()).toContain(`<cwd>${home.workspace}</cwd>`);
  expect(request.developerTexts()[0]).toBe("You are a scripted model.");
  expect(request.developerTexts()).toContain("Be brief.");
  expect(request.outputSchema()).toEqual(schema);
  expect(request.toolNames()).toEqual(
    expect.arrayContaining(["exec_command", "apply_patch", "update_plan", "multi_agent_v1.spawn_agent", "web_search"]),
  );
  expect(request.body["model"]).toBe("mock-model");
  expect(request.headers["originator"]).toBe("testing-kit");
  expect(request.subagent).toBeUndefined();
  expect(await request.ended).toBe("answered");
});
