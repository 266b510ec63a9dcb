/** Tests what the runtime refuses to read: it would answer none of it, on any transport, and let a turn hang for ever. */

import { fileURLToPath } from "node:url";
import {
  Codex,
  type HandlerErrorEvent,
  type Handlers,
  type StartThreadOptions,
  serveAppServer,
  type Thread,
  tool,
  toolGroup,
  UsageError,
} from "codex-embed";
import { message, startTestCodex, type TestCodex, toolCall } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nextNotification, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const CUT = "a 😀".slice(0, 3);
const REPAIRED = "a \ufffd";
const ASKING_SERVER = fileURLToPath(new URL("../fixtures/mcp/askingServer.cjs", import.meta.url));
const parameters = { type: "object", properties: {} };

const objects = (levels: number, inner: object = { type: "string" }): Record<string, unknown> =>
  levels === 0
    ? { ...inner }
    : { type: "object", properties: { a: objects(levels - 1, inner) }, required: ["a"], additionalProperties: false };
const nested = (levels: number): object => JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`);

let bench: TestCodex;
let remote: Codex;
let closeServer: () => Promise<void>;

beforeAll(async () => {
  bench = await startTestCodex({ handlers, extraConfig: { features: { default_mode_request_user_input: true } } });
  bench.model.respondWith(() => message("Ok."));
  const { codexHome, cwd, env, inheritEnv } = bench.codexOptions;
  const server = await serveAppServer({ codexHome, cwd, env, inheritEnv });
  closeServer = () => server.close();
  remote = await Codex.connect(server.url, { token: server.token, handlers });
});
afterAll(async () => {
  await remote.close();
  await closeServer();
  await bench.close();
});

const transports: [name: string, client: () => Codex][] = [
  ["stdio", () => bench.codex],
  ["WebSocket", () => remote],
];

let count = 0;

/** Runs a turn in which the model makes one call, and gives what it read as the result. */
async function outputOf(codex: Codex, options: StartThreadOptions, name: string, args: object = {}): Promise<string> {
  const callId = `call-${count++}`;
  const thread = await codex.startThread({ ephemeral: true, ...options });
  const own = bench.model.when((request) => request.threadId === thread.id);
  own.enqueue(toolCall(name, args, { callId }), message("Done."));
  expect((await thread.run("Go.")).finalResponse).toBe("Done.");
  const request = bench.model.requests.findLast(({ threadId }) => threadId === thread.id);
  return request?.toolOutput(callId) ?? "";
}

/** What the client's own handler answers to the call of a tool that is none of its thread's `tools`. */
let handled: unknown;
const handlers: Handlers = { callTool: () => untyped(handled) };

describe.each(transports)("over %s", (_, client) => {
  test.each<[what: string, use: (thread: Thread) => Promise<unknown>, where: string]>([
    ["an input", (thread) => thread.run(CUT), "turn/start was not sent: input[0].text contains"],
    ["a part of an input", (thread) => thread.run(["x", { type: "text", text: CUT }]), "input[1].text contains"],
    ["a name", (thread) => thread.setName(CUT), "thread/name/set was not sent: name contains"],
    ["an objective", (thread) => thread.startGoal(CUT), "was not sent: objective contains"],
    ["a command", (thread) => thread.runShellCommand(`echo ${CUT}`), "was not sent: command contains"],
    ["what is queued", (thread) => thread.queue.add(CUT), "was not sent: "],
    [
      "a name in an output schema",
      (thread) => thread.run("x", { outputSchema: { type: "object", properties: { [CUT]: { type: "string" } } } }),
      "turn/start was not sent: outputSchema.properties has a property whose name contains",
    ],
    [
      "an output schema that is nested too deep",
      (thread) => thread.run("x", { outputSchema: objects(63) }),
      "turn/start was not sent: outputSchema.properties.a.properties.a",
    ],
  ])("%s is refused before anything is sent, and the thread stays usable", async (_what, use, where) => {
    verifies("unreadable-input");
    const thread = await client().startThread();
    const error = await rejection(use(thread), UsageError);
    expect(error.message).toContain(where);
    expect(error.message).not.toContain(CUT);
    expect((await thread.run("Hi")).finalResponse).toBe("Ok.");
  });

  test("what is nested as deep as the runtime reads is answered, and a level more is refused", async () => {
    verifies("unreadable-input");
    const codex = client();
    const thread = (inputSchema: object) => ({
      ephemeral: true,
      dynamicTools: [
        {
          type: "function" as const,
          name: "deep",
          description: "d",
          inputSchema: JSON.parse(JSON.stringify(inputSchema)),
        },
      ],
    });
    await codex.request("thread/start", thread(objects(61)));
    await rejection(codex.request("thread/start", thread(objects(62))), UsageError);
    const make = (levels: number) =>
      tool({ name: "deep", description: "Deep.", parameters: objects(levels), execute: () => "ok" });
    await codex.startThread({ ephemeral: true, tools: [make(61), toolGroup("group", "Deep.", [make(60)])] });
    expect(() => make(62)).toThrow(UsageError);
    expect(() => toolGroup("group", "Deep.", [make(61)])).toThrow(UsageError);
    const turn = await (await codex.startThread({ ephemeral: true })).startTurn("x", { outputSchema: objects(62) });
    await turn.result().catch(() => {});
  });

  test.each<[what: string, execute: () => unknown, output: string]>([
    ["gives", () => CUT, REPAIRED],
    ["gives with its name", () => ({ [CUT]: CUT }), String.raw`{"a \ud83d":"a \ud83d"}`],
    [
      "throws",
      () => {
        throw new Error(CUT);
      },
      `look failed: ${REPAIRED}`,
    ],
  ])("half a character that a tool %s does not hold up the turn", async (_what, execute, output) => {
    verifies("unreadable-answer");
    const look = tool({ name: "look", description: "Looks.", parameters, execute: () => untyped(execute()) });
    expect(await outputOf(client(), { tools: [look] }, "look")).toBe(output);
  });

  test("half a character in the answer of a handler does not hold up the turn", async () => {
    verifies("unreadable-answer");
    const answering: Handlers = { answerQuestions: () => ({ q1: CUT }) };
    const options = [{ label: "A", description: "The first." }];
    const questions = [{ id: "q1", header: "Pick", question: "Which one?", options }];
    const output = await outputOf(client(), { handlers: answering }, "request_user_input", { questions });
    expect(JSON.parse(output)).toMatchObject({ answers: { q1: { answers: [REPAIRED] } } });
  });

  test.each<[what: string, extra: unknown, why: string]>([
    ["nested deeper than the runtime reads", nested(126), "is nested too deep"],
    ["a key that the runtime's reader keeps for itself", { "$serde_json::private::Number": "x" }, "whose name begins"],
  ])("an answer with %s is refused with the reason, and reported", async (_what, extra, why) => {
    verifies("unreadable-answer");
    const codex = client();
    const reports: HandlerErrorEvent["params"][] = [];
    using _subscription = codex.on("handlerError", ({ params }) => void reports.push(params));
    handled = { success: true, contentItems: [{ type: "inputText", text: "x" }], extra };
    const look = { type: "function", name: "look", description: "Looks.", inputSchema: parameters } as const;
    const { thread } = await codex.request("thread/start", { ephemeral: true, dynamicTools: [look] });
    const own = bench.model.when((request) => request.threadId === thread.id);
    own.enqueue(toolCall("look", {}, { callId: "handled" }), message("Done."));
    const ended = nextNotification(codex, "turn/completed", ({ threadId }) => threadId === thread.id);
    const input = [{ type: "text" as const, text: "Go.", text_elements: [] }];
    await codex.request("turn/start", { threadId: thread.id, input });
    expect((await ended).turn.status).toBe("completed");
    const request = bench.model.requests.findLast(({ threadId }) => threadId === thread.id);
    expect(request?.toolOutput("handled")).toContain(why);
    expect(reports).toMatchObject([
      { request: "item/tool/call", threadId: thread.id, error: { message: expect.stringContaining(why) } },
    ]);
  });

  test("a form that is filled in deeper than the runtime reads is declined, and reported", async () => {
    verifies("unreadable-answer");
    const codex = client();
    const reports: HandlerErrorEvent["params"][] = [];
    using _subscription = codex.on("handlerError", ({ params }) => void reports.push(params));
    const config = { mcp_servers: { asking: { command: process.execPath, args: [ASKING_SERVER] } } };
    const answering: Handlers = {
      approveMcpTool: () => "accept",
      answerElicitation: () => ({ action: "accept", content: JSON.parse(JSON.stringify(nested(126))) }),
    };
    const thread = await codex.startThread({ ephemeral: true, config, handlers: answering, approvalMode: "ask" });
    const own = bench.model.when((request) => request.threadId === thread.id);
    own.enqueue(toolCall("form", {}, { namespace: "mcp__asking", callId: "form" }), message("Done."));
    expect((await thread.run("Go.")).finalResponse).toBe("Done.");
    const request = bench.model.requests.findLast(({ threadId }) => threadId === thread.id);
    expect(request?.toolOutput("form")).toContain("decline");
    expect(reports).toMatchObject([{ request: "mcpServer/elicitation/request" }]);
  });
});

test("a result that is larger than a WebSocket connection takes is a failure that the model can read", async () => {
  const look = tool({ name: "look", description: "Looks.", parameters, execute: () => "ä".repeat(9 * 1024 * 1024) });
  expect(await outputOf(remote, { tools: [look] }, "look")).toMatch(
    /too large\. A WebSocket connection takes at most 16777216 bytes/,
  );
});
