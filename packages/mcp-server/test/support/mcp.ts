/** A model and a home for the runtime behind an MCP server, and real clients for it. */

import { fileURLToPath } from "node:url";
import { type CodexMcpOptions, type McpHttpHandle, type McpHttpOptions, serveMcpHttp } from "@codex-embed/mcp-server";
import {
  Client,
  type ClientOptions,
  type ElicitResult,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { createTestHome, ScriptedModel, type TestHome, type TestHomeOptions } from "codex-embed/testing";
import { expect } from "vitest";

export const TOKEN = "a-token-of-the-tests-alone";

/** A scripted model and a home, with the options of a server whose runtime lives there. */
export class McpHome {
  readonly model: ScriptedModel;
  readonly home: TestHome;

  private constructor(model: ScriptedModel, home: TestHome) {
    this.model = model;
    this.home = home;
  }

  static async create(options: Omit<TestHomeOptions, "model"> = {}): Promise<McpHome> {
    const model = await ScriptedModel.start();
    return new McpHome(model, await createTestHome({ model, ...options }));
  }

  get workspace(): string {
    return this.home.workspace;
  }

  /** Options of a server on this home; all of them can go through JSON. */
  get options(): CodexMcpOptions {
    const { codexHome, workspace, env } = this.home;
    return { codex: { codexHome, cwd: workspace, env, inheritEnv: false } };
  }

  async close(): Promise<void> {
    await this.model.close();
    await this.home.dispose();
  }
}

type AskedParams = Record<string, unknown>;
/** Answers a question of the server. */
export type Answerer = (params: AskedParams, signal: AbortSignal) => Promise<ElicitResult> | ElicitResult;

/** A client that answers questions with `answer`; without it, it says that it cannot. */
export async function connectTo(
  url: string,
  answer?: Answerer,
  options: ClientOptions & { token?: string } = {},
): Promise<Client> {
  const { token = TOKEN, ...clientOptions } = options;
  const client = clientWith(answer, clientOptions);
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  await client.connect(transport);
  return client;
}

/** The client alone, for a transport of the test's own. */
export function clientWith(answer?: Answerer, options: ClientOptions = {}): Client {
  const capabilities = answer === undefined ? {} : { elicitation: { form: {}, url: {} } };
  const client = new Client({ name: "test", version: "1" }, { capabilities, ...options });
  if (answer !== undefined) {
    client.setRequestHandler("elicitation/create", ({ params }, { mcpReq }) => answer({ ...params }, mcpReq.signal));
  }
  return client;
}

/** A server over HTTP on a home, with the fixed token. */
export function serve(home: McpHome, options: McpHttpOptions = {}): Promise<McpHttpHandle> {
  return serveMcpHttp({ token: TOKEN, ...home.options, ...options });
}

type Result = Awaited<ReturnType<Client["callTool"]>>;

/** All text of a result. */
export function textOf(result: Result): string {
  return result.content.map((block) => (block.type === "text" ? block.text : "")).join("\n");
}

/** The structured part of a result, as the schema of the output has it. */
export function outcomeOf(result: Result): { threadId: string; content: string; status: string; usage?: object } {
  const outcome: unknown = result.structuredContent;
  expect(outcome).toMatchObject({
    threadId: expect.any(String),
    content: expect.any(String),
    status: expect.any(String),
  });
  if (!isOutcome(outcome)) throw new Error("The result has no outcome.");
  return outcome;
}

function isOutcome(value: unknown): value is { threadId: string; content: string; status: string; usage?: object } {
  return typeof value === "object" && value !== null && "threadId" in value;
}

/** The command of a program that serves a home on stdio, from any working directory. */
export function stdioCommand(
  home: McpHome,
  options: CodexMcpOptions = {},
): { command: string; args: string[]; env: Record<string, string> } {
  const program = fileURLToPath(new URL("../fixtures/server.ts", import.meta.url));
  const tsconfig = fileURLToPath(new URL("../../../../tsconfig.json", import.meta.url));
  return {
    command: process.execPath,
    args: ["--import", import.meta.resolve("tsx"), program, JSON.stringify({ ...home.options, ...options })],
    env: { PATH: process.env["PATH"] ?? "", TSX_TSCONFIG_PATH: tsconfig },
  };
}
