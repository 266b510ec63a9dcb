/** Owns the MCP server itself: its two tools, and what they do with a call. */

import type { CallToolResult, McpServer, ServerContext, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import { RUNTIME_VERSION } from "codex-embed/protocol";
import { Agents } from "./agents.js";
import { type Caller, ConnectedCaller } from "./caller.js";
import { loadMcp, type McpLibrary } from "./library.js";
import { type CodexMcpOptions, type Settings, settingsOf } from "./options.js";
import { failedResult } from "./results.js";
import { type RoundResult, Rounds } from "./rounds.js";
import {
  type ObjectSchema,
  OUTPUT_SCHEMA,
  type Reading,
  readReply,
  readStart,
  replySchema,
  startSchema,
} from "./toolInputs.js";

const INSTRUCTIONS =
  "Codex is a coding agent that works in a folder of this machine. Give it a task with the tool codex, and go on with " +
  "codex-reply and the threadId of the result.";

/**
 * The tools of this server for MCP servers of your own making: `createServer` is a factory for `serveStdio` and
 * `createMcpHandler` of the MCP library, or gives a server to connect to a transport. All servers of one `CodexMcp`
 * share one runtime and its threads. Close it after them.
 */
export class CodexMcp implements AsyncDisposable {
  readonly #library: McpLibrary;
  readonly #settings: Settings;
  readonly #agents: Agents;
  readonly #rounds: Rounds;

  /** @internal */
  constructor(library: McpLibrary, settings: Settings) {
    this.#library = library;
    this.#settings = settings;
    this.#agents = new Agents(settings);
    this.#rounds = new Rounds(library, settings.answerTimeoutMs);
  }

  /** Makes a server with the tools `codex` and `codex-reply`, for one connection or one request. */
  readonly createServer = (): McpServer => {
    const settings = this.#settings;
    const info = { name: settings.serverName, title: "Codex", version: RUNTIME_VERSION };
    const server = new this.#library.McpServer(info, { instructions: INSTRUCTIONS, capabilities: { tools: {} } });
    const outputSchema = schemaOf(OUTPUT_SCHEMA, (value) => ({ value }));
    const annotations = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true };
    server.registerTool(
      "codex",
      {
        title: "Codex",
        description: "Has the Codex agent do a task. Gives its final message, and the threadId to go on with.",
        inputSchema: schemaOf(startSchema(settings), (given) => readStart(given, settings)),
        outputSchema,
        annotations,
      },
      (asked, context) => this.#serve(server, context, (caller) => this.#agents.start(asked, caller)),
    );
    server.registerTool(
      "codex-reply",
      {
        title: "Codex: reply",
        description: "Goes on with a thread that the tool codex has started.",
        inputSchema: schemaOf(replySchema(), (given) => readReply(given, settings)),
        outputSchema,
        annotations,
      },
      (asked, context) => this.#serve(server, context, (caller) => this.#agents.reply(asked, caller)),
    );
    return server;
  };

  /** Interrupts the turns that run, and ends the runtime. Resolves when nothing is left; can be called twice. */
  close(): Promise<void> {
    return this.#agents.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(
    server: McpServer,
    context: ServerContext,
    work: (caller: Caller) => Promise<CallToolResult>,
  ): Promise<RoundResult> {
    try {
      // Requests of the protocol 2026-07-28 carry their client's description with them; older ones have a connection.
      if (context.mcpReq.envelope !== undefined) return await this.#rounds.serve(context, work);
      const caller = new ConnectedCaller(server, context);
      return await work(caller).finally(() => caller.end());
    } catch (error) {
      return failedResult(error, null);
    }
  }
}

/**
 * Prepares the tools. Starts nothing: the runtime starts at the first call.
 *
 * Rejects with `UsageError` for options that cannot work, and when `@modelcontextprotocol/server` is not installed.
 */
export async function createCodexMcp(options: CodexMcpOptions = {}): Promise<CodexMcp> {
  const settings = settingsOf(options);
  return new CodexMcp(await loadMcp(), settings);
}

/** A schema as the library takes it: shown as JSON Schema, checked by our own reading. */
function schemaOf<T>(schema: ObjectSchema, read: (given: unknown) => Reading<T>): StandardSchemaWithJSON<unknown, T> {
  const json = () => ({ ...schema });
  return {
    "~standard": { version: 1, vendor: "codex-embed", validate: read, jsonSchema: { input: json, output: json } },
  };
}
