import { Gate, type Pause, type Piece, type ReasoningPart, type TokenCounts } from "./parts.js";
import type { RecordedRequest } from "./recordedRequest.js";
import {
  asStep,
  type CustomToolCallPart,
  describeStep,
  endsResponse,
  type Part,
  replacesStream,
  type Step,
} from "./step.js";

/** One SSE event of the Responses API. */
export interface SseEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** One action of the server. */
export type Action =
  | { readonly do: "send"; readonly event: SseEvent }
  | { readonly do: "pause"; readonly pause: Pause }
  | {
      readonly do: "answer";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly do: "garble" }
  | { readonly do: "disconnect" }
  | { readonly do: "hang" };

/** A step, compiled to actions. */
export interface Script {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the response is an SSE stream, which opens before the first action. */
  readonly streams: boolean;
  readonly actions: readonly Action[];
}

/** Numbers the ids of one model: `msg_1`, `msg_2`, `call_1` and so on. */
export class IdCounter {
  readonly #counts = new Map<string, number>();

  next(prefix: string): string {
    const count = (this.#counts.get(prefix) ?? 0) + 1;
    this.#counts.set(prefix, count);
    return `${prefix}_${count}`;
  }
}

/** Compiles a step. Ids that the step does not set come from `ids`. */
export function compile(step: Step, ids: IdCounter): Script {
  const streams = !step.parts.some(replacesStream);
  const responseId = ids.next("resp");
  const actions: Action[] = [];
  if (streams) actions.push(send({ type: "response.created", response: { id: responseId } }));
  let usage: TokenCounts | undefined = step.options.usage;
  let ended = false;
  for (const [index, part] of step.parts.entries()) {
    for (const action of compilePart(part, index, responseId, ids)) actions.push(action);
    if (part.kind === "usage" || part.kind === "message") usage = part.usage ?? usage;
    ended = endsResponse(part);
  }
  if (!ended) {
    const response = {
      id: responseId,
      ...(usage && { usage: wireUsage(usage) }),
      ...(step.options.endTurn !== undefined && { end_turn: step.options.endTurn }),
    };
    actions.push(send({ type: "response.completed", response }));
  }
  return { name: describeStep(step), headers: step.options.headers ?? {}, streams, actions };
}

/** Rejects `reached` of the gates of this script that were not reached. */
export function abandonGates(script: Script): void {
  for (const action of script.actions) {
    if (action.do === "pause" && action.pause instanceof Gate) action.pause.abandon();
  }
}

function* compilePart(part: Part, outputIndex: number, responseId: string, ids: IdCounter): Generator<Action> {
  switch (part.kind) {
    case "gate":
    case "delay":
      yield { do: "pause", pause: part };
      return;
    case "usage":
      return;
    case "message": {
      const item = {
        type: "message",
        role: "assistant",
        id: part.id ?? ids.next("msg"),
        ...(part.phase !== undefined && { phase: part.phase }),
      };
      yield added(outputIndex, { ...item, status: "in_progress", content: [] });
      yield* pieces(part.pieces, "response.output_text.delta", {
        item_id: item.id,
        output_index: outputIndex,
        content_index: 0,
      });
      const content = [{ type: "output_text", text: part.text, annotations: [] }];
      yield done(outputIndex, { ...item, status: "completed", content });
      return;
    }
    case "reasoning":
      yield* compileReasoning(part, outputIndex, part.id ?? ids.next("rs"));
      return;
    case "functionCall": {
      const item = {
        type: "function_call",
        id: ids.next("fc"),
        call_id: part.callId ?? ids.next("call"),
        name: part.name,
        ...(part.namespace !== undefined && { namespace: part.namespace }),
      };
      yield added(outputIndex, { ...item, status: "in_progress", arguments: "" });
      yield done(outputIndex, { ...item, status: "completed", arguments: part.argumentsText });
      return;
    }
    case "customToolCall":
      yield* compileCustomToolCall(part, outputIndex, ids);
      return;
    case "rawItem":
      yield done(outputIndex, part.item);
      return;
    case "rawEvent":
      yield send(part.event);
      return;
    case "fail":
      yield { do: "answer", status: part.status, headers: part.headers, body: part.body };
      return;
    case "failResponse": {
      const error = { code: part.code, message: part.message };
      yield send({ type: "response.failed", response: { id: responseId, status: "failed", error } });
      return;
    }
    case "incomplete": {
      const response = { id: responseId, status: "incomplete", incomplete_details: { reason: part.reason } };
      yield send({ type: "response.incomplete", response });
      return;
    }
    case "disconnect":
      yield { do: "disconnect" };
      return;
    case "malformed":
      if (part.what === "json") yield { do: "garble" };
      else yield { do: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>Not SSE</html>" };
      return;
    case "silence":
      yield { do: "hang" };
  }
}

function* compileReasoning(part: ReasoningPart, outputIndex: number, id: string): Generator<Action> {
  const item = { type: "reasoning", id };
  const place = { item_id: id, output_index: outputIndex };
  yield added(outputIndex, { ...item, summary: [] });
  for (const [summaryIndex, section] of part.summary.entries()) {
    const at = { ...place, summary_index: summaryIndex };
    yield send({ type: "response.reasoning_summary_part.added", ...at, part: { type: "summary_text", text: "" } });
    yield* pieces(section.pieces, "response.reasoning_summary_text.delta", at);
    yield send({ type: "response.reasoning_summary_text.done", ...at, text: section.text });
  }
  for (const [contentIndex, section] of part.content.entries()) {
    yield* pieces(section.pieces, "response.reasoning_text.delta", { ...place, content_index: contentIndex });
  }
  yield done(outputIndex, {
    ...item,
    summary: part.summary.map(({ text }) => ({ type: "summary_text", text })),
    content: part.content.map(({ text }) => ({ type: "reasoning_text", text })),
    encrypted_content: null,
  });
}

function* compileCustomToolCall(part: CustomToolCallPart, outputIndex: number, ids: IdCounter): Generator<Action> {
  const item = {
    type: "custom_tool_call",
    id: ids.next("ctc"),
    call_id: part.callId ?? ids.next("call"),
    name: part.name,
  };
  yield added(outputIndex, { ...item, status: "in_progress", input: "" });
  yield* pieces(part.pieces, "response.custom_tool_call_input.delta", {
    item_id: item.id,
    call_id: item.call_id,
    output_index: outputIndex,
  });
  yield done(outputIndex, { ...item, status: "completed", input: part.input });
}

function* pieces(source: readonly Piece[], type: string, place: Readonly<Record<string, unknown>>): Generator<Action> {
  for (const piece of source) {
    yield typeof piece === "string" ? send({ type, ...place, delta: piece }) : { do: "pause", pause: piece };
  }
}

function send(event: SseEvent): Action {
  return { do: "send", event };
}

function added(outputIndex: number, item: Readonly<Record<string, unknown>>): Action {
  return send({ type: "response.output_item.added", output_index: outputIndex, item });
}

function done(outputIndex: number, item: Readonly<Record<string, unknown>>): Action {
  return send({ type: "response.output_item.done", output_index: outputIndex, item });
}

function wireUsage(counts: TokenCounts): Readonly<Record<string, unknown>> {
  return {
    input_tokens: counts.input,
    input_tokens_details: { cached_tokens: counts.cached ?? 0 },
    output_tokens: counts.output,
    output_tokens_details: { reasoning_tokens: counts.reasoning ?? 0 },
    total_tokens: counts.input + counts.output,
  };
}

/** A queue of steps. */
export interface StepQueue {
  /** Adds steps to the end of the queue. Each answers one request. Returns the queue. */
  enqueue(...steps: readonly (Step | Part)[]): this;
}

/** The answers to the requests that a filter accepts. */
export interface RequestRoute extends StepQueue {
  /**
   * Sets the answer to each of these requests that no step is left for, however many there are: for an agent whose order is
   * not fixed. It goes before the model's own queue, and `assertComplete` does not ask whether it was used. A later call
   * replaces it. Returns the route.
   */
  reply(answer: Step | Part | Responder): this;
}

/** Returns true if a queue answers this request. */
export type RequestFilter = (request: RecordedRequest) => boolean;

/** Creates the response to a request that no queue has a step for. */
export type Responder = (request: RecordedRequest) => Step | Part;

/** @internal All queues of one model. */
export class Playbook {
  readonly #ids = new IdCounter();
  readonly #main = new Queue(this.#ids);
  readonly #routes: { readonly filter: RequestFilter; readonly queue: Route }[] = [];
  #responder: Responder | undefined;

  get main(): StepQueue {
    return this.#main;
  }

  addRoute(filter: RequestFilter): RequestRoute {
    const queue = new Route(this.#ids);
    this.#routes.push({ filter, queue });
    return queue;
  }

  setResponder(responder: Responder): void {
    this.#responder = responder;
  }

  /** Takes the script for a request: from the routes in order, then the main queue, then the responder. */
  take(request: RecordedRequest): Script | undefined {
    const route = this.#routes.find(({ filter, queue }) => queue.canAnswer && filter(request))?.queue;
    const script = (route ?? this.#main).shift();
    const responder = route === undefined ? this.#responder : route.responder;
    if (script !== undefined || responder === undefined) return script;
    return compile(asStep(responder(request)), this.#ids);
  }

  /** The names of the steps that no request has taken. */
  unused(): string[] {
    return [this.#main, ...this.#routes.map(({ queue }) => queue)].flatMap((queue) => queue.names());
  }

  /** Rejects `reached` of all gates that were not reached. */
  abandon(): void {
    for (const queue of [this.#main, ...this.#routes.map((route) => route.queue)]) queue.abandon();
  }
}

class Queue implements StepQueue {
  readonly #ids: IdCounter;
  readonly #scripts: Script[] = [];

  constructor(ids: IdCounter) {
    this.#ids = ids;
  }

  get length(): number {
    return this.#scripts.length;
  }

  enqueue(...steps: readonly (Step | Part)[]): this {
    this.#scripts.push(...steps.map((source) => compile(asStep(source), this.#ids)));
    return this;
  }

  shift(): Script | undefined {
    return this.#scripts.shift();
  }

  names(): string[] {
    return this.#scripts.map(({ name }) => name);
  }

  abandon(): void {
    this.#scripts.forEach(abandonGates);
  }
}

class Route extends Queue implements RequestRoute {
  #responder: Responder | undefined;

  get responder(): Responder | undefined {
    return this.#responder;
  }

  get canAnswer(): boolean {
    return this.length > 0 || this.#responder !== undefined;
  }

  reply(answer: Step | Part | Responder): this {
    this.#responder = typeof answer === "function" ? answer : () => answer;
    return this;
  }
}
