/** The end-to-end tests of in-process tools, of MCP tools, and of the questions that come with them. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Codex,
  type ElicitationRequest,
  type HandlerErrorEvent,
  type Handlers,
  type McpToolApprovalRequest,
  type McpToolDecision,
  type StartThreadOptions,
  type Thread,
  type ToolContext,
  type ToolResult,
  tool,
  toolGroup,
  UsageError,
} from "codex-embed";
import { type ApprovalRuleDecision, approvalRules } from "codex-embed/approvals";
import { gate, message, type Part, type Step, startTestCodex, step, toolCall } from "codex-embed/testing";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { SharedBench } from "../support/bench.js";
import { itemsOf, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench({
  sandbox: "workspace-write",
  extraConfig: { features: { default_mode_request_user_input: true, request_permissions_tool: true } },
});
const place = z.object({ city: z.string().min(2), days: z.number().optional() });
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let count = 0;

const weather = (execute: (args: z.infer<typeof place>, context: ToolContext) => ToolResult | Promise<ToolResult>) =>
  tool({ name: "weather", description: "Tells the weather.", parameters: place, execute, timeoutMs: 20_000 });

const threadOf = (options: StartThreadOptions, ...steps: (Part | Step)[]): Promise<Thread> =>
  bench.threadWith({ ephemeral: true, ...options }, ...steps);

const declined = ({ id }: Thread): Promise<HandlerErrorEvent["params"]> =>
  new Promise((resolve) => {
    bench.codex.on("handlerError", ({ params }) => {
      if (params.threadId === id) resolve(params);
    });
  });

/** Runs a turn in which the model calls the tool, and gives what it got back. */
async function callWeather(execute: Parameters<typeof weather>[0], args: unknown = { city: "Paris" }) {
  const callId = `weather-${count++}`;
  const thread = await threadOf({ tools: [weather(execute)] }, toolCall("weather", args, { callId }), message("Done."));
  const result = await thread.run("Go.");
  expect(result.finalResponse).toBe("Done.");
  const [item] = itemsOf(result, "dynamicToolCall");
  const request = bench.requestsOf(thread)[1];
  return { item, output: request?.toolOutput(callId) ?? "", request, callId, thread, result };
}

describe("a tool", () => {
  test("is offered with its schema, and called with validated arguments and its context", async () => {
    verifies("tool-arguments");
    const execute = vi.fn((args: z.infer<typeof place>, _context: ToolContext) => `Sunny in ${args.city}.`);
    const { output, callId, thread, result, request } = await callWeather(execute, { city: "Paris", extra: 1 });
    expect(output).toBe("Sunny in Paris.");
    const [args, context] = execute.mock.calls[0] ?? [];
    expect(args).toStrictEqual({ city: "Paris" });
    expect(context).toMatchObject({ threadId: thread.id, turnId: result.id, callId, log: expect.any(Function) });
    expect(request?.tool("weather")).toMatchObject({
      description: "Tells the weather.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    });
  });

  test.each<[string, ToolResult, string]>([
    ["a JSON value", { sky: "blue", cloudy: false }, '{"sky":"blue","cloudy":false}'],
    ["nothing", undefined, "ok"],
    ["a list", [1, 2], "[1,2]"],
  ])("gives back %s", async (_, value, text) => {
    const { output, item } = await callWeather(() => value);
    expect(output).toBe(text);
    expect(item).toMatchObject({ status: "completed", success: true });
  });

  test("gives back a picture", async () => {
    const { request, callId } = await callWeather(() => ({ type: "image", image: PIXEL }));
    const output = request?.input.find((item) => item["call_id"] === callId && "output" in item);
    expect(output?.["output"]).toMatchObject([{ type: "input_image", image_url: PIXEL }]);
  });

  test("with arguments that do not conform is not executed: the model reads what is wrong", async () => {
    verifies("tool-failures");
    const execute = vi.fn(() => "never");
    const { output, item } = await callWeather(execute, { city: "P", days: "two" });
    expect(execute).not.toHaveBeenCalled();
    expect(output).toMatch(/weather[^]*- city: [^]*- days: /);
    expect(item).toMatchObject({ status: "failed", success: false });
  });

  test.each<[string, () => Promise<string>, string]>([
    ["rejects", () => Promise.reject(new Error("The station is closed.")), "weather failed: The station is closed."],
    [
      "throws",
      () => {
        throw new Error("No network.");
      },
      "weather failed: No network.",
    ],
  ])("that %s fails for the model, and the turn goes on", async (_, execute, text) => {
    verifies("tool-failures");
    const { output, item } = await callWeather(execute);
    expect(output).toBe(text);
    expect(item).toMatchObject({ status: "failed", success: false });
  });

  test("that takes longer than its timeoutMs fails for the model; its signal fires", async () => {
    verifies("tool-failures");
    const signals: AbortSignal[] = [];
    const slow = tool({
      name: "slow",
      description: "Waits.",
      // Checked without loading anything, which could take longer than the time there is.
      parameters: z.object({}),
      timeoutMs: 30,
      execute: (_, { signal }) => {
        signals.push(signal);
        return new Promise<string>(() => {});
      },
    });
    const thread = await threadOf({ tools: [slow] }, toolCall("slow", {}, { callId: "timed" }), message("Done."));
    await thread.run("Go.");
    expect(bench.requestsOf(thread)[1]?.toolOutput("timed")).toBe("slow timed out after 30 ms.");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test("called twice in one response runs side by side", async () => {
    const both = gate();
    let running = 0;
    const execute = async ({ city }: { city: string }) => {
      if (++running === 2) both.open();
      await both.opened;
      return city;
    };
    const calls = ["Paris", "Rome"].map((city) => toolCall("weather", { city }, { callId: `in-${city}` }));
    const thread = await threadOf({ tools: [weather(execute)] }, step(...calls), message("Done."));
    await thread.run("Go.");
    const request = bench.requestsOf(thread)[1];
    expect(["in-Paris", "in-Rome"].map((id) => request?.toolOutput(id))).toEqual(["Paris", "Rome"]);
  });

  test("in a group is called by its namespace, and not mixed up with another of its name", async () => {
    const tools = [toolGroup("north", "The north.", [weather(() => "cold")]), weather(() => "mild")];
    const thread = await threadOf(
      { tools },
      toolCall("weather", { city: "Oslo" }, { namespace: "north", callId: "north" }),
      toolCall("weather", { city: "Rome" }, { callId: "plain" }),
      message("Done."),
    );
    await thread.run("Go.");
    const request = bench.requestsOf(thread)[2];
    expect(["north", "plain"].map((id) => request?.toolOutput(id))).toEqual(["cold", "mild"]);
    expect(request?.toolNames()).toEqual(expect.arrayContaining(["weather", "north.weather"]));
  });

  test("gives back texts and pictures side by side, and what MCP tools give", async () => {
    verifies("tool-results");
    const data = PIXEL.slice(PIXEL.indexOf(",") + 1);
    const results: ToolResult[] = [
      ["The chart:", { type: "image", image: PIXEL }],
      [
        { type: "text", text: "The chart:" },
        { type: "image", image: Buffer.from(data, "base64") },
      ],
      {
        content: [
          { type: "text", text: "The chart:" },
          { type: "image", data, mimeType: "image/png" },
        ],
      },
    ];
    for (const result of results) {
      const { request, callId } = await callWeather(() => result);
      const output = request?.input.find((item) => item["call_id"] === callId && "output" in item);
      expect(output?.["output"]).toMatchObject([
        { type: "input_text", text: "The chart:" },
        { type: "input_image", image_url: PIXEL },
      ]);
    }
    const { output, item } = await callWeather(() => ({ content: [{ type: "text", text: "No." }], isError: true }));
    expect([output, item?.success]).toEqual(["No.", false]);
  });

  test("that gives what is no result fails with what to return, and the developer is told", async () => {
    verifies("tool-results");
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_: object, message: string) => void warnings.push(message),
    };
    await using codex = new Codex({ ...bench.codexOptions, logger });
    const thread = await codex.startThread({ ephemeral: true, tools: [weather(() => new Blob(["x"]))] });
    bench.script(thread, toolCall("weather", { city: "Paris" }, { callId: "blob" }), message("Done."));
    const result = await thread.run("Go.");
    expect(itemsOf(result, "dynamicToolCall")[0]?.success).toBe(false);
    const hint = 'the result is a Blob, which is not JSON. Return { type: "image", image: bytes }';
    expect(bench.requestsOf(thread)[1]?.toolOutput("blob")).toContain(`weather failed: ${hint}`);
    expect(warnings).toEqual([expect.stringContaining(`A result of the tool weather was not sent: ${hint}`)]);
  });

  const named = (name: string) => tool({ name, description: "Mine.", parameters: z.object({}), execute: () => "mine" });

  test("with a name of the runtime's own tools is refused, and in a group it is called", async () => {
    verifies("tool-names");
    const thread = await threadOf({ approvalMode: "ask" }, message("Hi."));
    await thread.run("Hi");
    const own = (bench.requestsOf(thread)[0]?.toolNames() ?? []).filter((name) => !name.includes("."));
    expect(own).toEqual(expect.arrayContaining(["exec_command", "view_image", "request_user_input", "get_goal"]));
    const others = ["update_plan", "web_search", "shell_command", "read_mcp_resource", "mcp__x"];
    for (const name of [...own, ...others]) {
      const error = await rejection(bench.codex.startThread({ tools: [named(name)] }), UsageError);
      expect(error.message).toContain(`The tool "${name}" would never be called`);
    }
    for (const name of ["view_image", "exec_command"]) {
      const call = toolCall(name, {}, { namespace: "crm", callId: `grouped-${name}` });
      const grouped = await threadOf({ tools: [toolGroup("crm", "Mine.", [named(name)])] }, call, message("Done."));
      await grouped.run("Go.");
      expect(bench.requestsOf(grouped)[1]?.toolOutput(`grouped-${name}`)).toBe("mine");
    }
    for (const name of ["multi_agent_v1", "collaboration", "web", "functions", "mcp__x"]) {
      expect(() => toolGroup(name, "Mine.", [named("look")])).toThrow(UsageError);
    }
  });

  test("needs the experimental part of the protocol", async () => {
    await using plain = new Codex({ ...bench.codexOptions, experimentalApi: false });
    await rejection(plain.startThread({ tools: [weather(() => "x")] }), UsageError);
  });
});

test("a resumed thread: its tools are attached again, or answered as unavailable with a report", async () => {
  verifies("resumed-tools");
  await using first = await startTestCodex();
  const call = (callId: string) => [toolCall("weather", { city: "Paris" }, { callId }), message("Done.")];
  first.model.enqueue(...call("one"), ...call("two"), ...call("three"));
  const started = await first.codex.startThread({ tools: [weather(() => "sunny")] });
  await started.run("Go.");
  await first.codex.close();
  const reports: HandlerErrorEvent["params"][] = [];
  const outputOf = (callId: string) => first.model.requests.map((request) => request.toolOutput(callId)).find(Boolean);

  await using second = new Codex(first.codexOptions);
  await (await second.resumeThread(started.id, { tools: [weather(() => "rainy")] })).run("Again.");
  await second.close();
  await using third = new Codex(first.codexOptions);
  third.on("handlerError", ({ params }) => void reports.push(params));
  const resumed = await third.resumeThread(started.id);
  expect((await resumed.run("Again.")).finalResponse).toBe("Done.");
  expect([outputOf("one"), outputOf("two")]).toEqual(["sunny", "rainy"]);
  expect(outputOf("three")).toContain("not available");
  expect(reports).toMatchObject([{ request: "item/tool/call", threadId: started.id }]);
});

/** A server of two tools: one that asks for approval, and one that puts a form before the user. */
const SERVER = `
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
const text = (value) => ({ content: [{ type: "text", text: value }] });
const inputSchema = { type: "object", properties: {} };
let asking;
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params, result } = JSON.parse(line);
  if (method === "initialize") {
    const serverInfo = { name: "probe", version: "1" };
    send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  } else if (method === "tools/list") {
    const form = { name: "form", description: "Asks.", inputSchema, annotations: { readOnlyHint: true } };
    send({ id, result: { tools: [{ name: "plain", description: "Acts.", inputSchema }, form] } });
  } else if (method === "tools/call" && params.name === "plain") {
    send({ id, result: text("done") });
  } else if (method === "tools/call") {
    asking = id;
    const requestedSchema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
    send({ id: "form-1", method: "elicitation/create", params: { message: "Your name?", requestedSchema } });
  } else if (id === "form-1") {
    send({ id: asking, result: text(JSON.stringify(result)) });
  } else if (id !== undefined) {
    send({ id, result: {} });
  }
});
`;

describe("an MCP server", () => {
  const call = (name: string, callId: string) => toolCall(name, {}, { namespace: "mcp__probe", callId });

  async function withServer(handlers: Handlers, ...steps: Part[]): Promise<Thread> {
    const path = join(bench.workspace, "server.cjs");
    await writeFile(path, SERVER);
    const config = { mcp_servers: { probe: { command: process.execPath, args: [path] } } };
    return threadOf({ config, handlers, approvalMode: "ask" }, ...steps);
  }

  test.each<[McpToolDecision, number, string]>([
    ["accept", 2, "done"],
    ["acceptForSession", 1, "done"],
    ["decline", 2, "rejected"],
    ["cancel", 2, "cancelled"],
  ])("its tool asks approveMcpTool: %s", async (decision, times, output) => {
    const approveMcpTool = vi.fn((_request: McpToolApprovalRequest) => decision);
    const answerElicitation = vi.fn(() => "decline" as const);
    const handlers = { approveMcpTool, answerElicitation };
    const [first, second] = [`mcp-${count++}`, `mcp-${count++}`];
    const thread = await withServer(handlers, call("plain", first), call("plain", second), message("Done."));
    expect((await thread.run("Go.")).finalResponse).toBe("Done.");
    expect(approveMcpTool).toHaveBeenCalledTimes(times);
    expect(approveMcpTool.mock.calls[0]?.[0]).toMatchObject({
      threadId: thread.id,
      serverName: "probe",
      environmentId: null,
      toolName: "plain",
      toolDescription: "Acts.",
      toolArguments: {},
      message: expect.stringContaining("plain"),
      persist: ["session", "always"],
    });
    expect(bench.requestsOf(thread)[2]?.toolOutput(second)).toContain(output);
    expect(answerElicitation).not.toHaveBeenCalled();
  });

  test("its tool is decided by mcp rules", async () => {
    verifies("mcp-rules");
    const decisions: ApprovalRuleDecision[] = [];
    const { approveMcpTool } = approvalRules({
      mcp: { allow: [{ server: "probe", tool: "pl*" }], deny: [{ server: "probe", environmentId: "elsewhere" }] },
      onDecision: (decision) => void decisions.push(decision),
    });
    const callId = `mcp-${count++}`;
    const thread = await withServer({ approveMcpTool }, call("plain", callId), message("Done."));
    await thread.run("Go.");
    expect(bench.requestsOf(thread)[1]?.toolOutput(callId)).toContain("done");
    expect(decisions).toMatchObject([
      { kind: "mcpTool", decision: "accept", by: "rule", environmentId: null, threadId: thread.id },
    ]);
  });

  test("acceptAlways is kept for the threads that follow", async () => {
    // It is kept in the configuration file, so only for a server that is configured there.
    const extraConfig = { mcp_servers: { probe: { command: process.execPath, args: ["-e", SERVER] } } };
    await using own = await startTestCodex({ extraConfig });
    const approveMcpTool = vi.fn(() => "acceptAlways" as const);
    const options = { handlers: { approveMcpTool }, approvalMode: "ask" } as const;
    own.model.enqueue(call("plain", "first"), message("Done."), call("plain", "second"), message("Done."));
    for (const callId of ["first", "second"]) {
      const thread = await own.codex.startThread(options);
      await thread.run("Go.");
      expect(own.model.requests.at(-1)?.toolOutput(callId)).toContain("done");
    }
    expect(approveMcpTool).toHaveBeenCalledTimes(1);
    expect(await readFile(join(own.codexHome, "config.toml"), "utf8")).toMatch(/mcp_servers\.probe\.tools\.plain/);
  });

  test("a form of its own asks answerElicitation, and the answer reaches the server", async () => {
    verifies("forms-and-questions");
    const asked: ElicitationRequest[] = [];
    const handlers: Handlers = {
      approveMcpTool: () => "accept",
      answerElicitation: (request) => {
        asked.push(request);
        return { action: "accept", content: { name: "Ada" } };
      },
    };
    const thread = await withServer(handlers, call("form", "form"), message("Done."));
    await thread.run("Go.");
    expect(asked).toMatchObject([{ serverName: "probe", mode: "form", message: "Your name?" }]);
    const output = bench.requestsOf(thread)[1]?.toolOutput("form") ?? "";
    expect(output.replaceAll("\\", "")).toContain('"content":{"name":"Ada"}');
  });

  test("nobody decides: the tool is not called, and it is reported", async () => {
    const thread = await withServer({}, call("plain", "undecided"), message("Done."));
    const report = declined(thread);
    expect((await thread.run("Go.")).finalResponse).toBe("Done.");
    expect((await report).request).toBe("mcpServer/elicitation/request");
    expect(bench.requestsOf(thread)[1]?.toolOutput("undecided")).toContain("rejected");
  });
});

describe("other questions of the runtime", () => {
  const options = [{ label: "A", description: "The first." }];
  const question = { id: "q1", header: "Pick", question: "Which one?", options };

  test("answerQuestions answers request_user_input", async () => {
    verifies("forms-and-questions");
    const answerQuestions = vi.fn(() => ({ q1: "A" }));
    const ask = toolCall("request_user_input", { questions: [question] }, { callId: "questions" });
    const thread = await threadOf({ handlers: { answerQuestions } }, ask, message("Done."));
    expect((await thread.run("Go.")).finalResponse).toBe("Done.");
    expect(answerQuestions).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ questions: [expect.objectContaining(question)] }),
      expect.anything(),
    );
    const output = bench.requestsOf(thread)[1]?.toolOutput("questions") ?? "";
    expect(JSON.parse(output)).toMatchObject({ answers: { q1: { answers: ["A"] } } });
  });

  test("approvePermissions grants what it wants", async () => {
    const approvePermissions = vi.fn<NonNullable<Handlers["approvePermissions"]>>(({ permissions: { network } }) => ({
      permissions: network === null ? {} : { network },
    }));
    const wanted = { network: { enabled: true }, file_system: { write: [bench.codexHome] } };
    const ask = toolCall("request_permissions", { reason: "Needed.", permissions: wanted }, { callId: "permissions" });
    const thread = await threadOf({ handlers: { approvePermissions } }, ask, message("Done."));
    await thread.run("Go.");
    expect(approvePermissions).toHaveBeenCalledTimes(1);
    const output: unknown = JSON.parse(bench.requestsOf(thread)[1]?.toolOutput("permissions") ?? "");
    expect(output).toMatchObject({ permissions: { network: { enabled: true } }, scope: "turn" });
    expect(JSON.stringify(output)).not.toContain(bench.codexHome);
  });

  test("nobody answers: no answers, and a report", async () => {
    const ask = toolCall("request_user_input", { questions: [question] }, { callId: "unanswered" });
    const thread = await threadOf({ approvalMode: "ask" }, ask, message("Done."));
    const report = declined(thread);
    await thread.run("Go.");
    expect((await report).request).toBe("item/tool/requestUserInput");
    expect(JSON.parse(bench.requestsOf(thread)[1]?.toolOutput("unanswered") ?? "")).toMatchObject({ answers: {} });
  });
});
