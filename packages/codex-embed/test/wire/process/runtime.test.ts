/** The tests of the launch layer against the pinned runtime. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ConfigObject, configOverrides } from "../../../src/process/config.js";
import { planLaunch } from "../../../src/process/launch.js";
import { locateRuntime } from "../../../src/process/locate.js";
import { Lines, startFixture, temporaryFolder } from "./children.js";

const located = locateRuntime({ env: {} });

/** What the runtime makes of a configuration, as far as it shows it. */
async function mcpServers(config: ConfigObject, configToml = ""): Promise<unknown> {
  const codexHome = await temporaryFolder();
  writeFileSync(join(codexHome, "config.toml"), configToml);
  const overrides = configOverrides(config).flatMap((override) => ["-c", override]);
  const { stdout, status, stderr } = spawnSync(located.command, ["mcp", "list", "--json", ...overrides], {
    encoding: "utf8",
    env: { ...process.env, CODEX_HOME: codexHome },
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const servers: { name: string; transport: Record<string, unknown> }[] = JSON.parse(stdout);
  return Object.fromEntries(servers.map(({ name, transport }) => [name, transport]));
}

describe("the pinned runtime", () => {
  it("takes a key with dots, text of any kind, and the siblings of both", async () => {
    const text = 'a "quoted" \\ back\tslash\u0001\u007f é 😀 \u2028 = [x] #';
    const config = {
      mcp_servers: { "a.b": { command: "echo", args: [text], env: { "X Y.Z": "1" } }, plain: { command: "true" } },
    };
    expect(await mcpServers(config)).toMatchObject({
      "a.b": { command: "echo", args: [text], env: { "X Y.Z": "1" } },
      plain: { command: "true" },
    });
  });

  it("adds overrides of both forms to what the user's file has", async () => {
    const file = '[mcp_servers.base]\ncommand = "base"\n';
    const dotted = await mcpServers({ mcp_servers: { more: { command: "more" } } }, file);
    expect(dotted).toMatchObject({ base: { command: "base" }, more: { command: "more" } });
    const inline = await mcpServers({ mcp_servers: { "m.ore": { command: "more" } } }, file);
    expect(inline).toMatchObject({ base: { command: "base" }, "m.ore": { command: "more" } });
  });

  it("takes a planned launch, answers, and ends politely", async () => {
    const codexHome = join(await temporaryFolder(), "new", "home");
    const request = planLaunch({
      located,
      codexHome,
      config: { model: "from-config", sandbox_workspace_write: { network_access: true } },
      configOverrides: ['model="from-override"'],
      enable: ["shell_tool"],
      disable: ["plugins"],
      strictConfig: true,
      env: { RUST_LOG: "off" },
    });
    const agent = await startFixture(request, { graceMs: 5_000 });
    const lines = new Lines(agent.stdout);
    const clientInfo = { name: "test", title: null, version: "1" };
    agent.stdin.write(`${JSON.stringify({ id: 1, method: "initialize", params: { clientInfo } })}\n`);
    expect(await lines.answer(1)).toMatchObject({ id: 1, result: { codexHome } });
    agent.stdin.write(`${JSON.stringify({ id: 2, method: "config/read", params: {} })}\n`);
    expect(await lines.answer(2)).toMatchObject({
      id: 2,
      result: { config: { model: "from-override", sandbox_workspace_write: { network_access: true } } },
    });
    expect(await agent.shutdown()).toEqual({ exitCode: 0, signal: null });
  });

  it("still takes no profile for its app-server, which is why the SDK reads it", async () => {
    const env = { ...process.env, CODEX_HOME: await temporaryFolder() };
    const { status, stderr } = spawnSync(located.command, ["--profile", "work", "app-server"], {
      encoding: "utf8",
      env,
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain("--profile only applies to");
  });
});
