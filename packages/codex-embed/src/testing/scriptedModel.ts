import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { isRecord } from "../util/json.js";
import { integer } from "../validate/kinds.js";
import { checkOptions } from "../validate/options.js";
import { type Pause, ScriptError } from "./parts.js";
import { type JsonObject, parseJson, type RecordedRequest, type RequestEnd, RequestLog } from "./recordedRequest.js";
import {
  abandonGates,
  Playbook,
  type RequestFilter,
  type RequestRoute,
  type Responder,
  type Script,
  type SseEvent,
  type StepQueue,
} from "./script.js";
import type { Part, Step } from "./step.js";

const DEFAULT_MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** The runtime sends metadata of the turn in a header, and paths can be long. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** Options of {@link ScriptedModel.start}. */
export interface ScriptedModelOptions {
  /** The largest accepted request body, in bytes. Default 64 MiB. */
  readonly maxRequestBytes?: number;
}

/**
 * A model that plays a script. It serves the OpenAI Responses API on a free port of 127.0.0.1. The runtime sends one
 * request per model response, and each request gets the next step of the script. A request without a step left is
 * answered with HTTP 400, and {@link assertComplete} reports it.
 */
export class ScriptedModel implements StepQueue {
  /** The `base_url` of the provider to configure: `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string;
  readonly #server: Server;
  readonly #maxRequestBytes: number;
  readonly #playbook = new Playbook();
  readonly #log = new RequestLog();
  readonly #problems: string[] = [];
  #closing: Promise<void> | undefined;

  private constructor(server: Server, port: number, options: ScriptedModelOptions) {
    this.#server = server;
    this.baseUrl = `http://127.0.0.1:${port}/v1`;
    this.#maxRequestBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
    server.on("request", (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.#problems.push(`The model failed while answering a request: ${String(error)}`);
        response.destroy();
      });
    });
  }

  /** Starts a model on a free port. Rejects if it cannot listen on 127.0.0.1. */
  static async start(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
    const checked = checkOptions(options, "ScriptedModel.start", { maxRequestBytes: integer(1) });
    // Otherwise the server could close an idle connection just as the client reuses it: a failure that nobody scripted.
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string")
      throw new ScriptError("The model got no TCP port on 127.0.0.1.");
    return new ScriptedModel(server, address.port, checked);
  }

  /** All requests so far, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#log.requests;
  }

  /** Adds steps to the script. Each answers one request; a bare part is a step of one part. Returns the model. */
  enqueue(...steps: readonly (Step | Part)[]): this {
    this.#playbook.main.enqueue(...steps);
    return this;
  }

  /**
   * Opens a queue for the requests that `filter` accepts, for example those of one thread. Such a queue takes
   * precedence over the model's own while it has steps left or a `reply`; among several, the one that was opened first
   * wins.
   */
  when(filter: RequestFilter): RequestRoute {
    return this.#playbook.addRoute(filter);
  }

  /** Sets the responder for requests that no queue has a step for. A later call replaces it. Returns the model. */
  respondWith(responder: Responder): this {
    this.#playbook.setResponder(responder);
    return this;
  }

  /**
   * Resolves with request number `index`, from 0, once it arrives. Rejects with a `ScriptError` if the model closes
   * first.
   */
  request(index: number): Promise<RecordedRequest> {
    return this.#log.request(index);
  }

  /** Throws `ScriptError` if a step was not used, or if a request arrived that no step was left for. */
  assertComplete(): void {
    const unused = this.#playbook.unused();
    const problems = [...this.#problems];
    if (unused.length > 0) {
      problems.unshift(`Unused steps of the script: ${unused.join(", ")}.`);
    }
    if (problems.length > 0) throw new ScriptError(problems.join("\n"));
  }

  /** Drops all connections and stops. Idempotent. Resolves once the port is free. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    this.#log.close();
    this.#playbook.abandon();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // The client may disconnect at any time. Without a listener, that would crash the process.
    incoming.on("error", () => {});
    response.on("error", () => {});
    const what = `${incoming.method} ${incoming.url}`;
    if (what !== "POST /v1/responses") {
      this.#refuse(response, 404, `ScriptedModel serves only POST /v1/responses, but received ${what}.`);
      return;
    }
    const ended = endOf(response);
    const read = await readJsonBody(incoming, this.#maxRequestBytes);
    if (read.outcome === "gone") return;
    if (read.outcome === "refused") {
      this.#refuse(response, read.status, read.message);
      return;
    }
    const request = this.#log.add(read.body, incoming.headers, ended);
    let script;
    try {
      script = this.#playbook.take(request);
    } catch (error) {
      this.#refuse(
        response,
        400,
        `The script threw while choosing the response to ${nameOf(request)}: ${String(error)}`,
      );
      return;
    }
    if (script === undefined) {
      this.#refuse(response, 400, `ScriptedModel has no step left for ${nameOf(request)}.`);
      return;
    }
    await play(script, response);
  }

  #refuse(response: ServerResponse, status: number, message: string): void {
    this.#problems.push(message);
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify({ error: { message, type: "scripted_model", code: "no_step_left" } }));
  }
}

function endOf(response: ServerResponse): Promise<RequestEnd> {
  return new Promise((resolve) => {
    response.once("close", () => resolve(response.writableFinished ? "answered" : "cut off"));
  });
}

function nameOf(request: RecordedRequest): string {
  return `request ${request.index}${request.threadId === undefined ? "" : ` (thread ${request.threadId})`}`;
}

/** The result of reading a body. `gone`: the client disconnected. */
export type BodyRead =
  | { readonly outcome: "read"; readonly body: JsonObject }
  | { readonly outcome: "refused"; readonly status: number; readonly message: string }
  | { readonly outcome: "gone" };

/** Reads a body of at most `limitBytes`. Never rejects. */
async function readJsonBody(incoming: IncomingMessage, limitBytes: number): Promise<BodyRead> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of incoming) {
      if (!(chunk instanceof Uint8Array)) continue;
      sizeBytes += chunk.byteLength;
      // Read the excess and drop it: leaving the loop would destroy the connection that has to carry the response.
      if (sizeBytes <= limitBytes) chunks.push(chunk);
    }
  } catch {
    return { outcome: "gone" };
  }
  if (sizeBytes > limitBytes) {
    return refused(
      413,
      `ScriptedModel accepts requests of at most ${limitBytes} bytes. To raise the limit, set maxRequestBytes.`,
    );
  }
  const encoding = incoming.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return refused(415, `ScriptedModel cannot read a body encoded with ${encoding}.`);
  const body = parseJson(Buffer.concat(chunks).toString("utf8"));
  return isRecord(body)
    ? { outcome: "read", body }
    : refused(400, "ScriptedModel received a body that is not a JSON object.");
}

function refused(status: number, message: string): BodyRead {
  return { outcome: "refused", status, message };
}

const FLUSH_BYTES = 64 * 1024;

/** Plays `script`. Resolves once the response has ended, also if the client disconnects before that. */
export async function play(script: Script, response: ServerResponse): Promise<void> {
  const controller = new AbortController();
  const hangUp = (): void => controller.abort();
  response.once("close", hangUp);
  if (response.destroyed) hangUp();
  try {
    await playActions(script, response, controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    response.off("close", hangUp);
    abandonGates(script);
  }
}

async function playActions(script: Script, response: ServerResponse, gone: AbortSignal): Promise<void> {
  const hungUp = gone.aborted ? Promise.resolve() : once(gone, "abort");
  let pending = "";
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = "";
    gone.throwIfAborted();
    if (text !== "" && !response.write(text)) await once(response, "drain", { signal: gone });
  };
  if (script.streams) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", ...script.headers });
    response.flushHeaders();
  }
  for (const action of script.actions) {
    switch (action.do) {
      case "send":
        pending += encode(action.event);
        if (pending.length >= FLUSH_BYTES) await flush();
        break;
      case "pause":
        await flush();
        await pause(action.pause, hungUp, gone);
        break;
      case "answer":
        response.writeHead(action.status, { ...action.headers, ...script.headers });
        response.end(action.body);
        return;
      case "garble":
        pending += "event: response.output_text.delta\ndata: {not json\n\n";
        break;
      case "disconnect":
        await flush();
        // The callback runs once the system has the bytes. Destroying the socket earlier could lose them.
        await new Promise<void>((resolve) => response.write(": disconnecting\n\n", () => resolve()));
        response.destroy();
        return;
      case "hang":
        await flush();
        await hungUp;
        return;
    }
  }
  await flush();
  response.end();
}

function encode(event: SseEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

async function pause(source: Pause, hungUp: Promise<unknown>, gone: AbortSignal): Promise<void> {
  if (source.kind === "delay") {
    await wait(source.delayMs, undefined, { signal: gone });
    return;
  }
  source.arrive();
  await Promise.race([source.opened, hungUp]);
  gone.throwIfAborted();
}
