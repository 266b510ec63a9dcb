/** Owns the scripts that wait for a request, and the choice of the one that answers it. */

import type { RecordedRequest } from "./recordedRequest.js";
import { IdCounter, type Script, abandonGates, compile } from "./script.js";
import { type Part, type Step, asStep } from "./step.js";

/** Something that steps can be added to. */
export interface StepQueue {
  /** Adds steps to the end of the queue; each answers one request. Returns the queue. */
  enqueue(...steps: readonly (Step | Part)[]): this;
}

/** Decides whether a request is for a queue. */
export type RequestFilter = (request: RecordedRequest) => boolean;

/** Makes the answer to a request that no queue has a step for. */
export type Responder = (request: RecordedRequest) => Step | Part;

/** @internal All queues of one model. */
export class Playbook {
  readonly #ids = new IdCounter();
  readonly #main = new Queue(this.#ids);
  readonly #routes: { readonly filter: RequestFilter; readonly queue: Queue }[] = [];
  #responder: Responder | undefined;

  get main(): StepQueue {
    return this.#main;
  }

  addRoute(filter: RequestFilter): StepQueue {
    const queue = new Queue(this.#ids);
    this.#routes.push({ filter, queue });
    return queue;
  }

  setResponder(responder: Responder): void {
    this.#responder = responder;
  }

  /** Takes the script for a request: from the routes in their order, then the main queue, then the responder. */
  take(request: RecordedRequest): Script | undefined {
    const route = this.#routes.find(({ filter, queue }) => queue.length > 0 && filter(request));
    const script = (route?.queue ?? this.#main).shift();
    if (script !== undefined || this.#responder === undefined) return script;
    return compile(asStep(this.#responder(request)), this.#ids);
  }

  /** The names of the steps that nobody asked for. */
  unused(): string[] {
    return [this.#main, ...this.#routes.map(({ queue }) => queue)].flatMap((queue) => queue.names());
  }

  /** Tells everybody who waits for a gate that it will not be reached. */
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
