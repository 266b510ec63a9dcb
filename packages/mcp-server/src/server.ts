import {
  type CallToolResult,
  McpServer,
  type ServerContext,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import { RUNTIME_VERSION } from "codex-embed/protocol";
import { Agents } from "./agents.js";
import { type Caller, ConnectedCaller } from "./caller.js";
import { checkOptions } from "./checks.js";
import { type CodexMcpOptions, OPTIONS, type Settings, settingsOf } from "./options.js";
import { errorResult } from "./results.js";
import { type RoundResult, Rounds } from "./rounds.js";
import {
  INSTRUCTIONS,
  type ObjectSchema,
  OUTPUT_SCHEMA,
  REPLY_TOOL,
  type Reading,
  readReply,
  readStart,
  replySchema,
  START_TOOL,
  startSchema,
} from "./tools.js";

/**
 * Makes MCP servers with the tools `codex` and `codex-reply`, for programs that serve MCP themselves. All servers of one
 * `CodexMcp` share one runtime and its threads. Close it after them.
 */
export class CodexMcp implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #agents: Agents;
  readonly #rounds: Rounds;

  /** @internal */
  constructor(settings: Settings) {
    this.#settings = settings;
    this.#agents = new Agents(settings);
    this.#rounds = new Rounds(settings.answerTimeoutMs);
  }

  /**
   * Makes a server for one connection or one request: pass it to `serveStdio` or `createMcpHandler` of
   * `@modelcontextprotocol/server` as the factory, or connect its result to a transport. Bound, and synchronous.
   */
  readonly createServer = (): McpServer => {
    const settings = this.#settings;
    const info = { name: settings.serverName, title: "Codex", version: RUNTIME_VERSION };
    const server = new McpServer(info, { instructions: INSTRUCTIONS, capabilities: { tools: {} } });
    const outputSchema = schemaOf(OUTPUT_SCHEMA, (value) => ({ value }));
    const annotations = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true };
    const { name: start, ...startTool } = START_TOOL;
    server.registerTool(
      start,
      {
        ...startTool,
        inputSchema: schemaOf(startSchema(settings), (given) => readStart(given, settings)),
        outputSchema,
        annotations,
      },
      (args, context) => this.#serve(server, context, (caller) => this.#agents.start(args, caller)),
    );
    const { name: reply, ...replyTool } = REPLY_TOOL;
    server.registerTool(
      reply,
      {
        ...replyTool,
        inputSchema: schemaOf(replySchema(), (given) => readReply(given, settings)),
        outputSchema,
        annotations,
      },
      (args, context) => this.#serve(server, context, (caller) => this.#agents.reply(args, caller)),
    );
    return server;
  };

  /**
   * Interrupts running turns and ends the runtime. Resolves when nothing of it is left. Calls after that get a result
   * with `isError`. Can be called twice.
   */
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
      // A request of protocol 2026-07-28 carries the description of its client; an older client sent it on connecting.
      if (context.mcpReq.envelope !== undefined) return await this.#rounds.serve(context, work);
      const caller = new ConnectedCaller(server, context);
      return await work(caller).finally(() => caller.end());
    } catch (error) {
      return errorResult(error, null);
    }
  }
}

/**
 * Prepares the tools for MCP servers of your own. The runtime starts at the first call of a tool, not before.
 *
 * @throws UsageError (as a rejection) for unknown options, values of the wrong kind, and roots that are no folders.
 */
export async function createCodexMcp(options: CodexMcpOptions = {}): Promise<CodexMcp> {
  const call = "createCodexMcp";
  return new CodexMcp(settingsOf(checkOptions(options, OPTIONS, call), call));
}

/** A schema in the form that the MCP library takes: shown as JSON Schema, checked by `read`. */
function schemaOf<T>(schema: ObjectSchema, read: (given: unknown) => Reading<T>): StandardSchemaWithJSON<unknown, T> {
  const json = () => ({ ...schema });
  return {
    "~standard": { version: 1, vendor: "codex-embed", validate: read, jsonSchema: { input: json, output: json } },
  };
}
