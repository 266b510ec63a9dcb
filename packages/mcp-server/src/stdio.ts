import type { Readable, Writable } from "node:stream";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { UsageError } from "codex-embed";
import { checkOptions, withMethods } from "./checks.js";
import { type CodexMcpOptions, OPTIONS, settingsOf } from "./options.js";
import { CodexMcp } from "./server.js";

/** Options of `serveMcpStdio`. */
export interface McpStdioOptions extends CodexMcpOptions {
  /** Default: this process's stdin. */
  readonly stdin?: Readable | undefined;
  /** Default: this process's stdout. Nothing else may write to it. */
  readonly stdout?: Writable | undefined;
}

const STDIO_OPTIONS = {
  ...OPTIONS,
  stdin: withMethods<Readable>(["on", "read"], "a readable stream").optional(),
  stdout: withMethods<Writable>(["on", "write"], "a writable stream").optional(),
};

/** A running server. */
export interface McpHandle extends AsyncDisposable {
  /** Resolves when the server has ended, by its client or by `close`, and nothing of it is left. Never rejects. */
  readonly closed: Promise<void>;
  /** Interrupts running turns, ends the runtime, then disconnects the clients. Can be called twice. */
  close(): Promise<void>;
}

/**
 * Serves MCP on stdin and stdout until the client closes them. Resolves as soon as it listens; the runtime starts at
 * the first call of a tool.
 *
 * @throws UsageError (as a rejection) for unknown options, values of the wrong kind, roots that are no folders, and the
 * logger `console`, which would write between the messages on stdout.
 */
export async function serveMcpStdio(options: McpStdioOptions = {}): Promise<McpHandle> {
  const checked = checkOptions(options, STDIO_OPTIONS, "serveMcpStdio");
  const { stdin = process.stdin, stdout = process.stdout, ...rest } = checked;
  if (stdout === process.stdout && [rest.logger, rest.codex?.logger].includes(console)) {
    throw new UsageError(
      "The logger console writes to stdout, which carries the messages of MCP. Give one that writes to stderr: " +
        "new Console(process.stderr).",
    );
  }
  const settings = settingsOf(rest, "serveMcpStdio");
  const mcp = new CodexMcp(settings);
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
    onerror: ({ name }) => settings.logger?.warn({ error: name }, "Could not serve a message of the MCP client."),
  });

  function close(): Promise<void> {
    closing ??= (async () => {
      // The calls first, so that each is answered unless it is the client that ended it.
      await Promise.allSettled([mcp.close()]);
      await Promise.allSettled([serving.close()]);
      settle();
    })();
    return closing;
  }

  return { closed, close, [Symbol.asyncDispose]: close };
}
