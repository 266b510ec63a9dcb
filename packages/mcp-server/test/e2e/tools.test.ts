/** The two tools, called by a real client over HTTP, with the real runtime behind them. */

import { execFileSync } from "node:child_process";
import { mkdir, readFile, rmdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { McpHttpHandle } from "@codex-embed/mcp-server";
import type { Client, Progress } from "@modelcontextprotocol/client";
import { Codex } from "codex-embed";
import { fail, gate, message, shell, step, usage } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../../../codex-embed/test/support/verifies.js";
import { connectTo, McpHome, outcomeOf, serve, textOf } from "../support/mcp.js";

let home: McpHome;
let server: McpHttpHandle;
let client: Client;

beforeAll(async () => {
  home = await McpHome.create();
  server = await serve(home, { maxSandbox: "workspace-write", approvalMode: "deny_all", maxConcurrentTurns: 2 });
  client = await connectTo(server.url);
});
afterAll(async () => {
  await client.close();
  await server.close();
  await home.close();
});

const codex = (args: Record<string, unknown>, to = client) => to.callTool({ name: "codex", arguments: args });
const reply = (args: Record<string, unknown>, to = client) => to.callTool({ name: "codex-reply", arguments: args });

/** Runs the tool with a step of the model, and gives the id of the thread. */
async function startedThread(): Promise<string> {
  home.model.enqueue(message("Ready."));
  return outcomeOf(await codex({ prompt: "Get ready." })).threadId;
}

test("the tools are listed with the keys that users know, and with what the server allows", async () => {
  verifies("mcp-tools");
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(["codex", "codex-reply"]);
  expect(Object.keys(tools[0]?.inputSchema.properties ?? {})).toEqual([
    "prompt",
    "cwd",
    "model",
    "sandbox",
    "approval-policy",
    "config",
    "base-instructions",
    "developer-instructions",
  ]);
  expect(JSON.stringify(tools[0]?.inputSchema)).toContain("workspace-write at most");
  expect(Object.keys(tools[1]?.inputSchema.properties ?? {})).toEqual(["threadId", "conversationId", "prompt"]);
  expect(tools.map(({ outputSchema }) => outputSchema?.["required"])).toEqual([
    ["threadId", "content", "status"],
    ["threadId", "content", "status"],
  ]);
  expect(server.tokenFile).toBeNull();
});

test("codex runs a turn, and codex-reply goes on with its thread", async () => {
  verifies("mcp-tools");
  home.model.enqueue(
    step(message("Two and two is four."), usage({ input: 50, cached: 10, output: 7 })),
    message("Nine."),
  );
  const first = await codex({
    prompt: "What is two and two?",
    model: "mock-model",
    "developer-instructions": "Be brief, said the developer.",
    config: { model_reasoning_effort: "high" },
  });
  expect(first.isError).toBeUndefined();
  const { threadId, ...outcome } = outcomeOf(first);
  expect(outcome).toEqual({
    content: "Two and two is four.",
    status: "completed",
    usage: { inputTokens: 50, cachedInputTokens: 10, outputTokens: 7, reasoningOutputTokens: 0, totalTokens: 57 },
  });
  expect(first.content).toEqual([
    { type: "text", text: "Two and two is four." },
    { type: "text", text: `threadId: ${threadId}` },
  ]);
  const asked = home.model.requests.at(-1);
  expect(asked?.lastUserText()).toBe("What is two and two?");
  expect(asked?.developerTexts().join()).toContain("Be brief, said the developer.");
  expect(asked?.body).toMatchObject({ reasoning: { effort: "high" } });

  const second = await reply({ conversationId: threadId, prompt: "And three times three?" });
  expect(outcomeOf(second)).toMatchObject({ threadId, content: "Nine.", status: "completed" });
  expect(home.model.requests.at(-1)?.userTexts()).toEqual(
    expect.arrayContaining(["What is two and two?", "And three times three?"]),
  );
});

test("progress is told to a caller that asks for it, with numbers that grow", async () => {
  home.model.enqueue(shell("echo working"), message("Done."));
  const seen: Progress[] = [];
  const result = await client.callTool(
    { name: "codex", arguments: { prompt: "Work." } },
    { onprogress: (progress) => seen.push(progress) },
  );
  expect(result.isError).toBeUndefined();
  expect(seen.map(({ progress }) => progress)).toEqual(seen.map((_, index) => index + 1));
  const notes = seen.map(({ message: note }) => note);
  expect(notes[0]).toBe("The turn has started.");
  expect(notes).toContainEqual(expect.stringMatching(/^Running: .*echo working/));
  expect(notes.at(-1)).toBe("Done.");
});

test("a silent turn gives signs of life, so that a client does not give it up", async () => {
  await using quick = await serve(home, { heartbeatMs: 5 });
  const other = await connectTo(quick.url);
  const hold = gate();
  home.model.enqueue(message({ deltas: ["Late", hold] }));
  let beats = 0;
  const result = await other.callTool(
    { name: "codex", arguments: { prompt: "Take your time." } },
    {
      onprogress: ({ message: note }) => {
        if (note === "Still working." && ++beats === 3) hold.open();
      },
    },
  );
  expect(textOf(result)).toContain("Late");
  expect(beats).toBeGreaterThanOrEqual(3);
  await other.close();
});

describe("what goes beyond the caps", () => {
  test.each([
    [
      { sandbox: "danger-full-access" },
      'sandbox "danger-full-access" goes beyond what this server allows: workspace-write',
    ],
    [{ sandbox: "full-access" }, "goes beyond what this server allows: workspace-write at most"],
    [{ sandbox: "none" }, "it must be one of read-only, workspace-write"],
    [{ "approval-policy": "on-request" }, 'approval-policy "on-request" goes beyond what this server allows'],
    [{ "approval-policy": "untrusted" }, 'approval-policy "untrusted" is not supported'],
    [{ cwd: "/" }, "cwd is not a folder that this server works in"],
    [{ cwd: ".." }, "cwd is not a folder that this server works in"],
    [{ cwd: "no/such/folder" }, "cwd is not a folder that this server works in"],
    [{ config: { sandbox_mode: "danger-full-access" } }, 'config holds "sandbox_mode", which a caller may not set'],
    [{ config: { mcp_servers: { evil: { command: "sh" } } } }, 'config holds "mcp_servers"'],
    [{ config: { "sandbox_workspace_write.network_access": true } }, "which a caller may not set"],
    [{ profile: "wild" }, 'unknown argument "profile": callers cannot choose a profile'],
    [{ "sandbox-mode": "read-only" }, 'unknown argument "sandbox-mode": this tool takes prompt, cwd'],
    [{ prompt: 7 }, "prompt must be a string"],
    [{ prompt: " " }, "prompt is empty"],
    [{ prompt: undefined }, "prompt is missing"],
    [{ prompt: "x".repeat(1024 * 1024 + 1) }, "prompt has 1048577 bytes; this server takes 1048576 at most"],
  ])("is refused: %j", async (asked, told) => {
    verifies("mcp-caps");
    const before = home.model.requests.length;
    const result = await codex({ prompt: "Do something.", ...asked });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(told);
    expect(result.structuredContent).toBeUndefined();
    expect(home.model.requests.length).toBe(before);
  });

  test("is refused as well when a link leads out of the roots", async () => {
    verifies("mcp-caps");
    await symlink("/", join(home.workspace, "way-out")).catch(() => {});
    expect(textOf(await codex({ prompt: "Go.", cwd: "way-out" }))).toContain("not a folder that this server works in");
  });
});

describe("what is within the caps is in force", () => {
  let widest: McpHttpHandle;
  let other: Client;
  beforeAll(async () => {
    widest = await serve(home, { maxSandbox: "full-access", approvalMode: "deny_all" });
    other = await connectTo(widest.url);
  });
  afterAll(async () => {
    await other.close();
    await widest.close();
  });

  const config = () => readFile(join(home.home.codexHome, "config.toml"), "utf8");

  /** What commands can write to: in the folder of the thread, and outside of it. */
  async function writable(args: object, to: Client): Promise<string> {
    const outside = join(home.home.codexHome, "outside");
    const command = `touch inside && echo "in $PWD"; touch ${outside} && echo outside`;
    home.model.enqueue(shell(command, { callId: "try" }), message("Tried."));
    const result = await to.callTool({
      name: "threadId" in args ? "codex-reply" : "codex",
      arguments: { prompt: "Try.", ...args },
    });
    expect(outcomeOf(result)).toMatchObject({ content: "Tried." });
    const output = home.model.requests.at(-1)?.toolOutput("try") ?? "";
    return output
      .split("\n")
      .filter((line) => /^(?:in |outside$)/.test(line))
      .join(", ");
  }

  test("the sandbox of a caller that names none is the cap, but never full access", async () => {
    const inside = `in ${home.workspace}`;
    expect(await writable({}, client)).toBe(inside);
    expect(await writable({}, other)).toBe(inside);
    expect(await writable({ sandbox: "read-only" }, other)).toBe("");
    expect(await writable({ sandbox: "danger-full-access" }, other)).toBe(`${inside}, outside`);
  });

  test("the folder is the caller's, below the roots", async () => {
    const below = join(home.workspace, "below");
    await mkdir(below, { recursive: true });
    expect(await writable({ cwd: "below" }, client)).toBe(`in ${below}`);
    expect(await writable({ cwd: below }, client)).toBe(`in ${below}`);
  });

  test("a reply keeps the sandbox of its thread", async () => {
    verifies("mcp-own-threads");
    home.model.enqueue(message("Ready."));
    const { threadId } = outcomeOf(await codex({ prompt: "Get ready.", sandbox: "read-only" }, other));
    expect(await writable({ threadId }, other)).toBe("");
  });

  test("a reply is refused when the folder of its thread has been replaced by a link that leads out", async () => {
    await mkdir(join(home.workspace, "swapped"));
    home.model.enqueue(message("Ready."));
    const { threadId } = outcomeOf(await codex({ prompt: "Get ready.", cwd: "swapped" }));
    await rmdir(join(home.workspace, "swapped"));
    await symlink(home.home.codexHome, join(home.workspace, "swapped"));
    const before = home.model.requests.length;
    expect(textOf(await reply({ threadId, prompt: "Write." }))).toContain(
      "The folder of this thread was removed or replaced",
    );
    expect(home.model.requests).toHaveLength(before);
  });

  test("no caller makes a folder trusted in the operator's configuration", async () => {
    verifies("mcp-trust");
    const repository = join(home.workspace, "repository");
    // The runtime trusts repositories alone, and looks whether it is one.
    execFileSync("git", ["init", "--quiet", repository]);
    expect(await writable({ cwd: "repository" }, client)).toBe(`in ${repository}`);
    expect(await config()).not.toContain("trust_level");
  });
});

test("only threads of this server can be replied to", async () => {
  verifies("mcp-own-threads");
  const foreign = await Codex.launch(home.options.codex);
  home.model.enqueue(message("Anything goes."));
  const thread = await foreign.startThread({ sandbox: "full-access", approvalMode: "deny_all" });
  await thread.run("Hello.");
  await foreign.close();
  for (const threadId of [thread.id, "nothing", ""]) {
    const result = await reply({ threadId, prompt: "Go on, with full access." });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain("Unknown threadId");
  }
  expect(textOf(await reply({ prompt: "To whom?" }))).toContain("threadId is missing");
  expect(textOf(await reply({ threadId: "a", conversationId: "b", prompt: "?" }))).toContain("differ");
});

test("a thread has one turn at a time, and the server as many as it allows", async () => {
  const threadId = await startedThread();
  const [holdOne, holdTwo] = [gate(), gate()];
  home.model.when(({ threadId: id }) => id === threadId).enqueue(message({ deltas: ["One", holdOne] }));
  const running = reply({ threadId, prompt: "One." });
  await holdOne.reached;

  const second = await reply({ threadId, prompt: "Two." });
  expect(second.isError).toBe(true);
  expect(outcomeOf(second)).toEqual({
    threadId,
    status: "failed",
    content: expect.stringContaining(`Thread ${threadId} already has a turn in flight.`),
  });

  home.model.enqueue(message({ deltas: ["Else", holdTwo] }));
  const other = codex({ prompt: "Something else." });
  await holdTwo.reached;
  const third = await codex({ prompt: "One too many." });
  expect(third.isError).toBe(true);
  expect(textOf(third)).toContain("this server runs 2 turns at once");

  holdOne.open();
  holdTwo.open();
  expect(textOf(await running)).toContain("One");
  expect(textOf(await other)).toContain("Else");
});

test("a turn that fails says why, and its thread can be used again", async () => {
  home.model.enqueue(fail(400, { message: "The model does not like this." }), message("Better."));
  const failed = await codex({ prompt: "Try." });
  expect(failed.isError).toBe(true);
  const { threadId, status, content } = outcomeOf(failed);
  expect(status).toBe("failed");
  expect(content).toContain("The model does not like this.");
  expect(textOf(await reply({ threadId, prompt: "Again." }))).toContain("Better.");
});

test("a call that its client cancels has its turn interrupted", async () => {
  const threadId = await startedThread();
  const hold = gate();
  home.model.enqueue(message({ deltas: ["Never", hold, " more"] }));
  const index = home.model.requests.length;
  const cancel = new AbortController();
  const running = client.callTool(
    { name: "codex-reply", arguments: { threadId, prompt: "Go on." } },
    { signal: cancel.signal },
  );
  const rejected = expect(running).rejects.toThrow();
  await hold.reached;
  cancel.abort();
  await rejected;
  expect(await home.model.requests[index]?.ended).toBe("cut off");
  home.model.enqueue(message("Here again."));
  // The thread is free as soon as the runtime has ended the turn, which no message tells the client.
  await expect
    .poll(async () => textOf(await reply({ threadId, prompt: "Are you there?" })), { timeout: 10_000 })
    .toContain("Here again.");
});

test("a turn that takes longer than the server allows is interrupted", async () => {
  await using strict = await serve(home, { deadlineMs: 300 });
  const other = await connectTo(strict.url);
  const hold = gate();
  home.model.enqueue(message({ deltas: ["Endless", hold] }));
  const result = await codex({ prompt: "Take for ever." }, other);
  expect(result.isError).toBe(true);
  expect(outcomeOf(result).content).toContain("longer than this server allows (300 ms)");
  await other.close();
});
