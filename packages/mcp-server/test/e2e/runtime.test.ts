/** The pinned runtime as the client: a Codex that calls our server, behind which another Codex works. */

import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { McpHttpHandle } from "@codex-embed/mcp-server";
import type { ConfigObject, ElicitationRequest, Handlers, McpToolApprovalRequest, Thread } from "codex-embed";
import { message, type Part, shell, startTestCodex, type TestCodex, toolCall } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { McpHome, serve, stdioCommand, TOKEN } from "../support/mcp.js";

let inner: McpHome;
let server: McpHttpHandle;
beforeAll(async () => {
  inner = await McpHome.create();
  server = await serve(inner);
});
afterAll(async () => {
  await server.close();
  await inner.close();
});

const transports: Readonly<Record<string, () => ConfigObject>> = {
  "over HTTP, with the token in a header": () => ({
    url: server.url,
    http_headers: { Authorization: `Bearer ${TOKEN}` },
  }),
  "over HTTP, with the token in the environment": () => ({ url: server.url, bearer_token_env_var: "INNER_TOKEN" }),
  "over stdio": () => ({ ...stdioCommand(inner) }),
};

const call = (name: string, args: object, callId: string): Part =>
  toolCall(name, args, { namespace: "mcp__codex", callId });

describe.each(Object.keys(transports))("%s", (name) => {
  let outer: TestCodex;
  beforeAll(async () => {
    const config = { mcp_servers: { codex: { startup_timeout_sec: 30, ...transports[name]?.() } } };
    outer = await startTestCodex({ extraConfig: config, env: { INNER_TOKEN: TOKEN }, sandbox: "workspace-write" });
  });
  afterAll(() => outer.close());

  /** Starts a thread whose server is there: a turn that begins before that goes without its tools. */
  async function startThread(handlers: Handlers): Promise<Thread> {
    const ready = new Set<string | null>();
    const news = new EventEmitter();
    using _ = outer.codex.on("mcpServer/startupStatus/updated", ({ params: { threadId, status } }) => {
      if (status === "ready") ready.add(threadId);
      news.emit("status");
    });
    const thread = await outer.codex.startThread({ handlers, approvalMode: "ask" });
    while (!ready.has(thread.id)) await once(news, "status");
    return thread;
  }

  /** Runs a turn of the outer agent. A stdio server belongs to one thread, so that a reply needs the same one. */
  async function run(handlers: Handlers, ...steps: Part[]): Promise<void> {
    await runOn(await startThread(handlers), ...steps);
  }

  async function runOn(thread: Thread, ...steps: Part[]): Promise<void> {
    outer.model.enqueue(...steps);
    const result = await thread.run("Ask the other one.");
    expect(result.finalResponse).toBe("Done.");
    outer.model.assertComplete();
  }

  const told = (callId: string) => outer.model.requests.at(-1)?.toolOutput(callId) ?? "";

  test("the tool runs when its call is approved, and the thread id comes back with the answer", async () => {
    const asked: McpToolApprovalRequest[] = [];
    const approveMcpTool: Handlers["approveMcpTool"] = (request) => {
      asked.push(request);
      return "accept";
    };
    const thread = await startThread({ approveMcpTool });
    inner.model.enqueue(message("I am the inner one."));
    await runOn(thread, call("codex", { prompt: "Who are you?" }, "first"), message("Done."));
    expect(asked).toMatchObject([
      { serverName: "codex", toolName: "codex", toolArguments: { prompt: "Who are you?" } },
    ]);
    expect(inner.model.requests.at(-1)?.lastUserText()).toBe("Who are you?");
    expect(told("first")).toContain("I am the inner one.");
    const threadId = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(told("first"))?.[0] ?? "";

    inner.model.enqueue(message("Still me."));
    // The runtime offers the tool to its model without the hyphen, and calls it by its name.
    await runOn(thread, call("codex_reply", { threadId, prompt: "And now?" }, "second"), message("Done."));
    expect(told("second")).toContain("Still me.");
    expect(asked[1]).toMatchObject({ toolName: "codex-reply" });
    expect(inner.model.requests.at(-1)?.userTexts()).toEqual(expect.arrayContaining(["Who are you?", "And now?"]));
  });

  test("what goes beyond the caps reaches the outer model as a refusal", async () => {
    const widest = { prompt: "Go.", sandbox: "danger-full-access" };
    await run({ approveMcpTool: () => "accept" }, call("codex", widest, "refused"), message("Done."));
    expect(told("refused")).toContain("goes beyond what this server allows: read-only at most");
  });

  test.each([
    ["accept", true],
    ["decline", false],
  ])("an approval of the inner agent is asked of the outer one's user: %s", async (decision, runs) => {
    const path = join(inner.home.codexHome, `outside-${name.length}-${decision}`);
    const asked: ElicitationRequest[] = [];
    const handlers: Handlers = {
      approveMcpTool: () => "accept",
      answerElicitation: (request) => {
        asked.push(request);
        return { action: "accept", content: { decision } };
      },
    };
    inner.model.enqueue(shell(`touch ${path}`, { escalate: { justification: "Needed." } }), message("Inner done."));
    await run(handlers, call("codex", { prompt: "Touch it." }, "ask"), message("Done."));
    expect(asked).toMatchObject([
      { mode: "form", serverName: "codex", message: expect.stringContaining(`touch ${path}`) },
    ]);
    expect(told("ask")).toContain("Inner done.");
    expect(existsSync(path)).toBe(runs);
  });
});
