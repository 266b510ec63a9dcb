import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  type McpServer,
  validateHostHeader,
  validateOriginHeader,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { UsageError } from "codex-embed";
import { checkOptions, integer, oneOf, text } from "./checks.js";
import { type CodexMcpOptions, OPTIONS, settingsOf } from "./options.js";
import { CodexMcp } from "./server.js";
import type { McpHandle } from "./stdio.js";
import { carriesToken, loadToken, type ServerToken } from "./token.js";

/** Options of `serveMcpHttp`. */
export interface McpHttpOptions extends CodexMcpOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** The address to listen on. Only the loopback is allowed. Default `127.0.0.1`. */
  readonly host?: "127.0.0.1" | "::1" | undefined;
  /** The token that clients send as `Authorization: Bearer …`. Default: `CODEX_EMBED_MCP_TOKEN`, else a new one. */
  readonly token?: string | undefined;
  /** A file that holds the token. If it does not exist, it is written with a new token and mode 0600. */
  readonly tokenFile?: string | undefined;
  /** The largest request body in bytes. Default 4 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** How many clients of protocol 2025-11-25 or earlier may be connected; an idle one makes room. Default 64. */
  readonly maxSessions?: number | undefined;
}

/** A running HTTP server. */
export interface McpHttpHandle extends McpHandle {
  /** The URL that clients connect to, such as `http://127.0.0.1:40123/mcp`. */
  readonly url: string;
  /** The file that holds the token; null when the token came from `token` or the environment. */
  readonly tokenFile: string | null;
}

const PATH = "/mcp";
const HTTP_OPTIONS = {
  ...OPTIONS,
  port: integer(0).optional(),
  host: oneOf(["127.0.0.1", "::1"]).optional(),
  token: text.optional(),
  tokenFile: text.optional(),
  maxRequestBytes: integer(1).optional(),
  maxSessions: integer(1).optional(),
};

/**
 * Serves MCP (Streamable HTTP) on the loopback to clients that have the token. Resolves as soon as it listens; the
 * runtime starts at the first call of a tool.
 *
 * @throws UsageError (as a rejection) for unknown options, values of the wrong kind, roots that are no folders, a port
 * that cannot be listened on, and a token file that others can read.
 */
export async function serveMcpHttp(options: McpHttpOptions = {}): Promise<McpHttpHandle> {
  const checked = checkOptions(options, HTTP_OPTIONS, "serveMcpHttp");
  const { port = 0, host = "127.0.0.1", token, tokenFile, ...more } = checked;
  const { maxRequestBytes = 4 * 1024 * 1024, maxSessions = 64, ...rest } = more;
  const settings = settingsOf(rest, "serveMcpHttp");
  const stored = await loadToken({ token, tokenFile });
  const mcp = new CodexMcp(settings);
  const onerror = ({ name }: Error): void =>
    settings.logger?.warn({ error: name }, "Could not serve a message of an MCP client.");
  const sessions = new Sessions(mcp.createServer, maxSessions);
  const modern = createMcpHandler(mcp.createServer, { legacy: "reject", onerror });

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const send = (response: Response) => sendResponse(response, outgoing);
    const rejection = reject(incoming, stored.token);
    if (rejection !== null) return send(rejection);
    const body = await readBody(incoming, maxRequestBytes);
    if (body === null) {
      outgoing.setHeader("connection", "close");
      return send(errorResponse(413, `The request is too large: the limit is ${maxRequestBytes} bytes.`));
    }
    const request = toRequest(incoming, outgoing, body);
    const parsedBody = parseJson(body);
    if (await isLegacyRequest(request, parsedBody)) return sessions.serve(request, parsedBody, send);
    await send(await modern.fetch(request, parsedBody === undefined ? {} : { parsedBody }));
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch((error: unknown) => {
      onerror(error instanceof Error ? error : new Error("unknown"));
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    });
  });
  const url = await listen(server, port, host, stored);

  let closing: Promise<void> | null = null;
  let settle = (): void => {};
  const closed = new Promise<void>((resolve) => (settle = resolve));
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      // The calls first, so that each is answered.
      await Promise.allSettled([mcp.close()]);
      await Promise.allSettled([sessions.close(), modern.close()]);
      server.closeAllConnections();
      await Promise.allSettled([stopped, stored.dispose()]);
      settle();
    })();
    return closing;
  };
  return { url, tokenFile: stored.file, closed, close, [Symbol.asyncDispose]: close };
}

/** The answer to a request that is not let in; null for one that is. Looks at headers only, so nothing is read for it. */
function reject({ url, headers }: IncomingMessage, token: string): Response | null {
  // Against DNS rebinding: a web page can reach the loopback under a name of its own, which both headers then show.
  if (!validateHostHeader(headers.host, localhostAllowedHostnames()).ok) {
    return errorResponse(403, "Forbidden: the Host header must name this machine, such as 127.0.0.1.");
  }
  if (!validateOriginHeader(headers.origin, localhostAllowedOrigins()).ok) {
    return errorResponse(403, "Forbidden: the Origin header must name this machine, or be left out.");
  }
  if (!carriesToken(headers.authorization, token)) {
    const message = "Unauthorized. Send the token of this server: Authorization: Bearer <token>";
    return errorResponse(401, message, { "www-authenticate": "Bearer" });
  }
  if (url !== PATH && !url?.startsWith(`${PATH}?`)) {
    return errorResponse(404, `Not found. The MCP endpoint is ${PATH}.`);
  }
  return null;
}

/** An answer below the protocol, in the form that its clients read. */
function errorResponse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = { jsonrpc: "2.0", error: { code: -32_000, message }, id: null };
  return Response.json(body, { status, headers });
}

/** Undefined for what is no JSON: the library answers that. */
function parseJson(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return value;
  } catch {
    return undefined;
  }
}

async function listen(server: Server, port: number, host: string, stored: ServerToken): Promise<string> {
  try {
    await new Promise<void>((resolve, fail) => {
      server.once("error", fail);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    await stored.dispose();
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new UsageError(
      `Cannot listen on port ${port} of ${host}${code}. Give another port, or leave it out for any free one.`,
      { cause },
    );
  }
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return `http://${host.includes(":") ? `[${host}]` : host}:${bound}${PATH}`;
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** How many requests are still being answered. */
  open: number;
}

/** The sessions of clients of protocol 2025-11-25 or earlier: a server and a transport each. */
class Sessions {
  readonly #createServer: () => McpServer;
  readonly #max: number;
  /** Least recently used first. */
  readonly #sessions = new Map<string, Session>();
  #isClosed = false;

  /** @param max - how many there may be: an idle one makes room, and while none is idle no new one starts */
  constructor(createServer: () => McpServer, max: number) {
    this.#createServer = createServer;
    this.#max = max;
  }

  /** Serves a request. Its session is not idle until `send` is through. */
  async serve(request: Request, parsedBody: unknown, send: (response: Response) => Promise<void>): Promise<void> {
    const id = request.headers.get("mcp-session-id");
    if (id === null) return this.#start(request, parsedBody, send);
    const session = this.#sessions.get(id);
    if (session === undefined) {
      return send(errorResponse(404, "Session not found: it has ended. Start a new one with initialize."));
    }
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    await this.#exchange(session, request, parsedBody, send);
  }

  /** Ends all sessions, and the calls of their clients. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(sessions.map(({ transport }) => transport.close()));
  }

  async #start(request: Request, parsedBody: unknown, send: (response: Response) => Promise<void>): Promise<void> {
    if (request.method !== "POST" || !isInitializeRequest(parsedBody)) {
      return send(errorResponse(400, "The request has no Mcp-Session-Id header. Start a session with initialize."));
    }
    if (this.#isClosed || !(await this.#makeRoom())) {
      return send(errorResponse(503, `Busy: this server has ${this.#max} sessions in use. Try again later.`));
    }
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
    });
    const session: Session = { transport, open: 0 };
    const server = this.#createServer();
    server.server.onclose = () => this.#forget(session);
    await server.connect(transport);
    await this.#exchange(session, request, parsedBody, send);
    if (transport.sessionId === undefined) await server.close();
  }

  async #exchange(
    session: Session,
    request: Request,
    parsedBody: unknown,
    send: (response: Response) => Promise<void>,
  ): Promise<void> {
    session.open++;
    try {
      await send(await session.transport.handleRequest(request, { parsedBody }));
    } finally {
      session.open--;
    }
  }

  async #makeRoom(): Promise<boolean> {
    if (this.#sessions.size < this.#max) return true;
    const idle = [...this.#sessions.values()].find(({ open }) => open === 0);
    await idle?.transport.close();
    return idle !== undefined;
  }

  #forget(session: Session): void {
    const { sessionId } = session.transport;
    if (sessionId !== undefined && this.#sessions.get(sessionId) === session) this.#sessions.delete(sessionId);
  }
}

// Between the messages of Node's HTTP server and those of the web, which the MCP library takes.

/** The body of a request. Null when it exceeds the limit; the rest is not read then. */
async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const data: unknown = chunk;
    if (!Buffer.isBuffer(data)) continue;
    bytes += data.length;
    if (bytes > maxBytes) return null;
    chunks.push(data);
  }
  return Buffer.concat(chunks);
}

/** The request as the library takes it. Its signal aborts when the response can no longer arrive. */
function toRequest(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Request {
  const lost = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) lost.abort(new Error("The client disconnected."));
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) headers.append(name, each);
  }
  return new Request(`http://${incoming.headers.host ?? "localhost"}${incoming.url ?? "/"}`, {
    method: incoming.method ?? "GET",
    headers,
    body: body.length === 0 ? null : new Uint8Array(body),
    signal: lost.signal,
  });
}

/** Sends the response, event streams chunk by chunk. Resolves when it is sent, or when its client has disconnected. */
async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  if (reader === undefined) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  const onClose = (): void => void reader.cancel().catch(() => {});
  outgoing.once("close", onClose);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || outgoing.destroyed) break;
      if (!outgoing.write(value)) await drained(outgoing);
    }
    outgoing.end();
  } catch {
    // The stream failed. A response that ends here would pass for a complete one.
    outgoing.destroy();
  } finally {
    outgoing.off("close", onClose);
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.once("drain", done);
    outgoing.once("close", done);
  });
}
