import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { createTestHome, message, ScriptedModel } from "codex-embed/testing";
import { expect, test } from "vitest";
import { PROGRAM } from "../../support/cli.js";

test("a client starts it on stdio, and runs a task by its tool", async () => {
  const model = await ScriptedModel.start();
  const home = await createTestHome({ model });
  model.enqueue(message("Done."));
  const client = new Client({ name: "test", version: "1" });
  const args = [...PROGRAM, "mcp", "--cwd", home.workspace, "--codex-home", home.codexHome];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env: { ...home.env } }));
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["codex", "codex-reply"]);
    const result = await client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    expect(result.structuredContent).toMatchObject({ threadId: expect.any(String), content: "Done." });
  } finally {
    await client.close();
    await home.dispose();
    await model.close();
  }
});
