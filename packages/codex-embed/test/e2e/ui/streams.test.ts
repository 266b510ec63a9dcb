/** The end-to-end tests of a turn as a stream for web pages, read by the AI SDK and by AG-UI themselves. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Codex, type StartThreadOptions, serveAppServer, type Thread, tool, UsageError } from "codex-embed";
import {
  applyPatch,
  createTestHome,
  disconnect,
  fail,
  gate,
  message,
  type Part,
  reasoning,
  ScriptedModel,
  type Step,
  shell,
  step,
  toolCall,
  updatePlan,
  usage,
} from "codex-embed/testing";
import { toAgUi, toResponse, toUIMessageStream, type UiTurn } from "codex-embed/ui";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { SharedBench } from "../../support/bench.js";
import { Proxy } from "../../support/proxy.js";
import { beginningOf, commandStarted, untyped, until } from "../../support/turns.js";
import { readAgUi, readPage, textsOf } from "../../support/ui.js";
import { verifies } from "../../support/verifies.js";

const bench = new SharedBench({ sandbox: "full-access" });

const lookUp = tool({
  name: "look_up",
  description: "Looks something up.",
  parameters: z.object({ key: z.string() }),
  execute: ({ key }) => {
    if (key === "bad") throw new Error("secret-result");
    return "secret-result";
  },
});

const MCP_SERVER = `
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") {
    send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "probe", version: "1.0.0" } } });
  } else if (method === "tools/list") {
    send({ id, result: { tools: [{ name: "plain", description: "Acts.", inputSchema: { type: "object" } }] } });
  } else if (id !== undefined) {
    send({ id, result: { content: [{ type: "text", text: "secret-mcp" }] } });
  }
});
`;

let count = 0;

/** A patch of a file that is not there yet, so that it shows in the diff of the turn. */
const patch = (): string => `*** Begin Patch
*** Add File: secret-file.${count++}.txt
+secret-line
*** End Patch`;

/** A turn with one of everything, in which all that is not for a page has the word secret. */
async function everything(): Promise<Thread> {
  const path = join(bench.workspace, "server.cjs");
  await writeFile(path, MCP_SERVER);
  const options: StartThreadOptions = {
    tools: [lookUp],
    config: { mcp_servers: { probe: { command: process.execPath, args: [path] } } },
    handlers: { approveMcpTool: () => "accept" },
    approvalMode: "ask",
  };
  return bench.threadWith(
    { ephemeral: true, ...options },
    step(
      reasoning({ summary: ["Think.", "Again."] }),
      message("First.", { phase: "commentary" }),
      shell("echo secret-output"),
    ),
    updatePlan([{ step: "Look", status: "completed" }], { explanation: "Why." }),
    applyPatch(patch()),
    shell("cat secret-missing; exit 3"),
    toolCall("look_up", { key: "secret-key" }),
    toolCall("look_up", { key: "bad" }),
    toolCall("plain", { secret: "secret-argument" }, { namespace: "mcp__probe", callId: "mcp" }),
    step(message("The answer.", { deltas: 3, phase: "final_answer" }), usage({ input: 10, output: 5 })),
  );
}

async function turnOf(...steps: readonly (Step | Part)[]) {
  const thread = await bench.thread(...steps);
  return thread.startTurn("Hi");
}

describe("a turn with commands, a patch, tools and a plan", () => {
  test("leaves what is not for a page on the server", async () => {
    verifies("ui-include");
    const turn = await (await everything()).startTurn("Hi");
    const page = await readPage(turn);
    const events = await readAgUi(turn);
    expect((await turn.result()).items.map(({ type }) => type)).toContain("fileChange");
    for (const sent of [page.chunks, events]) {
      const text = JSON.stringify(sent);
      expect(text).not.toContain("secret");
      expect(text).not.toContain(bench.workspace);
    }
  });

  test("is a message with text, reasoning, tools and the plan for ai 6 and ai 7", async () => {
    verifies("ui-message-stream");
    const turn = await (await everything()).startTurn("Hi");
    const page = await readPage(turn);
    const { message: read, errors } = page;
    expect(errors).toEqual([]);
    expect(read.id).toBe(turn.id);
    expect(read.metadata).toMatchObject({ threadId: turn.threadId, turnId: turn.id, status: "completed" });
    expect(read.metadata).toMatchObject({ usage: (await turn.result()).usage?.turn });
    expect(textsOf(page)).toEqual(["First.", "The answer."]);
    expect(read.parts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "reasoning", text: "Think.\n\nAgain.", state: "done" }),
        expect.objectContaining({ type: "text", providerMetadata: { codex: { phase: "commentary" } } }),
        expect.objectContaining({
          type: "data-plan",
          data: { explanation: "Why.", steps: [{ step: "Look", status: "completed" }] },
        }),
      ]),
    );
    const tools = read.parts.filter((part) => part.type === "dynamic-tool");
    expect(tools.map(({ toolName, state }) => [toolName, state])).toEqual([
      ["shell", "output-available"],
      ["apply_patch", "output-available"],
      ["shell", "output-error"],
      ["look_up", "output-available"],
      ["look_up", "output-error"],
      ["probe.plain", "output-available"],
    ]);
    expect(tools[0]).toMatchObject({ input: { actions: ["unknown"] }, output: { status: "completed", exitCode: 0 } });
    expect(tools[1]).toMatchObject({ input: { changes: [{ kind: "add" }] } });
    expect(tools[2]).toMatchObject({ errorText: "The command failed: exit code 3." });
    expect(page.chunks.at(-1)).toEqual({ type: "finish", finishReason: "stop" });
  });

  test("is a run of AG-UI", async () => {
    verifies("ag-ui");
    const turn = await (await everything()).startTurn("Hi");
    const events = await readAgUi(turn);
    const run = { threadId: turn.threadId, runId: turn.id };
    expect(events[0]).toEqual({ type: "RUN_STARTED", ...run });
    expect(events.at(-1)).toMatchObject({ type: "RUN_FINISHED", ...run, result: { status: "completed" } });
    expect(events.at(-1)).toMatchObject({ usage: [{ inputTokens: 10, outputTokens: 5, totalTokens: 15 }] });
    const names = events.flatMap((event) => (event.type === "TOOL_CALL_START" ? event.toolCallName : []));
    expect(names).toEqual(["shell", "apply_patch", "shell", "look_up", "look_up", "probe.plain"]);
    const results = events.flatMap((event) => (event.type === "TOOL_CALL_RESULT" ? [JSON.parse(event.content)] : []));
    expect(results[2]).toMatchObject({ status: "failed", exitCode: 3, error: "The command failed: exit code 3." });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "ACTIVITY_SNAPSHOT", activityType: "PLAN", content: expect.anything() }),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: "REASONING_MESSAGE_CONTENT", delta: "Think." }));
  });

  test("opens what `include` names, each by itself", async () => {
    verifies("ui-include");
    const turn = await (await everything()).startTurn("Hi");
    await turn.outcome();
    const sentWith = async (include: object): Promise<string> => {
      const [page, events] = await Promise.all([readPage(turn, { include }), readAgUi(turn, { include })]);
      const texts = [page.chunks, events].map((sent) => JSON.stringify(sent));
      const words = texts.map((text) => [...new Set(text.match(/secret-\w+/g))].toSorted().join(" "));
      expect(words[0]).toBe(words[1]);
      return words[0] ?? "";
    };
    expect(await sentWith({ commands: true })).toBe("secret-missing secret-output");
    expect(await sentWith({ output: true })).toContain("secret-output");
    expect(await sentWith({ paths: true })).toBe("secret-file");
    expect(await sentWith({ diffs: true })).toBe("secret-file secret-line");
    expect(await sentWith({ toolInput: true })).toBe("secret-argument secret-key");
    expect(await sentWith({ toolOutput: true })).toContain("secret-mcp secret-result");
    const { message: read } = await readPage(turn, { include: { reasoning: false } });
    expect(read.parts.some(({ type }) => type === "reasoning")).toBe(false);
  });
});

describe("a turn that does not complete", () => {
  test("failed: an error with a general sentence, or with the runtime's", async () => {
    verifies("ui-message-stream");
    verifies("ag-ui");
    verifies("ui-include");
    const turn = await turnOf(step(message("So far."), shell("true")), fail(400, { message: "secret-failure" }));
    const page = await readPage(turn);
    expect(page.errors).toMatchObject([{ message: "The agent failed." }]);
    expect(page.message.metadata).toMatchObject({ status: "failed", errorCode: "TURN_FAILED" });
    expect(page.chunks.at(-1)).toEqual({ type: "finish", finishReason: "error" });
    expect((await readAgUi(turn)).at(-1)).toMatchObject({ type: "RUN_ERROR", code: "TURN_FAILED" });
    expect(JSON.stringify([page.chunks, await readAgUi(turn)])).not.toContain("secret");
    const open = await readPage(turn, { include: { errors: true } });
    expect(open.errors).toMatchObject([{ message: expect.stringContaining("secret-failure") }]);
  });

  test("interrupted: what was open is closed", async () => {
    verifies("ui-message-stream");
    verifies("ag-ui");
    const turn = await turnOf(step(message("So far."), shell("sleep 600")));
    await commandStarted(turn);
    await turn.interrupt();
    const page = await readPage(turn);
    expect(page.chunks.at(-1)).toEqual({ type: "abort", reason: "interrupted" });
    expect(page.message.metadata).toMatchObject({ status: "interrupted" });
    expect(page.message.parts.filter((part) => part.type === "dynamic-tool")).toMatchObject([
      { state: "output-error" },
    ]);
    expect((await readAgUi(turn)).at(-1)).toMatchObject({ type: "RUN_FINISHED", result: { status: "interrupted" } });
  });

  test("interrupted in the middle of a message: its beginning stays", async () => {
    const hold = gate();
    const turn = await turnOf(message({ deltas: ["Hel", hold, "lo."] }));
    await until(turn, ({ method }) => method === "item/agentMessage/delta");
    await turn.interrupt();
    const page = await readPage(turn);
    expect(textsOf(page)).toEqual(["Hel"]);
    expect(page.message.parts).toContainEqual(expect.objectContaining({ type: "text", state: "done" }));
    await readAgUi(turn);
    hold.open();
  });

  test("ended by a limit: an error", async () => {
    const thread = await bench.thread(message({ deltas: ["Hel", gate()] }));
    const turn = await thread.startTurn("Hi", { deadlineMs: 3_000 });
    const page = await readPage(turn);
    expect(page.errors).toMatchObject([{ message: "The agent ran out of time." }]);
    expect((await readAgUi(turn)).at(-1)).toMatchObject({ type: "RUN_ERROR", code: "TURN_DEADLINE" });
  });
});

describe("text that the model dropped", () => {
  const retrying = new SharedBench({ streamMaxRetries: 1 });
  const withdrawn = { providerMetadata: { codex: { withdrawn: true } } };

  test.each([
    ["with another id", message("Hello.", { deltas: 2 })],
    ["with the same id", message("Hello.", { id: "cut_3", deltas: 2 })],
  ])("by a retry, %s: it is marked, and the page hears of the retry", async (_, answer) => {
    verifies("ui-withdrawn");
    const thread = await retrying.thread(step(...beginningOf("Hel"), disconnect()), answer);
    const turn = await thread.startTurn("Hi");
    const page = await readPage(turn);
    const texts = page.message.parts.filter(({ type }) => type === "text");
    expect(texts).toMatchObject([{ text: "Hel", ...withdrawn }, { text: "Hello." }]);
    expect(texts[1]).not.toMatchObject(withdrawn);
    expect(page.chunks).toContainEqual({
      type: "data-status",
      data: { state: "retrying", message: null },
      transient: true,
    });
    const events = await readAgUi(turn);
    const ids = events.flatMap((event) => (event.type === "TEXT_MESSAGE_START" ? event.messageId : []));
    expect(new Set(ids).size).toBe(2);
    expect(events).toContainEqual({
      type: "TEXT_MESSAGE_END",
      messageId: ids[0],
      metadata: withdrawn.providerMetadata,
    });
  });

  test("by a steer", async () => {
    verifies("ui-withdrawn");
    const hold = gate();
    const turn = await turnOf(message({ deltas: ["Wro", hold] }), message("Right."));
    await until(turn, ({ method }) => method === "item/agentMessage/delta");
    await turn.steer("No.");
    const page = await readPage(turn);
    expect(page.message.parts.filter(({ type }) => type === "text")).toMatchObject([
      { text: "Wro", ...withdrawn },
      { text: "Right." },
    ]);
    await readAgUi(turn);
  });
});

test("a connection that was lost in the middle of a message: the text is whole, and the page hears of it", async () => {
  verifies("ui-withdrawn");
  const model = await ScriptedModel.start();
  const home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  const auth = { type: "token", token: "t" } as const;
  const server = await serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth });
  const proxy = await Proxy.to(server.url);
  const codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 5 } });
  try {
    const [cut, missed] = [gate(), gate()];
    model.enqueue(message({ deltas: ["First ", cut, "half ", missed, "end."] }));
    const thread = await codex.startThread({ cwd });
    const turn = await thread.startTurn("Go.");
    await until(turn, ({ method }) => method === "item/agentMessage/delta");
    const ready = new Promise<void>((resolve) => {
      codex.on("status", ({ params }) => params.status === "ready" && resolve());
    });
    proxy.cut();
    cut.open();
    await missed.reached;
    await ready;
    missed.open();
    const page = await readPage(turn);
    expect(textsOf(page)).toEqual(["First half end."]);
    expect(page.chunks).toContainEqual(expect.objectContaining({ type: "data-status", transient: true }));
    await readAgUi(turn);
  } finally {
    await codex.close();
    await proxy[Symbol.asyncDispose]();
    await server.close();
    await home.dispose();
    await model.close();
  }
});

test("grows with the turn, and can be read late and again", async () => {
  verifies("ui-message-stream");
  const hold = gate();
  const turn = await turnOf(message({ deltas: ["Hel", hold, "lo."] }));
  for await (const chunk of toUIMessageStream(turn)) {
    if (chunk.type !== "text-delta") continue;
    expect(chunk.delta).toBe("Hel");
    break;
  }
  hold.open();
  await turn.result();
  expect(textsOf(await readPage(turn))).toEqual(["Hello."]);
  expect(textsOf(await readPage(turn))).toEqual(["Hello."]);
});

test("cancelling a stream ends it at once, and leaves the turn running", async () => {
  const hold = gate();
  const turn = await turnOf(message({ deltas: ["Hel", hold, "lo."] }));
  const events = turn[Symbol.asyncIterator]();
  const { id, threadId } = turn;
  const watched: UiTurn = {
    id,
    threadId,
    interrupt: () => turn.interrupt(),
    outcome: () => turn.outcome(),
    [Symbol.asyncIterator]: () => events,
  };
  const reader = toAgUi(watched).getReader();
  while ((await reader.read()).value?.type !== "TEXT_MESSAGE_CONTENT");
  const pending = reader.read();
  await reader.cancel();
  expect((await pending).done).toBe(true);
  expect((await events.next()).done).toBe(true);
  hold.open();
  expect((await turn.result()).finalResponse).toBe("Hello.");
});

test("a review is a turn", async () => {
  bench.model.when(({ subagent }) => subagent === "review").enqueue(message("Looks good."));
  const thread = await bench.thread();
  const page = await readPage(await thread.startReview({ type: "custom", instructions: "Look." }));
  expect(textsOf(page)).toEqual(["Looks good."]);
});

test.each([
  ["a promise of a turn", Promise.resolve(), /turn is a Promise.*await thread\.startTurn/],
  ["nothing", undefined, /turn is undefined/],
])("refuses %s", (_, turn, expected) => {
  for (const make of [toUIMessageStream, toAgUi]) {
    expect(() => make(untyped(turn))).toThrow(UsageError);
    expect(() => make(untyped(turn))).toThrow(expected);
  }
  expect(() => toResponse(untyped(turn))).toThrow(UsageError);
});

test("refuses unknown options, and suggests the nearest", async () => {
  const turn = await turnOf(message("Hi."));
  expect(() => toUIMessageStream(turn, { include: untyped({ outputs: true }) })).toThrow(/include\.outputs.*output\?/);
  expect(() => toAgUi(turn, untyped({ includes: {} }))).toThrow(/includes.*include\?/);
  await turn.result();
});
