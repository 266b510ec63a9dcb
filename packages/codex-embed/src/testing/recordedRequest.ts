import type { IncomingHttpHeaders } from "node:http";
import { isRecord } from "../util/json.js";
import { ScriptError } from "./parts.js";

/** How the response to a request ended: complete, or cut off by either side. */
export type RequestEnd = "answered" | "cut off";

/** A request of the runtime to the scripted model. */
export class RecordedRequest {
  /** The position among all requests of the model, from 0. */
  readonly index: number;
  /** The parsed JSON body. */
  readonly body: JsonObject;
  /** The HTTP headers, by lower-case name. */
  readonly headers: IncomingHttpHeaders;
  /** Resolves once the response has ended. Never rejects. */
  readonly ended: Promise<RequestEnd>;

  constructor(index: number, body: JsonObject, headers: IncomingHttpHeaders, ended: Promise<RequestEnd>) {
    this.index = index;
    this.body = body;
    this.headers = headers;
    this.ended = ended;
  }

  /** The id of the thread that sent the request, or undefined if the request names none. */
  get threadId(): string | undefined {
    return this.#header("thread-id") ?? stringMember(this.body, "prompt_cache_key");
  }

  /** The id of the turn that sent the request, or undefined if the request names none. */
  get turnId(): string | undefined {
    const metadata = object(parseJson(this.#header("x-codex-turn-metadata") ?? ""));
    return metadata && stringMember(metadata, "turn_id");
  }

  /**
   * The agent of the runtime that sent the request (`review`, `guardian`, `collab_spawn`), or undefined for an ordinary
   * turn.
   */
  get subagent(): string | undefined {
    return this.#header("x-openai-subagent");
  }

  /** The conversation, oldest first: instructions, messages, tool calls and their outputs. */
  get input(): readonly JsonObject[] {
    return objects(this.body["input"]);
  }

  /** The texts of all user messages, oldest first. The runtime adds the first ones: they describe its environment. */
  userTexts(): string[] {
    return this.#texts("user");
  }

  /** The text of the last user message, or undefined if there is none. */
  lastUserText(): string | undefined {
    return this.userTexts().at(-1);
  }

  /** The texts of all developer messages, oldest first: the base instructions of the model, and additions to them. */
  developerTexts(): string[] {
    // Runtimes before 0.160 send the base instructions beside the input.
    const { instructions } = this.body;
    return [...(typeof instructions === "string" ? [instructions] : []), ...this.#texts("developer")];
  }

  /** The names of the available tools. A tool in a namespace is named `namespace.tool`. */
  toolNames(): string[] {
    const extra = this.input.filter((item) => item["type"] === "additional_tools");
    return [...objects(this.body["tools"]), ...extra.flatMap((item) => objects(item["tools"]))].flatMap(namesOf);
  }

  /** The definition of an available tool, by its name in {@link toolNames}, or undefined. */
  tool(name: string): JsonObject | undefined {
    const [outer = "", inner] = name.split(".", 2);
    const tools = [...objects(this.body["tools"]), ...this.input.flatMap((item) => objects(item["tools"]))];
    const found = tools.find((candidate) => nameOf(candidate) === outer);
    return inner === undefined ? found : objects(found?.["tools"]).find((candidate) => nameOf(candidate) === inner);
  }

  /** The output of the tool call `callId` as text, or undefined if this request carries none. */
  toolOutput(callId: string): string | undefined {
    const item = this.input.find(
      ({ type, call_id: id }) => id === callId && typeof type === "string" && type.endsWith("_output"),
    );
    if (item === undefined) return undefined;
    const { output } = item;
    return typeof output === "string" ? output : textsOf(output).join("\n");
  }

  /** The JSON Schema that the answer must conform to, or undefined. */
  outputSchema(): JsonObject | undefined {
    const format = object(object(this.body["text"])?.["format"]);
    return object(format?.["schema"]);
  }

  #header(name: string): string | undefined {
    const value = this.headers[name];
    return typeof value === "string" ? value : value?.[0];
  }

  #texts(role: string): string[] {
    return this.input.filter((item) => item["role"] === role).flatMap((item) => textsOf(item["content"]));
  }
}

function object(value: unknown): JsonObject | undefined {
  return isRecord(value) ? value : undefined;
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function stringMember(source: JsonObject, name: string): string | undefined {
  const value = source[name];
  return typeof value === "string" ? value : undefined;
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  return objects(content).flatMap((part) => stringMember(part, "text") ?? []);
}

/** A tool of the provider, such as web search, has a type but no name. */
function nameOf(tool: JsonObject): string {
  return stringMember(tool, "name") ?? stringMember(tool, "type") ?? "";
}

function namesOf(tool: JsonObject): string[] {
  if (tool["type"] !== "namespace") return [nameOf(tool)];
  return objects(tool["tools"]).map((inner) => `${nameOf(tool)}.${nameOf(inner)}`);
}

/** A JSON object with unknown members. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a text; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Waiter {
  readonly index: number;
  readonly resolve: (request: RecordedRequest) => void;
  readonly reject: (error: Error) => void;
}

/** @internal The requests of one model. */
export class RequestLog {
  readonly #requests: RecordedRequest[] = [];
  #waiters: readonly Waiter[] = [];
  #closed = false;

  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  add(body: JsonObject, headers: IncomingHttpHeaders, ended: Promise<RequestEnd>): RecordedRequest {
    const request = new RecordedRequest(this.#requests.length, body, headers, ended);
    this.#requests.push(request);
    for (const waiter of this.#waiters) if (waiter.index === request.index) waiter.resolve(request);
    this.#waiters = this.#waiters.filter(({ index }) => index !== request.index);
    return request;
  }

  request(index: number): Promise<RecordedRequest> {
    const request = this.#requests[index];
    if (request !== undefined) return Promise.resolve(request);
    if (this.#closed) return Promise.reject(this.#missing(index));
    return new Promise((resolve, reject) => {
      this.#waiters = [...this.#waiters, { index, resolve, reject }];
    });
  }

  close(): void {
    this.#closed = true;
    for (const { index, reject } of this.#waiters) reject(this.#missing(index));
    this.#waiters = [];
  }

  #missing(index: number): ScriptError {
    return new ScriptError(
      `Request ${index} never arrived: the model closed after ${this.#requests.length} requests (counted from 0).`,
    );
  }
}
