/** Owns the measurement `exec`: the same trivial turn through each surface, until its answer is there. */

import { fileURLToPath } from "node:url";
import { serveMcpHttp } from "@codex-embed/mcp-server";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import * as official from "@openai/codex-sdk";
import { Codex } from "codex-embed";
import * as execClient from "codex-embed/exec";
import { createTestHome, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { type Contestant, type Goal, type Measured, type Race, race } from "./measure.js";
import { HANDWRITTEN, launchHandwritten } from "./sides.js";

const ROUNDS = 11;
const PROMPT = "Say that you are done.";
const ANSWER = "Done.";
const ONE_MORE: Goal = { atMost: 1 / 3 };
const ONE_MORE_EPHEMERAL: Goal = { atMost: 1 / 6 };
const ONE_MORE_BY_HAND = `${HANDWRITTEN}, one more turn`;
const ONE_MORE_EPHEMERAL_BY_HAND = `${HANDWRITTEN}, one more turn of an ephemeral thread`;
const TOKEN = "a-token-of-this-bench-alone";
const PROGRAM = fileURLToPath(new URL("../packages/codex-embed/dist/cli/main.js", import.meta.url));

/** Races the surfaces against the SDK that `codex-embed/exec` takes the place of. */
export async function exec(): Promise<Measured> {
  const model = await ScriptedModel.start();
  model.respondWith(() => message(ANSWER));
  const home = await createTestHome({ model });
  const { workspace, codexHome, env } = home;
  const codexOptions = { codexHome, cwd: workspace, env, inheritEnv: false };
  const threadOptions = { workingDirectory: workspace, skipGitRepoCheck: true };

  const codex = await Codex.launch(codexOptions);
  const warmThread = await codex.startThread();
  const warmEphemeral = await codex.startThread({ ephemeral: true });
  const hand = await launchHandwritten(codex, home);
  const handThread = await hand.startThread();
  const handEphemeral = await hand.startThread({ ephemeral: true });
  const server = await serveMcpHttp({ token: TOKEN, codex: codexOptions });
  const overHttp = await connected(
    new StreamableHTTPClientTransport(new URL(server.url), {
      requestInit: { headers: { authorization: `Bearer ${TOKEN}` } },
    }),
  );
  const overStdio = await connected(stdio(home));
  const mcpThread = await callTool(overHttp, "codex", { prompt: PROMPT });

  const contestants: Contestant[] = [
    {
      name: "`@openai/codex-sdk`: `startThread().run()`",
      async run() {
        const thread = new official.Codex({ env: { ...env } }).startThread(threadOptions);
        check((await thread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: "`codex-embed/exec`: `startThread().run()`",
      goals: [{ atMost: 1 }],
      async run() {
        const thread = new execClient.Codex({ env: { ...env } }).startThread(threadOptions);
        check((await thread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: "threads, cold: `new Codex()`, `startThread()`, `run()`",
      async run() {
        const fresh = new Codex(codexOptions);
        const thread = await fresh.startThread();
        check((await thread.run(PROMPT)).finalResponse);
        return { tidy: () => fresh.close() };
      },
    },
    {
      name: "threads, runtime up: `startThread()`, `run()`",
      async run() {
        const thread = await codex.startThread();
        check((await thread.run(PROMPT)).finalResponse);
        return { tidy: () => thread.unsubscribe() };
      },
    },
    {
      name: "threads, runtime up, `ephemeral: true`",
      async run() {
        const thread = await codex.startThread({ ephemeral: true });
        check((await thread.run(PROMPT)).finalResponse);
        return { tidy: () => thread.unsubscribe() };
      },
    },
    {
      name: "threads, one more turn: `run()`",
      goals: [ONE_MORE],
      async run() {
        check((await warmThread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: ONE_MORE_BY_HAND,
      async run() {
        check(await hand.run(handThread, PROMPT));
      },
    },
    {
      name: "threads, one more turn of an ephemeral one: `run()`",
      goals: [ONE_MORE_EPHEMERAL],
      async run() {
        check((await warmEphemeral.run(PROMPT)).finalResponse);
      },
    },
    {
      name: ONE_MORE_EPHEMERAL_BY_HAND,
      async run() {
        check(await hand.run(handEphemeral, PROMPT));
      },
    },
    {
      name: "MCP over stdio, cold: start the server, connect, `codex`",
      async run() {
        const client = await connected(stdio(home));
        await callTool(client, "codex", { prompt: PROMPT });
        return { tidy: () => client.close() };
      },
    },
    {
      name: "MCP over stdio, server up: `codex`",
      async run() {
        await callTool(overStdio, "codex", { prompt: PROMPT });
      },
    },
    {
      name: "MCP over HTTP, server up: `codex`",
      async run() {
        await callTool(overHttp, "codex", { prompt: PROMPT });
      },
    },
    {
      name: "MCP over HTTP, one more turn: `codex-reply`",
      async run() {
        await callTool(overHttp, "codex-reply", { prompt: PROMPT, threadId: mcpThread });
      },
    },
  ];

  try {
    const raced = await race(contestants, { title: "one trivial turn", rounds: ROUNDS });
    return { races: [raced], notes: floorNotes(raced) };
  } finally {
    await Promise.all([overHttp.close(), overStdio.close()]);
    await Promise.all([server.close(), codex.close(), hand.close()]);
    await model.close();
    await home.dispose();
  }
}

/** Says where a goal is out of reach: what no client can save is the runtime's own time. */
function floorNotes({ rows }: Race): string[] {
  const floors = [
    [ONE_MORE_BY_HAND, ONE_MORE],
    [ONE_MORE_EPHEMERAL_BY_HAND, ONE_MORE_EPHEMERAL],
  ] as const;
  return floors.flatMap(([name, { atMost = 1 }]) => {
    const ratio = rows.find((row) => row.name === name)?.ratios[0]?.spread.median ?? 0;
    if (ratio <= atMost) return [];
    return [`"${name}" takes ${ratio.toFixed(2)} as well: the rest is the runtime's own time.`];
  });
}

function stdio({ workspace, codexHome, env }: TestHome): StdioClientTransport {
  const args = [PROGRAM, "mcp", "--codex-home", codexHome, "--cwd", workspace];
  return new StdioClientTransport({ command: process.execPath, args, cwd: workspace, env: { ...env } });
}

async function connected(transport: StreamableHTTPClientTransport | StdioClientTransport): Promise<Client> {
  const client = new Client({ name: "bench", version: "1" });
  await client.connect(transport);
  return client;
}

/** Calls a tool; gives the id of the thread that answered. */
async function callTool(client: Client, name: string, args: Record<string, string>): Promise<string> {
  const { structuredContent } = await client.callTool({ name, arguments: args });
  if (!isOutcome(structuredContent)) throw new Error("The tool gave no outcome.");
  check(structuredContent.content);
  return structuredContent.threadId;
}

function isOutcome(value: unknown): value is { threadId: string; content: string } {
  return typeof value === "object" && value !== null && "threadId" in value && "content" in value;
}

function check(answer: string | null): void {
  if (answer !== ANSWER) throw new Error(`The answer is ${JSON.stringify(answer)}.`);
}
