import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isRecord } from "../util/json.js";
import { TOOL_NAME } from "./hooks.js";

/** The largest request: a call with all its arguments and its output. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const SECRET_HEADER = "x-codex-embed-guards";

/** A hook that the runtime asks about. */
export interface HookRequest {
  /** Which thread's guards are asked: what `urlOf` was called with. */
  readonly key: string;
  /** The thread that the event is of: the one with the guards, or a sub-agent of it. */
  readonly threadId: string | null;
  readonly input: Readonly<Record<string, unknown>>;
  /** Aborts when the runtime no longer waits. */
  readonly signal: AbortSignal;
}

/**
 * The MCP server that answers the hooks of the runtime: streamable HTTP with plain JSON answers, on the loopback interface.
 * Every request needs the secret of this server, and must be addressed to it: a page in a browser can do neither. It does
 * not keep the program alive.
 */
export class GuardServer {
  readonly #server: Server;
  readonly #secret = randomBytes(32).toString("hex");
  readonly #answer: (request: HookRequest) => Promise<string>;
  #host = "";

  private constructor(answer: (request: HookRequest) => Promise<string>) {
    this.#answer = answer;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => {
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    });
    this.#server.keepAliveTimeout = 0;
  }

  /** @param answer - resolves with the text that the hook gives the runtime. */
  static async listen(answer: (request: HookRequest) => Promise<string>): Promise<GuardServer> {
    const server = new GuardServer(answer);
    await server.#listen();
    return server;
  }

  /** The headers that a request needs. */
  get headers(): Readonly<Record<string, string>> {
    return { [SECRET_HEADER]: this.#secret };
  }

  /** The address for a thread. */
  urlOf(key: string): string {
    return `http://${this.#host}/${key}`;
  }

  /** Closes the server and its connections. Idempotent. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        this.#server.off("error", reject);
        this.#server.on("error", () => {});
        const address = this.#server.address();
        this.#host = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
        this.#server.unref();
        resolve();
      });
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, origin, [SECRET_HEADER]: secret } = request.headers;
    if (host !== this.#host || origin !== undefined || typeof secret !== "string" || !isSame(secret, this.#secret)) {
      return refuse(request, response, 403);
    }
    if (request.method !== "POST") return refuse(request, response, 405);
    const body = await readBody(request);
    if (body === null) return refuse(request, response, 413);
    let message: unknown;
    try {
      message = JSON.parse(body);
    } catch {
      return refuse(request, response, 400);
    }
    if (!isRecord(message)) return refuse(request, response, 400);
    if (message["id"] === undefined) return void response.writeHead(202).end();
    response.sendDate = false;
    const controller = new AbortController();
    response.once("close", () => controller.abort());
    const key = (request.url ?? "").slice(1);
    const reply = await this.#reply(message, key, controller.signal);
    const text = JSON.stringify({ jsonrpc: "2.0", id: message["id"], ...reply });
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  }

  async #reply(message: Readonly<Record<string, unknown>>, key: string, signal: AbortSignal): Promise<object> {
    const params = isRecord(message["params"]) ? message["params"] : {};
    switch (message["method"]) {
      case "initialize": {
        const serverInfo = { name: "codex-embed-guards", version: "1" };
        return { result: { protocolVersion: params["protocolVersion"], capabilities: { tools: {} }, serverInfo } };
      }
      case "ping":
        return { result: {} };
      case "tools/list":
        return { result: { tools: [TOOL] } };
      case "tools/call": {
        const meta = isRecord(params["_meta"]) ? params["_meta"] : {};
        const threadId = typeof meta["threadId"] === "string" ? meta["threadId"] : null;
        const input = isRecord(params["arguments"]) ? params["arguments"] : {};
        const text = await this.#answer({ key, threadId, input, signal });
        return { result: { content: [{ type: "text", text }] } };
      }
      default:
        return { error: { code: -32601, message: "Method not found." } };
    }
  }
}

/** Hidden from the model, which can neither see nor call it; hooks can. */
const TOOL = {
  name: TOOL_NAME,
  description: "Answers the hooks of the runtime.",
  inputSchema: { type: "object" },
  _meta: { ui: { visibility: ["app"] } },
};

function isSame(given: string, secret: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume();
  response.writeHead(status).end();
}

/** The body, or null when it is too large. */
function readBody(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (bytes: Buffer) => {
      size += bytes.length;
      if (size > MAX_BODY_BYTES) resolve(null);
      else chunks.push(bytes);
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}
