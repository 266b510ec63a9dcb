/** Owns the record of all requests, and the waiting for one that has not come yet. */

import type { IncomingHttpHeaders } from "node:http";
import type { JsonObject } from "./json.js";
import { RecordedRequest, type RequestEnd } from "./recordedRequest.js";
import { ScriptError } from "./scriptError.js";

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
      `The model was closed before request ${index} came: it got ${this.#requests.length} requests, counted from 0.`,
    );
  }
}
