import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile, realpath } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type Codex, CodexError } from "codex-embed";
import { toResponse } from "codex-embed/ui";
import { PathError, pathWithin, type ReviewEvent, ReviewRequest, review } from "./review.js";

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_RUNNING = 2;
const MAX_KEPT = 20;

/** The service listens on this machine only. */
export interface ReviewServiceOptions {
  readonly codex: Codex;
  /** The folder to review. */
  readonly repository: string;
  /** Default: any free port. */
  readonly port?: number;
}

/** A running service. */
export interface ReviewService {
  readonly url: string;
  /** Stops the reviews and the server. The client stays open. */
  close(): Promise<void>;
}

/** The events of a review, from the first to the last, for any number of readers at any time. */
class Feed implements AsyncIterable<ReviewEvent> {
  readonly #events: ReviewEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #isEnded = false;

  add(event: ReviewEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReviewEvent> {
    for (let next = 0; ; next += 1) {
      while (next >= this.#events.length && !this.#isEnded) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
      const event = this.#events[next];
      if (event === undefined) return;
      yield event;
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

interface Job {
  readonly feed: Feed;
  readonly controller: AbortController;
  running: boolean;
}

/** An error with the HTTP status that the request gets. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Starts the service on 127.0.0.1. Rejects if the port is taken or the repository does not exist. */
export async function startReviewService(options: ReviewServiceOptions): Promise<ReviewService> {
  const repository = await realpath(options.repository);
  const page = await readFile(new URL("./page.html", import.meta.url), "utf8");
  const jobs = new Map<string, Job>();
  const ends = new Set<Promise<void>>();

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const refusal = error instanceof Refusal ? error : new Refusal(500, "The service failed.");
      if (!(error instanceof Refusal)) console.error(error);
      if (!response.headersSent) sendJson(response, refusal.status, { message: refusal.message });
      else response.destroy();
    });
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The service did not get a port.");
  const { port } = address;
  const url = `http://127.0.0.1:${port}/`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    assertOwnPage(request, port);
    const { pathname } = new URL(request.url ?? "/", url);
    const [, id, events] = /^\/reviews\/([\w-]+)(\/events)?$/.exec(pathname) ?? [];
    const job = id === undefined ? undefined : jobs.get(id);
    const route = `${request.method} ${pathname}`;
    if (route === "GET /") return sendPage(response, page, basename(repository));
    if (route === "POST /reviews")
      return sendJson(response, 202, { id: begin(await readRequest(request, repository)) });
    if (job !== undefined && events !== undefined && request.method === "GET") return follow(job, request, response);
    if (job !== undefined && events === undefined && request.method === "DELETE") {
      job.controller.abort(new Refusal(0, "The review was stopped."));
      response.writeHead(204).end();
      return;
    }
    throw new Refusal(404, "Not found.");
  }

  function begin(request: ReviewRequest): string {
    if ([...jobs.values()].filter(({ running }) => running).length >= MAX_RUNNING) {
      throw new Refusal(429, `${MAX_RUNNING} reviews are running already. Wait for one to finish.`);
    }
    for (const [id, { running }] of jobs) if (jobs.size >= MAX_KEPT && !running) jobs.delete(id);
    const id = randomUUID();
    const job: Job = { feed: new Feed(), controller: new AbortController(), running: true };
    jobs.set(id, job);
    const end = run(options.codex, repository, request, job).finally(() => ends.delete(end));
    ends.add(end);
    return id;
  }

  return {
    url,
    async close() {
      for (const { controller } of jobs.values()) controller.abort(new Refusal(0, "The service was stopped."));
      await Promise.all(ends);
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function run(codex: Codex, repository: string, request: ReviewRequest, job: Job): Promise<void> {
  const emit = (event: ReviewEvent): void => job.feed.add(event);
  try {
    await review(codex, repository, request, { emit, signal: job.controller.signal });
  } catch (error) {
    const isForPeople = CodexError.isInstance(error) || error instanceof Refusal;
    if (!isForPeople) console.error(error);
    emit({ type: "failed", message: isForPeople ? error.message : "The review failed." });
  }
  job.running = false;
  job.feed.end();
}

/** Another web page must not start or read reviews, not even by a host name that resolves to this machine. */
function assertOwnPage(request: IncomingMessage, port: number): void {
  const { host, origin } = request.headers;
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (host === undefined || !hosts.includes(host))
    throw new Refusal(403, "Wrong host. Open the address that the service printed.");
  if (origin !== undefined && !hosts.includes(origin.replace("http://", ""))) {
    throw new Refusal(403, "Requests from other origins are not allowed.");
  }
}

async function readRequest(request: IncomingMessage, repository: string): Promise<ReviewRequest> {
  if (request.headers["content-type"] !== "application/json")
    throw new Refusal(415, "The content type must be application/json.");
  const length = request.headers["content-length"];
  if (length === undefined) throw new Refusal(411, "The request needs a Content-Length.");
  if (Number(length) > MAX_BODY_BYTES) throw new Refusal(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  const parsed = ReviewRequest.safeParse(parseJson(await text(request)));
  if (!parsed.success) throw new Refusal(400, parsed.error.issues.map(({ message }) => message).join(" "));
  if (parsed.data.kind === "uncommitted") {
    await pathWithin(repository, parsed.data.path ?? ".").catch((error: unknown) => {
      throw error instanceof PathError ? new Refusal(400, error.message) : error;
    });
  }
  return parsed.data;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, "The body is not valid JSON.");
  }
}

/** The page can run only its own script and style, and can reach only this service. */
function sendPage(response: ServerResponse, page: string, repository: string): void {
  const nonce = randomBytes(16).toString("base64");
  const own = `'nonce-${nonce}'`;
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `default-src 'none'; script-src ${own}; style-src ${own}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  response.end(page.replaceAll("{{nonce}}", nonce).replaceAll("{{repository}}", () => escapeHtml(repository)));
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json", "x-content-type-options": "nosniff" });
  response.end(JSON.stringify(value));
}

/** Sends the events, from the one behind that which the page has seen. */
async function follow({ feed }: Job, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = toResponse({ events: feed }, request);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  // A page may leave at any time.
  else await pipeline(Readable.fromWeb(answer.body), response).catch(() => response.destroy());
}

function escapeHtml(words: string): string {
  return words.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
