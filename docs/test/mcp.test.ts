/** The real runtime takes the configuration that docs/mcp.md shows, and the real server returns the result there. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Codex } from "codex-embed";
import { createTestHome, message, step, usage } from "codex-embed/testing";
import { parse } from "smol-toml";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectTo, McpHome, outcomeOf, serve } from "../../packages/mcp-server/test/support/mcp.js";
import { readPages } from "./support/pages.js";
import { isObject } from "./support/sample.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const page = readPages().find(({ path }) => path === "docs/mcp.md");

/** The only block of its language. */
function shown(language: string): string {
  const [block, ...others] = page?.blocks.filter((one) => one.language === language) ?? [];
  if (block === undefined || others.length > 0) throw new Error(`The page has not one block of ${language}.`);
  return block.text;
}

let home: McpHome;
beforeAll(async () => {
  home = await McpHome.create();
});
afterAll(() => home.close());

test("the runtime reads the servers of the configuration as they are written", async () => {
  verifies("docs-mcp");
  await using own = await createTestHome({ model: home.model });
  const path = join(own.codexHome, "config.toml");
  await writeFile(path, `${await readFile(path, "utf8")}\n${shown("toml")}`);
  const { codexHome, workspace, env } = own;
  await using codex = new Codex({ codexHome, cwd: workspace, env, inheritEnv: false, strictConfig: true });

  const { config } = await codex.request("config/read", { includeLayers: false });
  const { mcp_servers: servers } = parse(shown("toml"));
  if (!isObject(servers)) throw new Error("The block configures no servers.");
  expect(Object.keys(servers)).toEqual(["codex", "codex_http"]);
  expect(config["mcp_servers"]).toMatchObject(servers);
});

test("a call returns the structured result that is shown", async () => {
  const { content, ...rest }: { content: string; usage: Record<string, number> } = JSON.parse(shown("json"));
  const { inputTokens: input = 0, cachedInputTokens: cached = 0, outputTokens: output = 0 } = rest.usage;
  home.model.enqueue(step(message(content), usage({ input, cached, output })));
  const server = await serve(home);
  const client = await connectTo(server.url);
  try {
    const outcome = outcomeOf(await client.callTool({ name: "codex", arguments: { prompt: "Go." } }));
    expect(outcome).toEqual({ content, ...rest, threadId: outcome.threadId });
    // What is shown of an id is its beginning.
    const id = /^[0-9a-f]{8}-/;
    expect(outcome.threadId).toMatch(id);
    expect(rest).toMatchObject({ threadId: expect.stringMatching(id) });
  } finally {
    await client.close();
    await server.close();
  }
});
