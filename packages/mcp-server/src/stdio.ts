/** Owns serving over stdin and stdout, for a client that starts this program and ends with its pipe. */

import type { Readable, Writable } from "node:stream";
import { UsageError } from "codex-embed";
import { safeLogger } from "../../codex-embed/src/runtime/activityLog.js";
import { record } from "../../codex-embed/src/validate/kinds.js";
import { checkOptions, type OptionTable } from "../../codex-embed/src/validate/options.js";
import { loadMcpStdio } from "./library.js";
import { type CodexMcpOptions, MCP } from "./options.js";
import { createCodexMcp } from "./server.js";

/** Options of `serveMcpStdio`. */
export interface McpStdioOptions extends CodexMcpOptions {
  /** Default: this process's stdin. */
  readonly stdin?: Readable | undefined;
  /** Default: this process's stdout. Nothing else may write to it. */
  readonly stdout?: Writable | undefined;
}

const STDIO: OptionTable<McpStdioOptions> = { ...MCP, stdin: record, stdout: record };

/** A server that runs. */
export interface McpHandle extends AsyncDisposable {
  /** Resolves when the server has ended, by the client or by `close`, and nothing of it is left. Never rejects. */
  readonly closed: Promise<void>;
  /** Interrupts the turns that run, ends the runtime, and lets the clients go. Can be called twice. */
  close(): Promise<void>;
}

/**
 * Serves MCP on stdin and stdout until the client closes them. Resolves as soon as it listens.
 *
 * Rejects with `UsageError` for options that cannot work, for the logger `console`, which would write between the
 * messages, and when `@modelcontextprotocol/server` is not installed.
 */
export async function serveMcpStdio(options: McpStdioOptions = {}): Promise<McpHandle> {
  const { stdin = process.stdin, stdout = process.stdout, ...rest } = checkOptions(options, "serveMcpStdio", STDIO);
  if (stdout === process.stdout && [rest.logger, rest.codex?.logger].includes(console)) {
    throw new UsageError(
      "The logger console writes to stdout, which carries the messages of MCP. Give one that writes to stderr: " +
        "new Console(process.stderr).",
    );
  }
  const logger = rest.logger && safeLogger(rest.logger);
  const mcp = await createCodexMcp(rest);
  const { serveStdio, StdioServerTransport } = await loadMcpStdio();
  let closing: Promise<void> | null = null;
  let settle = (): void => {};
  const closed = new Promise<void>((resolve) => (settle = resolve));

  /** The library closes its transport in every case: end of stdin, a broken stdout, a message that is too large. */
  class WatchedTransport extends StdioServerTransport {
    override async close(): Promise<void> {
      await super.close();
      void close();
    }
  }

  const serving = serveStdio(mcp.createServer, {
    transport: new WatchedTransport(stdin, stdout),
    onerror: ({ name }) => logger?.warn({ error: name }, "A message of the MCP client could not be served."),
  });

  function close(): Promise<void> {
    closing ??= (async () => {
      // First the calls, so that each is still answered when it is not the client that ends it.
      await Promise.allSettled([mcp.close()]);
      await Promise.allSettled([serving.close()]);
      settle();
    })();
    return closing;
  }

  return { closed, close, [Symbol.asyncDispose]: close };
}
