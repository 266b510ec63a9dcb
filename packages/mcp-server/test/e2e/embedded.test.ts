/** The tools inside of an MCP server of a program's own: several connections, one runtime. */

import { createCodexMcp } from "@codex-embed/mcp-server";
import { InMemoryTransport } from "@modelcontextprotocol/client";
import { UsageError } from "codex-embed";
import { message } from "codex-embed/testing";
import { expect, test } from "vitest";
import { descendants, leavesNothing } from "../../../codex-embed/test/support/leaks.js";
import { clientWith, McpHome, outcomeOf } from "../support/mcp.js";

test("each server is a connection, and all share one runtime and its threads", async () => {
  const home = await McpHome.create();
  await leavesNothing(async () => {
    const before = descendants();
    await using mcp = await createCodexMcp({ ...home.options, serverName: "mine" });
    const [one, two] = await Promise.all(
      [1, 2].map(async () => {
        const [near, far] = InMemoryTransport.createLinkedPair();
        const server = mcp.createServer();
        server.registerTool("own", { description: "One of the program's own." }, () => ({
          content: [{ type: "text", text: "own" }],
        }));
        await server.connect(far);
        const client = clientWith();
        await client.connect(near);
        return client;
      }),
    );
    expect(one?.getServerVersion()).toMatchObject({ name: "mine", title: "Codex" });
    expect((await one?.listTools())?.tools.map(({ name }) => name)).toEqual(["codex", "codex-reply", "own"]);
    expect(descendants()).toEqual(before);

    home.model.enqueue(message("From one."), message("From two."));
    const first = await one?.callTool({ name: "codex", arguments: { prompt: "One." } });
    const threadId = first === undefined ? "" : outcomeOf(first).threadId;
    await one?.close();
    const second = await two?.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Two." } });
    expect(second && outcomeOf(second)).toMatchObject({ threadId, content: "From two." });

    await mcp.close();
    const late = await two?.callTool({ name: "codex", arguments: { prompt: "Late." } });
    expect(JSON.stringify(late)).toContain("This server is closing.");
    await two?.close();
  });
  await home.close();
});

test("a runtime that cannot be started is told of in the result, and to the operator why", async () => {
  const logged: string[] = [];
  const log = (fields: object): void => void logged.push(JSON.stringify(fields));
  const logger = { debug: log, info: log, warn: log, error: log };
  await using mcp = await createCodexMcp({ codex: { codexBin: "/no/such/codex" }, logger });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await mcp.createServer().connect(far);
  const client = clientWith();
  await client.connect(near);
  const result = await client.callTool({ name: "codex", arguments: { prompt: "A secret prompt." } });
  expect(result.isError).toBe(true);
  expect(JSON.stringify(result)).toContain("could not be started (BINARY_NOT_FOUND)");
  expect(JSON.stringify(result)).not.toContain("/no/such/codex");
  expect(logged.join()).toContain("/no/such/codex");
  expect(logged.join()).not.toContain("secret prompt");
  await client.close();
});

test("options that cannot work are refused before anything is there", async () => {
  const refused = await createCodexMcp({ heartbeatMs: 0 }).catch((error: unknown) => error);
  expect(UsageError.isInstance(refused) && refused.message).toContain("heartbeatMs is 0");
});
