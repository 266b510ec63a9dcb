/** Owns the unit tests of the command `mcp`: what it makes of its flags, and when it ends. */

import { once } from "node:events";
import type { McpHandle, McpHttpOptions } from "@codex-embed/mcp-server";
import { describe, expect, it } from "vitest";
import { type McpServers, mcpCommand } from "../../../src/cli/mcp.js";
import { runProgram } from "../../../src/cli/program.js";
import { verifies } from "../../support/verifies.js";
import { keptStreams } from "./streams.js";

/** Servers that only remember what they were started with, and end when they are closed, or at once. */
function servers(options: { endsAtOnce: boolean }) {
  const started: (readonly [kind: string, options: McpHttpOptions])[] = [];
  let closes = 0;
  const server = (): Pick<McpHandle, "closed" | "close"> => {
    let settle = (): void => {};
    const closed = new Promise<void>((resolve) => (settle = resolve));
    if (options.endsAtOnce) settle();
    const close = async (): Promise<void> => {
      closes += 1;
      settle();
    };
    return { closed, close };
  };
  const load = async (): Promise<McpServers> => ({
    serveMcpStdio: async (given) => {
      started.push(["stdio", given]);
      return server();
    },
    serveMcpHttp: async (given) => {
      started.push(["http", given]);
      return { ...server(), url: "http://127.0.0.1:1/mcp", tokenFile: given.tokenFile ?? "/tmp/token" };
    },
  });
  return { started, closes: () => closes, command: mcpCommand(load) };
}

async function mcp(args: readonly string[], options: { endsAtOnce: boolean; tty?: boolean } = { endsAtOnce: true }) {
  const { started, closes, command } = servers(options);
  const { streams, stdout, stderr } = keptStreams({ tty: options.tty === true });
  const code = await runProgram(["mcp", ...args], streams, [command]);
  return { code, started, closes: closes(), stdout: stdout(), stderr: stderr() };
}

describe("codex-embed mcp", () => {
  it("serves on stdin and stdout, without a word on them, until the client ends it", async () => {
    const { code, started, stdout, stderr, closes } = await mcp([]);
    expect({ code, stdout, stderr, closes }).toEqual({ code: 0, stdout: "", stderr: "", closes: 0 });
    expect(started).toMatchObject([["stdio", { maxSandbox: undefined, approvalMode: undefined }]]);
    expect(started[0]?.[1]).not.toHaveProperty("roots");
  });

  it("tells a person at a terminal what it waits for", async () => {
    const { stdout, stderr } = await mcp([], { endsAtOnce: true, tty: true });
    expect({ stdout, stderr }).toEqual({
      stdout: "",
      stderr: "Waiting for an MCP client on stdin. Press Ctrl-C to stop.\n",
    });
  });

  it("passes on what its flags say", async () => {
    const narrow = ["--max-sandbox", "workspace-write", "-a", "deny_all", "--root", "/a", "--root", "/b"];
    const runtime = [
      "--deadline",
      "1.5",
      "--cwd",
      "/a",
      "-c",
      "model=1",
      "--codex-home",
      "/home",
      "--codex-bin",
      "/bin",
    ];
    const { started } = await mcp([...narrow, ...runtime]);
    expect(started).toMatchObject([
      [
        "stdio",
        {
          maxSandbox: "workspace-write",
          approvalMode: "deny_all",
          roots: ["/a", "/b"],
          deadlineMs: 1_500,
          codex: { cwd: "/a", configOverrides: ["model=1"], codexHome: "/home", codexBin: "/bin" },
        },
      ],
    ]);
  });

  it("writes the log to stderr, with the reasons that callers are referred to", async () => {
    const { started, command } = servers({ endsAtOnce: true });
    const { streams, stdout, stderr } = keptStreams();
    await runProgram(["mcp"], streams, [command]);
    const logger = started[0]?.[1].logger;
    logger?.info({ port: 1 }, "Not this.");
    logger?.error({ code: "SPAWN_FAILED", reason: "One.\n\u001b[2JTwo." }, "The agent runtime could not be started.");
    logger?.warn({ exitCode: 3, signal: null, stderrTail: "" }, "It ended.");
    expect(stdout()).toBe("");
    expect(stderr()).toBe(
      "The agent runtime could not be started.\n  code: SPAWN_FAILED\n  reason: One.\n  Two.\nIt ended.\n  exitCode: 3\n",
    );
  });

  it.each([
    [["--http"], 0, undefined],
    [["--http=8080", "--token-file", "/t"], 8080, "/t"],
  ])("%j serves over HTTP and tells where", async (args, port, tokenFile) => {
    const { code, started, stdout, stderr } = await mcp(args);
    expect(started).toMatchObject([["http", { port, tokenFile }]]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "http://127.0.0.1:1/mcp\n" });
    expect(stderr).toBe(`The token is in ${tokenFile ?? "/tmp/token"}\n`);
  });

  it.each([
    [["--http", "8080"], "Unexpected argument: 8080. Write a port as --http=8080."],
    [["--http=99999"], '--http is "99999"; it must be a port from 0 to 65535.'],
    [["--http=eighty"], '--http is "eighty"; it must be a port from 0 to 65535.'],
    [["--token-file", "/t"], "--token-file needs --http."],
    [["--max-sandbox", "full"], '--max-sandbox is "full"; it must be one of read-only, workspace-write, full-access.'],
    [["--sandbox", "read-only"], "Unknown flag --sandbox."],
    [["serve"], "Unexpected argument: serve."],
  ])("refuses %j", async (args, message) => {
    const { code, started, stderr } = await mcp(args);
    expect({ code, started }).toEqual({ code: 2, started: [] });
    expect(stderr).toContain(`codex-embed mcp: ${message}`);
  });

  it("says how to install its package if that is missing, and hides no other failure", async () => {
    verifies("mcp-package");
    const failing = async (error: Error) => {
      const { streams, stderr } = keptStreams();
      const code = await runProgram(["mcp"], streams, [mcpCommand(() => Promise.reject(error))]);
      return { code, stderr: stderr() };
    };
    const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    expect(await failing(missing)).toEqual({
      code: 2,
      stderr:
        "codex-embed mcp: @codex-embed/mcp-server is not installed (Cannot find package). " +
        "Run: npm install @codex-embed/mcp-server\nSee: codex-embed mcp --help\n",
    });
    expect(await failing(new Error("A bug."))).toEqual({ code: 1, stderr: "\nError: A bug.\n" });
  });

  it.skipIf(process.platform === "win32")("closes the server on SIGTERM", async () => {
    const { started, closes, command } = servers({ endsAtOnce: false });
    const { streams, stderr } = keptStreams();
    const code = runProgram(["mcp", "--http"], streams, [command]);
    await once(streams.stderr, "data");
    process.emit("SIGTERM");
    expect(await code).toBe(143);
    expect({ started: started.length, closes: closes() }).toEqual({ started: 1, closes: 1 });
    expect(stderr()).toContain("\nTerminated.\n");
  });
});
