/** The stdio server: a real program, spoken to by a real client and by hand, and what is left when it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { serveMcpStdio } from "@codex-embed/mcp-server";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { UsageError } from "codex-embed";
import { gate, message, shell } from "codex-embed/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { descendants, leavesNothing, until } from "../../../codex-embed/test/support/leaks.js";
import { verifies } from "../../../codex-embed/test/support/verifies.js";
import { clientWith, McpHome, outcomeOf, stdioCommand } from "../support/mcp.js";

let home: McpHome;
beforeAll(async () => {
  home = await McpHome.create();
});
afterAll(() => home.close());

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function connect(options: Parameters<typeof stdioCommand>[1] = {}) {
  const { command, args, env } = stdioCommand(home, options);
  const transport = new StdioClientTransport({ command, args, env, stderr: "pipe" });
  const errors: string[] = [];
  transport.stderr?.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
  const client = clientWith(() => ({ action: "accept", content: { decision: "decline" } }));
  await client.connect(transport);
  return { client, transport, errors };
}

test("a client that starts the program gets turns, replies, progress and questions", async () => {
  const { client, errors, transport } = await connect();
  const notes: (string | undefined)[] = [];
  home.model.enqueue(
    shell("touch never", { escalate: { justification: "Because." } }),
    message("Declined, then."),
    message("And again."),
  );
  const first = await client.callTool(
    { name: "codex", arguments: { prompt: "Go." } },
    { onprogress: ({ message: note }) => notes.push(note) },
  );
  const { threadId, content } = outcomeOf(first);
  expect(content).toBe("Declined, then.");
  expect(notes).toContain("Waiting for an answer.");
  const second = await client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Again." } });
  expect(outcomeOf(second)).toMatchObject({ threadId, content: "And again." });
  const below = descendants(transport.pid ?? 0);
  expect(below.length).toBeGreaterThan(0);
  await client.close();
  await until(() => !below.some(alive), 5_000);
  expect(below.filter(alive)).toEqual([]);
  expect(errors).toEqual([]);
});

/** A program that is spoken to line by line, without a library that could put up with anything. */
class RawServer {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly #stdout: ReturnType<typeof createInterface>;

  constructor() {
    const { command, args, env } = stdioCommand(home, { maxSandbox: "full-access" });
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "ignore"] });
    this.child = child;
    this.#stdout = createInterface({ input: child.stdout });
    this.#stdout.on("line", (line) => this.lines.push(line));
  }

  send(text: string): void {
    this.child.stdin?.write(`${text}\n`);
  }

  call(id: number, method: string, params: object): void {
    this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  async initialize(): Promise<void> {
    this.call(1, "initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" },
    });
    await this.answer(1);
    this.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  }

  async answer(id: number): Promise<string> {
    const find = () => this.lines.find((line) => line.includes(`"id":${id}`));
    while (find() === undefined) await once(this.#stdout, "line");
    return find() ?? "";
  }

  /** The processes of the program and below it. */
  get tree(): number[] {
    const pid = this.child.pid ?? 0;
    return [pid, ...descendants(pid)];
  }
}

describe("spoken to by hand", () => {
  /** A test that fails must not leave its program behind. */
  const started: RawServer[] = [];
  afterEach(() => {
    for (const { child } of started.splice(0)) child.kill("SIGKILL");
  });
  const start = async (): Promise<RawServer> => {
    const raw = new RawServer();
    started.push(raw);
    await raw.initialize();
    return raw;
  };

  test("stdout carries messages of MCP and nothing else, also when stdin does not", async () => {
    const raw = await start();
    raw.send("this is no message");
    home.model.enqueue(shell("echo noise; echo noise >&2"), message("Done."));
    raw.call(2, "tools/call", { name: "codex", arguments: { prompt: "Go." } });
    expect(await raw.answer(2)).toContain('"content":"Done."');
    const notes = () => raw.lines.filter((line) => line.includes("notifications/progress"));
    expect(notes()).toEqual([]);
    home.model.enqueue(message("Again."));
    raw.call(3, "tools/call", { name: "codex", arguments: { prompt: "Go." }, _meta: { progressToken: "p" } });
    expect(await raw.answer(3)).toContain('"content":"Again."');
    expect(notes().every((note) => note.includes('"progressToken":"p"'))).toBe(true);
    expect(notes().length).toBeGreaterThan(0);
    raw.child.stdin?.end();
    await once(raw.child, "exit");
    for (const line of raw.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
  });

  test.each<[string, (child: ChildProcess) => void]>([
    ["closes stdin", (child) => child.stdin?.end()],
    ["closes stdout and stdin", (child) => (child.stdout?.destroy(), child.stdin?.destroy())],
  ])("a client that %s in the middle of a command leaves nothing", async (_name, leave) => {
    verifies("mcp-client-leaves");
    const raw = await start();
    const running = gate();
    home.model.respondWith(() => {
      running.open();
      return shell("exec sleep 1000");
    });
    raw.call(2, "tools/call", {
      name: "codex",
      arguments: { prompt: "Go.", sandbox: "danger-full-access" },
      _meta: { progressToken: 1 },
    });
    while (!raw.lines.some((line) => line.includes("Running: "))) await new Promise((resolve) => setImmediate(resolve));
    const tree = raw.tree;
    expect(tree.length).toBeGreaterThan(2);
    leave(raw.child);
    await once(raw.child, "exit");
    expect(raw.child.exitCode).toBe(0);
    await until(() => !tree.some(alive), 5_000);
    expect(tree.filter(alive)).toEqual([]);
  });
});

describe("inside of a program", () => {
  test("streams of its own are served, and closing leaves nothing of it", async () => {
    await leavesNothing(async () => {
      const [stdin, stdout] = [new PassThrough(), new PassThrough()];
      const handle = await serveMcpStdio({ ...home.options, stdin, stdout });
      const said = once(stdout, "data");
      stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}\n`);
      expect(String((await said)[0])).toContain('"id":1');
      stdin.end();
      await handle.closed;
      await handle.close();
    });
  });

  test("a logger that would write between the messages is refused", async () => {
    const refused = await serveMcpStdio({ ...home.options, logger: console }).catch((error: unknown) => error);
    expect(UsageError.isInstance(refused) && refused.message).toContain("new Console(process.stderr)");
  });

  test.each([
    [{ maxSandbox: "none" }, "maxSandbox"],
    [{ approvalMode: "always" }, "approvalMode"],
    [{ roots: [] }, "roots is empty"],
    [{ roots: ["/no/such/folder"] }, "not an existing folder"],
    [{ maxConcurrentTurns: 0 }, "maxConcurrentTurns is 0"],
    [{ deadlineMs: Number.NaN }, "deadlineMs is NaN"],
    [{ serverName: " " }, "serverName is a blank string; it must be a non-empty string."],
  ])("options that cannot work are refused: %j", async (options, why) => {
    // @ts-expect-error: some of them the types do not allow either.
    const refused = await serveMcpStdio({ ...home.options, ...options }).catch((error: unknown) => error);
    expect(UsageError.isInstance(refused) && refused.message).toContain(why);
  });
});
