/** Owns serving over HTTP on the loopback: who is let in, and how the server ends. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { UsageError } from "codex-embed";
import { safeLogger } from "../../codex-embed/src/runtime/activityLog.js";
import { integer, oneOf, text } from "../../codex-embed/src/validate/kinds.js";
import { checkOptions, type OptionTable } from "../../codex-embed/src/validate/options.js";
import { HttpSessions } from "./httpSessions.js";
import { loadMcp, type McpLibrary } from "./library.js";
import { type CodexMcpOptions, MCP } from "./options.js";
import { createCodexMcp } from "./server.js";
import type { McpHandle } from "./stdio.js";
import { carriesToken, type KeptToken, keepToken } from "./token.js";
import { readBody, refusal, sendResponse, toRequest } from "./webExchange.js";

/** Options of `serveMcpHttp`. */
export interface McpHttpOptions extends CodexMcpOptions {
  /** Default 0: any that is free. */
  readonly port?: number | undefined;
  /** The address to listen on. Nothing but the loopback is served. Default `127.0.0.1`. */
  readonly host?: "127.0.0.1" | "::1" | undefined;
  /** What clients have to bring as `Authorization: Bearer …`. Default: `CODEX_EMBED_MCP_TOKEN`, else a new one. */
  readonly token?: string | undefined;
  /** A file that holds the token. One that is not there is written, for its owner alone. */
  readonly tokenFile?: string | undefined;
  /** The largest request, in bytes. Default 4 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** How many clients of the protocol up to 2025-11-25 may be connected. Default 64. */
  readonly maxSessions?: number | undefined;
}

/** A server that runs on HTTP. */
export interface McpHttpHandle extends McpHandle {
  /** Where clients connect to, such as `http://127.0.0.1:40123/mcp`. */
  readonly url: string;
  /** The file that the token can be read from, when it was not given. */
  readonly tokenFile: string | null;
}

const PATH = "/mcp";
const HTTP: OptionTable<McpHttpOptions> = {
  ...MCP,
  port: integer(0),
  host: oneOf(["127.0.0.1", "::1"]),
  token: text,
  tokenFile: text,
  maxRequestBytes: integer(1),
  maxSessions: integer(1),
};

/**
 * Serves MCP (Streamable HTTP) on the loopback, for those who bring the token. Resolves as soon as it listens.
 *
 * Rejects with `UsageError` for options that cannot work, a port that is taken, a token file that others can read, and
 * when `@modelcontextprotocol/server` is not installed.
 */
export async function serveMcpHttp(options: McpHttpOptions = {}): Promise<McpHttpHandle> {
  const checked = checkOptions(options, "serveMcpHttp", HTTP);
  const { port = 0, host = "127.0.0.1", token, tokenFile, ...more } = checked;
  const { maxRequestBytes: maxBytes = 4 * 1024 * 1024, maxSessions: sessionLimit = 64, ...rest } = more;
  const logger = rest.logger && safeLogger(rest.logger);
  const library = await loadMcp();
  const mcp = await createCodexMcp(rest);
  const kept = await keepToken({ token, tokenFile });
  const report = ({ name }: Error): void =>
    logger?.warn({ error: name }, "A message of an MCP client could not be served.");
  const sessions = new HttpSessions(library, mcp.createServer, sessionLimit);
  const modern = library.createMcpHandler(mcp.createServer, { legacy: "reject", onerror: report });

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const send = (response: Response) => sendResponse(response, outgoing);
    const turnedAway = turnAway(library, incoming, kept.token);
    if (turnedAway !== null) return send(turnedAway);
    const body = await readBody(incoming, maxBytes);
    if (body === null) {
      outgoing.setHeader("connection", "close");
      return send(refusal(413, `A request may have ${maxBytes} bytes at most.`));
    }
    const request = toRequest(incoming, outgoing, body);
    const parsedBody = parsed(body);
    if (await library.isLegacyRequest(request, parsedBody)) return sessions.serve(request, parsedBody, send);
    await send(await modern.fetch(request, parsedBody === undefined ? {} : { parsedBody }));
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch((error: unknown) => {
      report(error instanceof Error ? error : new Error("unknown"));
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    });
  });
  const url = await listen(server, port, host, kept);

  let closing: Promise<void> | null = null;
  let settle = (): void => {};
  const closed = new Promise<void>((resolve) => (settle = resolve));
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      // First the calls, so that each is still answered.
      await Promise.allSettled([mcp.close()]);
      await Promise.allSettled([sessions.close(), modern.close()]);
      server.closeAllConnections();
      await Promise.allSettled([stopped, kept.dispose()]);
      settle();
    })();
    return closing;
  };
  return { url, tokenFile: kept.file, closed, close, [Symbol.asyncDispose]: close };
}

/** The answer to a request that is not let in; null for one that is. */
function turnAway(library: McpLibrary, { url, headers }: IncomingMessage, token: string): Response | null {
  // A page in a browser reaches the loopback under a name of its own making; both headers then tell its name.
  const host = library.validateHostHeader(headers.host, library.localhostAllowedHostnames());
  if (!host.ok) return refusal(403, "The Host header does not name this machine.");
  const origin = library.validateOriginHeader(headers.origin, library.localhostAllowedOrigins());
  if (!origin.ok) return refusal(403, "The Origin header does not name this machine.");
  if (!carriesToken(headers.authorization, token)) {
    return refusal(401, "Bring the token of this server: Authorization: Bearer …", { "www-authenticate": "Bearer" });
  }
  if (url !== PATH && !url?.startsWith(`${PATH}?`)) return refusal(404, `There is nothing here but ${PATH}.`);
  return null;
}

/** What is no JSON is left to the library to refuse. */
function parsed(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return value;
  } catch {
    return undefined;
  }
}

async function listen(server: Server, port: number, host: string, kept: KeptToken): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    await kept.dispose();
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new UsageError(`port ${port} of ${host} cannot be listened on${code}. Give another, or none.`, { cause });
  }
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return `http://${host.includes(":") ? `[${host}]` : host}:${bound}${PATH}`;
}
