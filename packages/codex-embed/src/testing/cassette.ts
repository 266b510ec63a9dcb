import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../errors/base.js";
import { isRecord } from "../util/json.js";
import { answerOf, eventTexts } from "./cassetteAnswer.js";
import { type CassetteContent, type Entry, type RecordedAnswer, readCassette, writeCassette } from "./cassetteFile.js";
import { CassetteError, type CassetteMode, type CassetteOptions, modeOf } from "./cassetteOptions.js";
import { decoded, findUpstream, forward, SseReader, type Upstream } from "./cassetteProvider.js";
import { type Drift, Tape } from "./cassetteTape.js";
import { type Reading, show, World } from "./cassetteWorld.js";
import { parseJson, RecordedRequest } from "./recordedRequest.js";
import type { SseEvent } from "./script.js";
import type { TestHome } from "./testHome.js";

/** The runtime sends metadata of the turn in a header, and paths can be long. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** A recorded session of the runtime with its model, or one that is being recorded. */
export class Cassette {
  /** What the cassette does. */
  readonly mode: CassetteMode;
  /** The path of the file. */
  readonly file: string;
  /** The `base_url` of the provider to configure: `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string;
  /** The model to configure: the recorded one, or the one to record with. Null for the default of the runtime. */
  readonly model: string | null;
  readonly #options: CassetteOptions;
  readonly #server: Server;
  readonly #upstream: Upstream | null;
  readonly #tape: Tape;
  readonly #world: World;
  readonly #requests: RecordedRequest[] = [];
  /** The calls of this run, in order of arrival. Null until their answer is known. */
  readonly #calls: (Entry | null)[] = [];
  readonly #drifts: Drift[] = [];
  readonly #problems: string[] = [];
  readonly #serving = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  private constructor(server: Server, options: CassetteOptions, mode: CassetteMode, parts: CassetteParts) {
    const address = server.address();
    if (address === null || typeof address === "string") throw new CassetteError("There is no free port on 127.0.0.1.");
    this.mode = mode;
    this.file = options.file;
    this.baseUrl = `http://127.0.0.1:${address.port}/v1`;
    this.model = parts.content?.model ?? options.model ?? null;
    this.#options = options;
    this.#server = server;
    this.#upstream = parts.upstream;
    this.#tape = new Tape(parts.content?.entries ?? []);
    this.#world = new World(options.redact, options.ignore);
    server.on("request", (request, response) => {
      const serving = this.#serve(request, response)
        .catch((error: unknown) => {
          this.#refuse(response, 500, `The cassette failed while answering a request: ${messageOf(error)}`);
        })
        .finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    });
    server.on("upgrade", (_, socket) => {
      this.#problems.push(NO_WEBSOCKET);
      socket.on("error", () => {});
      socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
  }

  /**
   * @internal Reads the file, or finds the provider to record from, and starts the server. Rejects with a `CassetteError`
   * if either is missing.
   */
  static async open(options: CassetteOptions): Promise<Cassette> {
    const mode = modeOf(options);
    const content = mode === "record" ? null : await readCassette(options.file);
    if (content === null && mode === "replay") throw missing(options.file);
    const upstream = mode === "replay" ? null : await findUpstream(options.provider);
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Cassette(server, options, mode, { content, upstream });
  }

  /** All requests of the runtime so far, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** @internal Names the folders of this run, which are other ones in the next. */
  knowFolders({ workspace, codexHome, env }: TestHome): void {
    const { HOME: home = "", TMPDIR: temporary = "" } = env;
    this.#world.setFolders({ ...this.#options.folders, workspace, codexHome, home, temporary });
  }

  /** Where this run differs from the recorded session, as a diff. Empty if it does not. */
  report(): string {
    return [...this.#differences(), ...this.#unused(), ...this.#problems].join("\n");
  }

  #differences(): readonly string[] {
    return this.#drifts.flatMap(({ where, difference }) =>
      difference === null
        ? [`A request without a recorded call (${where})`]
        : [`${difference.path} (${where})`, `- ${difference.recorded}`, `+ ${difference.now}`],
    );
  }

  /**
   * Throws `CassetteError` if a recorded call was not used, or a request was not the recorded one. When it records or
   * updates: if the provider was not reached for a request.
   */
  assertComplete(): void {
    if (this.mode !== "replay") {
      if (this.#problems.length > 0) throw new CassetteError(this.#problems.join("\n"));
      return;
    }
    const report = this.report();
    if (report !== "") throw new CassetteError(`The session is not that of ${this.file}:\n${report}\n${ADVICE}`);
  }

  /**
   * Stops the server. Writes the file first if it records, or if it updates and something has changed. Idempotent. Rejects
   * with a `CassetteError` if the session must not or cannot be written; the file is unchanged then.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await Promise.all(this.#serving);
    if (this.#upstream === null) return;
    if (this.mode === "update" && this.#drifts.length === 0 && this.#tape.left.length === 0) return;
    const [problem] = this.#problems;
    if (problem !== undefined) throw new CassetteError(`${this.file} was not written. ${problem}`);
    const entries = this.#calls.filter((call) => call !== null);
    if (entries.length === 0) throw new CassetteError(`${this.file} was not written: the runtime asked no model.`);
    const model = this.model ?? this.#requestedModel();
    await writeCassette(this.file, { model, entries }, this.#upstream.secrets);
  }

  /** The default model of the runtime, by the first request of a turn. */
  #requestedModel(): string | null {
    const model = this.#requests.find(({ subagent }) => subagent === undefined)?.body["model"];
    return typeof model === "string" ? model : null;
  }

  #unused(): readonly string[] {
    // What an update does not use is no longer part of the session.
    if (this.mode !== "replay") return [];
    return this.#tape.left.map(({ thread, kind }) => `An unused call (thread ${thread}, ${kind})`);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // The client may disconnect at any time. Without a listener, that would crash the process.
    incoming.on("error", () => {});
    response.on("error", () => {});
    const what = `${incoming.method} ${incoming.url}`;
    if (what !== "POST /v1/responses") {
      this.#refuse(response, 404, `A cassette holds only POST /v1/responses, but the runtime asked ${what}.`);
      return;
    }
    const bytes = await readBody(incoming);
    const body = parseJson(Buffer.from(bytes).toString("utf8"));
    if (!isRecord(body)) {
      this.#refuse(response, 400, "The runtime sent a body that is not a JSON object.");
      return;
    }
    const request = new RecordedRequest(this.#requests.length, body, incoming.headers, endOf(response));
    this.#requests.push(request);
    const { threadId = "", subagent: kind = "turn" } = request;
    const reading = this.#world.read(request.input);
    const entry = this.#tape.take(threadId, kind, reading.conversation);
    if (entry !== null) {
      this.#calls.push(entry);
      await play(entry.answer, reading, response);
      return;
    }
    if (this.#upstream !== null && this.mode === "record") {
      await this.#record(this.#upstream, { incoming, bytes, request, reading, response });
      return;
    }
    const drift = this.#tape.drift(threadId, kind, reading.conversation);
    this.#drifts.push(drift);
    if (this.#upstream !== null) {
      await this.#record(this.#upstream, { incoming, bytes, request, reading, response });
      return;
    }
    answerError(response, 400, `${describe(drift)} ${ADVICE}`);
  }

  async #record(upstream: Upstream, call: Call): Promise<void> {
    const { incoming, bytes, request, reading, response } = call;
    const index = this.#calls.push(null) - 1;
    const { threadId = "", subagent: kind = "turn" } = request;
    const thread = this.#tape.threadOf(threadId);
    const hungUp = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) hungUp.abort();
    });
    const startedAt = performance.now();
    let reply: IncomingMessage;
    try {
      reply = await forward(upstream, incoming, bytes, hungUp.signal);
    } catch (error) {
      if (hungUp.signal.aborted) {
        const answer = { status: 200, events: [], end: "hung up" } as const;
        this.#calls[index] = { thread, kind, conversation: reading.conversation, answer };
      } else this.#refuse(response, 502, `The provider was not reached: ${messageOf(error)}.`);
      return;
    }
    const status = reply.statusCode ?? 502;
    const { "content-type": type = "", "retry-after": retryAfter } = reply.headers;
    const streams = status === 200 && type.startsWith("text/event-stream");
    response.writeHead(status, headersOf(streams, retryAfter));
    const reader = new SseReader();
    const chunks: Uint8Array[] = [];
    const events: SseEvent[] = [];
    const timesMs: number[] = [];
    const keep = (found: readonly SseEvent[]): void => {
      for (const event of found) {
        events.push(event);
        timesMs.push(Math.round(performance.now() - startedAt));
      }
    };
    let end: RecordedAnswer["end"];
    try {
      for await (const chunk of decoded(reply)) {
        if (!(chunk instanceof Uint8Array)) continue;
        if (streams) keep(reader.push(chunk));
        else chunks.push(chunk);
        if (!response.write(chunk)) await once(response, "drain", { signal: hungUp.signal });
      }
      if (streams) keep(reader.push());
    } catch (error) {
      if (!hungUp.signal.aborted) throw error;
    }
    // The runtime closes the connection at the last event, which may be before the provider has ended its answer.
    if (events.some(({ type }) => LAST_EVENTS.has(type))) end = undefined;
    else if (hungUp.signal.aborted) end = "hung up";
    else if (!reply.complete) end = "dropped";
    if (end === undefined) response.end();
    else response.destroy();
    const answer = answerOf(
      {
        status,
        ...(retryAfter !== undefined && { retryAfter }),
        ...(streams ? { events } : { body: Buffer.concat(chunks).toString("utf8") }),
        ...(end !== undefined && { end }),
        ...(streams && this.#options.pace === "recorded" && { timesMs }),
      },
      this.#world.hider(reading),
    );
    this.#calls[index] = { thread, kind, conversation: reading.conversation, answer };
  }

  #refuse(response: ServerResponse, status: number, message: string): void {
    this.#problems.push(message);
    answerError(response, status, message);
  }
}

interface CassetteParts {
  readonly content: CassetteContent | null;
  readonly upstream: Upstream | null;
}

/** A request on its way to the provider. */
interface Call {
  readonly incoming: IncomingMessage;
  readonly bytes: Uint8Array;
  readonly request: RecordedRequest;
  readonly reading: Reading;
  readonly response: ServerResponse;
}

const ADVICE =
  "If the change is meant, record again from the first difference on: CODEX_CASSETTE=update, with the same test.";

const NO_WEBSOCKET =
  "The runtime asked for a WebSocket, which a cassette cannot hold. Take `supports_websockets` out of the provider's " +
  "configuration.";

function missing(file: string): CassetteError {
  const runner = process.env["VITEST"] === undefined ? "node --test" : "npx vitest run";
  return new CassetteError(
    `There is no cassette at ${file}. Record it with the real model: CODEX_CASSETTE=record ${runner}`,
  );
}

function describe({ where, difference }: Drift): string {
  if (difference === null) return `The cassette has no call left for this request (${where}).`;
  const { path, recorded, now } = difference;
  return `The session differs from the cassette (${where}) at ${path}: recorded ${recorded}, now ${now}.`;
}

function endOf(response: ServerResponse): RecordedRequest["ended"] {
  return new Promise((resolve) => {
    response.once("close", () => resolve(response.writableFinished ? "answered" : "cut off"));
  });
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decoded(incoming)) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function headersOf(streams: boolean, retryAfter: string | undefined): Record<string, string> {
  return {
    "content-type": streams ? "text/event-stream" : "application/json",
    ...(retryAfter !== undefined && { "retry-after": retryAfter }),
  };
}

function answerError(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ error: { message, type: "cassette", code: "cassette" } }));
}

/** The event after which nothing more of a response is read. */
const LAST_EVENTS: ReadonlySet<string> = new Set(["response.completed", "response.failed", "response.incomplete"]);

/** Plays a recorded answer with the values of this run. Resolves once it has ended, also if the client disconnects. */
async function play(answer: RecordedAnswer, reading: Reading, response: ServerResponse): Promise<void> {
  const { status, retryAfter, events, body, end, timesMs } = answer;
  response.writeHead(status, headersOf(events !== undefined, retryAfter));
  if (events === undefined) {
    response.end(show(body ?? "", reading));
    return;
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  if (response.destroyed) gone.abort();
  const startedAt = performance.now();
  try {
    for (const [index, text] of eventTexts(events, reading).entries()) {
      const dueMs = (timesMs?.[index - 1] ?? 0) - (performance.now() - startedAt);
      if (dueMs > 0) await wait(dueMs, undefined, { signal: gone.signal });
      gone.signal.throwIfAborted();
      if (!response.write(text)) await once(response, "drain", { signal: gone.signal });
    }
    if (end === "hung up") await once(gone.signal, "abort");
    if (end === "dropped") {
      // The callback runs once the system has the bytes. Destroying the socket earlier could lose them.
      await new Promise<void>((resolve) => response.write(": disconnecting\n\n", () => resolve()));
      response.destroy();
    } else response.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
