import { stripVTControlCharacters } from "node:util";
import type { TurnEvent } from "codex-embed";
import type { ThreadItem } from "codex-embed/protocol";
import { describe, expect, it } from "vitest";
import { TurnRenderer } from "../../../src/cli/render/turnRenderer.js";

const THREAD = { threadId: "thread", turnId: "turn" };

describe("the renderer", () => {
  const started = (item: ThreadItem): TurnEvent => ({
    method: "item/started",
    params: { ...THREAD, item, startedAtMs: 0 },
  });
  const completed = (item: ThreadItem): TurnEvent => ({
    method: "item/completed",
    params: { ...THREAD, item, contentTokenCount: null, completedAtMs: 0 },
  });
  type Command = Extract<ThreadItem, { type: "commandExecution" }>;
  const command = (id: string, result: Partial<Command> = {}): Command => ({
    type: "commandExecution",
    id,
    pluginId: null,
    scriptPath: null,
    command: `/bin/zsh -lc 'run ${id}'`,
    cwd: "/",
    processId: null,
    source: "agent",
    status: "inProgress",
    commandActions: [],
    aggregatedOutput: null,
    exitCode: null,
    durationMs: null,
    ...result,
  });
  type McpCall = Extract<ThreadItem, { type: "mcpToolCall" }>;
  const mcpCall = (result: Partial<McpCall>): McpCall => ({
    type: "mcpToolCall",
    id: "mcp",
    server: "files",
    environmentId: null,
    tool: "read",
    status: "inProgress",
    arguments: { path: "a" },
    appContext: null,
    mcpAppUi: null,
    pluginId: null,
    readOnlyHint: null,
    result: null,
    error: null,
    durationMs: null,
    ...result,
  });
  const says = (delta: string): TurnEvent => ({
    method: "item/agentMessage/delta",
    params: { ...THREAD, itemId: "msg", delta },
  });
  const turnEnds: TurnEvent = {
    method: "turn/completed",
    params: {
      threadId: "thread",
      turn: {
        id: "turn",
        rootTurnId: "turn",
        items: [],
        itemsView: "notLoaded",
        status: "interrupted",
        error: null,
        startedAt: null,
        completedAt: null,
        durationMs: null,
      },
    },
  };

  function rendered(color: boolean, events: readonly TurnEvent[]): string {
    let output = "";
    const renderer = new TurnRenderer((text) => (output += text), { color });
    for (const event of events) renderer.render(event);
    return output;
  }

  it("commands side by side each get their outcome, and one that never ended is named", () => {
    const output = rendered(false, [
      started(command("a")),
      started(command("b")),
      started(command("c")),
      completed(command("a", { status: "completed", exitCode: 0, durationMs: 61_000, aggregatedOutput: "A\n" })),
      completed(command("b", { status: "declined" })),
      { method: "item/commandExecution/outputDelta", params: { ...THREAD, itemId: "c", delta: "half\nway" } },
      turnEnds,
    ]);
    expect(output.split("\n")).toEqual([
      "  $ run a",
      "  $ run b",
      "  $ run c",
      "  $ run a  exit 0 · 1 min 01 s",
      "    A",
      "",
      "  $ run b  declined",
      "",
      "  $ run c  still running",
      "    half",
      "    way",
      "",
    ]);
  });

  it("tools of servers, and text of the model that would steer the terminal", () => {
    const output = rendered(false, [
      says("Hel\x07\x1b[2Jlo"),
      says(" there\n\nyou"),
      started(mcpCall({})),
      completed(mcpCall({ status: "failed", error: { message: "no such file\x1b]0;title\x07" }, durationMs: 250 })),
      completed(mcpCall({ id: "other", status: "completed", durationMs: 1_940 })),
    ]);
    expect(output.split("\n")).toEqual([
      "Hello there",
      "",
      "you",
      "",
      '  call files.read {"path":"a"}  failed · 0.3 s',
      "    no such file",
      "",
      '  call files.read {"path":"a"}  ok · 1.9 s',
      "",
    ]);
  });

  it("colour adds nothing but colour", () => {
    const events = [
      says("one\ntwo"),
      completed(command("a", { status: "failed", exitCode: 1, durationMs: 200, aggregatedOutput: "x\ny\n" })),
      turnEnds,
    ];
    const coloured = rendered(true, events);
    expect(coloured).toContain("\x1b[31mexit 1\x1b[39m");
    expect(stripVTControlCharacters(coloured)).toBe(rendered(false, events));
  });
});
