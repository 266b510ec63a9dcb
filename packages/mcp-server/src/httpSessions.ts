/** Owns the sessions of HTTP clients of the protocol up to 2025-11-25: a server and a transport each. */

import type { McpServer } from "@modelcontextprotocol/server";
import type { McpLibrary } from "./library.js";
import { refusal } from "./webExchange.js";

type Transport = InstanceType<McpLibrary["WebStandardStreamableHTTPServerTransport"]>;

interface Session {
  readonly transport: Transport;
  /** Requests whose responses are still being sent. */
  open: number;
}

/** Serves the sessions. There are at most `maxSessions`: an idle one makes room, and with none idle no more begin. */
export class HttpSessions {
  readonly #library: McpLibrary;
  readonly #createServer: () => McpServer;
  readonly #maxSessions: number;
  /** In the order of their last use. */
  readonly #sessions = new Map<string, Session>();
  #isClosed = false;

  constructor(library: McpLibrary, createServer: () => McpServer, maxSessions: number) {
    this.#library = library;
    this.#createServer = createServer;
    this.#maxSessions = maxSessions;
  }

  /** Serves a request, `send` included: until it is through, its session is not idle. */
  async serve(request: Request, parsedBody: unknown, send: (response: Response) => Promise<void>): Promise<void> {
    const id = request.headers.get("mcp-session-id");
    if (id === null) return this.#begin(request, parsedBody, send);
    const session = this.#sessions.get(id);
    if (session === undefined) return send(refusal(404, "No session has this id: it has ended. Begin a new one."));
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    await this.#exchange(session, request, parsedBody, send);
  }

  /** Ends all sessions, and what their clients have called. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(sessions.map(({ transport }) => transport.close()));
  }

  async #begin(request: Request, parsedBody: unknown, send: (response: Response) => Promise<void>): Promise<void> {
    if (request.method !== "POST" || !this.#library.isInitializeRequest(parsedBody)) {
      return send(refusal(400, "The request names no session: begin one with initialize."));
    }
    if (this.#isClosed || !(await this.#makeRoom())) {
      return send(refusal(503, "This server has as many sessions as it serves at once. Try again later."));
    }
    const transport = new this.#library.WebStandardStreamableHTTPServerTransport({
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
    if (this.#sessions.size < this.#maxSessions) return true;
    const idle = [...this.#sessions.values()].find(({ open }) => open === 0);
    await idle?.transport.close();
    return idle !== undefined;
  }

  #forget(session: Session): void {
    const { sessionId } = session.transport;
    if (sessionId !== undefined && this.#sessions.get(sessionId) === session) this.#sessions.delete(sessionId);
  }
}
