import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ExecTurnFailedError, type ThreadEvent, unknownEvent, unknownItem } from "codex-embed/exec";
import {
  applyPatch,
  disconnect,
  fail,
  message,
  rawItem,
  reasoning,
  shell,
  step,
  toolCall,
  updatePlan,
  usage,
} from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { ExecBench, gather, rejection } from "../../support/execBench.js";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const MCP_SERVER = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const results = {
    initialize: { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "probe", version: "1" } },
    "tools/list": { tools: [{ name: "look", description: "Looks", annotations: { readOnlyHint: true }, inputSchema: { type: "object", properties: {} } }] },
    "tools/call": { content: [{ type: "text", text: "seen" }] },
  };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
});`;

describe("a turn", () => {
  test("comes to its items, its answer and the usage of the thread; a second one goes on", async () => {
    const bench = await ExecBench.start();
    bench.model.enqueue(
      step(reasoning({ summary: ["Look"] }), shell("echo hi"), usage({ input: 10, output: 2 })),
      step(message("One."), usage({ input: 20, output: 3 })),
      step(message("Two."), usage({ input: 30, cached: 20, output: 4 })),
    );
    const thread = bench.thread();
    expect(thread.id).toBeNull();
    const first = await thread.run("first");
    expect(first).toEqual({
      items: [
        { id: "item_0", type: "reasoning", text: "Look" },
        {
          id: "item_1",
          type: "command_execution",
          command: expect.stringContaining("echo hi"),
          aggregated_output: "hi\n",
          exit_code: 0,
          status: "completed",
        },
        { id: "item_2", type: "agent_message", text: "One." },
      ],
      finalResponse: "One.",
      usage: expect.objectContaining({ input_tokens: 30, output_tokens: 5 }),
    });
    expect(thread.id).toMatch(/^[0-9a-f-]{36}$/);
    const second = await thread.run([
      { type: "text", text: "second" },
      { type: "text", text: "and more" },
    ]);
    expect(second.usage).toMatchObject({ input_tokens: 60, cached_input_tokens: 20, output_tokens: 9 });
    expect(bench.lastTexts()).toEqual(["first", "second\n\nand more"]);
    bench.model.assertComplete();
  });

  test("prints every kind of event and item, and none that is not typed", async () => {
    const bench = await ExecBench.start({
      extraConfig: { mcp_servers: { probe: { command: process.execPath, args: ["-e", MCP_SERVER] } } },
    });
    const webSearch = {
      type: "web_search_call",
      id: "ws_1",
      status: "completed",
      action: { type: "search", query: "q" },
    };
    bench.model.enqueue(
      step(reasoning({ summary: ["Look"] }), message("Let me see.", { phase: "commentary" }), shell("exit 3")),
      updatePlan([
        { step: "a", status: "in_progress" },
        { step: "b", status: "pending" },
      ]),
      updatePlan([
        { step: "a", status: "completed" },
        { step: "b", status: "in_progress" },
      ]),
      applyPatch("*** Begin Patch\n*** Add File: new.txt\n+new\n*** End Patch"),
      toolCall("look", {}, { namespace: "mcp__probe" }),
      toolCall("close_agent", { target: "019aa000-0000-7000-8000-000000000000" }, { namespace: "multi_agent_v1" }),
      step(rawItem(webSearch), message("Done.")),
    );
    const { events } = await bench.thread().runStreamed("go");
    const seen = await gather(events);
    expect(seen.filter((event) => unknownEvent(event) !== undefined)).toEqual([]);
    const withItems = seen.filter((event) => "item" in event);
    expect(withItems.filter(({ item }) => unknownItem(item) !== undefined)).toEqual([]);
    const kinds = (type: ThreadEvent["type"]) =>
      withItems.filter((event) => event.type === type).map(({ item }) => item.type);
    expect(new Set(kinds("item.completed"))).toEqual(
      new Set([
        "reasoning",
        "agent_message",
        "command_execution",
        "file_change",
        "mcp_tool_call",
        "collab_tool_call",
        "web_search",
        "todo_list",
      ]),
    );
    expect(kinds("item.updated")).toEqual(["todo_list"]);
    expect(seen.find((event) => event.type === "item.updated")).toMatchObject({
      item: {
        items: [
          { text: "a", completed: true },
          { text: "b", completed: false },
        ],
      },
    });
    expect(withItems.map(({ item }) => item)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "command_execution", status: "in_progress", exit_code: null }),
        expect.objectContaining({ type: "command_execution", status: "failed", exit_code: 3 }),
        expect.objectContaining({ type: "mcp_tool_call", status: "in_progress", result: null, error: null }),
        expect.objectContaining({ type: "mcp_tool_call", server: "probe", tool: "look" }),
        expect.objectContaining({ type: "file_change", status: "completed" }),
        expect.objectContaining({ type: "web_search", id: "ws_1", action: { type: "search", query: "q" } }),
      ]),
    );
  });

  test("takes images, one that is relative to this program too", async () => {
    const bench = await ExecBench.start();
    const path = join(bench.home.workspace, "pixel.png");
    await writeFile(path, Buffer.from(PIXEL, "base64"));
    bench.model.enqueue(message("A pixel."), message("The same."));
    const thread = bench.thread();
    for (const text of ["What is it?", "And now?"]) {
      await thread.run([
        { type: "text", text },
        { type: "local_image", path },
      ]);
      const sent = JSON.stringify(bench.model.requests.at(-1)?.input.at(-1));
      expect(sent).toContain("data:image/png;base64,");
      expect(sent).toContain(text);
    }
  });

  test("has a message with line separators whole", async () => {
    const bench = await ExecBench.start();
    const strange = "one\u2028two\u2029three\u0085 \u{1f600}";
    bench.model.enqueue(message(strange));
    expect((await bench.thread().run(strange)).finalResponse).toBe(strange);
    expect(bench.lastTexts()).toEqual([strange]);
  });
});

describe("a turn that meets trouble", () => {
  test("goes on after a retry", async () => {
    const bench = await ExecBench.start({ streamMaxRetries: 2 });
    bench.model.enqueue(disconnect(), message("There again."));
    const { events } = await bench.thread().runStreamed("x");
    const seen = await gather(events);
    expect(seen.find(({ type }) => type === "error")).toMatchObject({
      message: expect.stringMatching(/^Reconnecting/),
    });
    expect(seen.at(-1)).toMatchObject({ type: "turn.completed" });
    bench.model.enqueue(disconnect(), message("Once more."));
    expect(await bench.thread().run("x")).toMatchObject({ finalResponse: "Once more." });
  });

  test("rejects with what there was when it fails, and the thread goes on", async () => {
    const bench = await ExecBench.start();
    bench.model.enqueue(
      updatePlan([{ step: "a", status: "in_progress" }]),
      step(message("So far.", { phase: "commentary" }), shell("echo hi")),
      fail(400, { message: "Too much." }),
      message("Better."),
    );
    const thread = bench.thread();
    const error = await rejection(thread.run("x"));
    expect(error).toBeInstanceOf(ExecTurnFailedError);
    expect(error).toMatchObject({
      message: expect.stringContaining("Too much."),
      exitCode: 1,
      signal: null,
      threadId: thread.id,
      result: { finalResponse: "So far.", usage: null },
    });
    if (!ExecTurnFailedError.isInstance(error)) throw error;
    const { items, unfinished } = error.result;
    expect(items.map(({ type }) => type)).toEqual(expect.arrayContaining(["agent_message", "command_execution"]));
    expect([...items, ...unfinished].filter(({ type }) => type === "todo_list")).toHaveLength(1);
    expect(await thread.run("again")).toMatchObject({ finalResponse: "Better." });
  });
});
