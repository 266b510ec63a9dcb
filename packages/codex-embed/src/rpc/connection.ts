/** Owns one JSON-RPC connection: requests and their answers, the in-flight window, and the one close reason. */

import { CodexError, UsageError } from "../errors/base.js";
import {
  type CloseReason,
  FrameTooLargeError,
  RequestTimeoutError,
  TransportClosedError,
} from "../errors/connection.js";
import type { WireNotification, WireRequest } from "../protocol/shapes.js";
import type { Transport } from "../transport/transport.js";
import { isRecord } from "../util/json.js";
import {
  answeredId,
  type CallOptions,
  isNotification,
  isRequest,
  isRequestId,
  MessageReader,
  PendingCall,
  writeAnswer,
  writeCall,
  writeError,
} from "./messages.js";
import { replyError } from "./replyErrors.js";

/** What the layer above does with what the runtime sends by itself. */
export interface ConnectionReceiver {
  /** Every notification, in order; `bytes` is its size on the wire. One that it throws at is skipped. */
  notification(notification: WireNotification, bytes: number): void;
  /**
   * A request of the runtime; `bytes` is its size on the wire. What it resolves to is the answer, undefined when none is
   * wanted any more; a rejection is answered as an error.
   */
  request(request: WireRequest, bytes: number): Promise<unknown>;
  /** The refusal to send in place of an answer that cannot be sent. Throws when only an error can answer the request. */
  refuse(request: WireRequest, why: CodexError): unknown;
  /** Something that does not belong on the wire, and was skipped. Never carries the content of a message. */
  diagnostic(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * The runtime loses requests when more than about 128 are in flight on one connection. Half of that is for requests
 * that are answered at once, half for those that run as long as their work, so that these hold up no others.
 */
const MAX_IN_FLIGHT = 64;
/** How many requests are remembered that were given up on, to know their late answers. */
const MAX_ABANDONED = 1_000;

/** The requests of one kind that are in flight, and those that wait for a place. */
class Window {
  readonly waiting = new Set<PendingCall>();
  inFlight = 0;
}

/** One connection to a runtime. */
export class Connection {
  /** Resolves when the connection has ended, with why. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #transport: Transport;
  readonly #receiver: ConnectionReceiver;
  readonly #maxFrameBytes: number;
  readonly #reader = new MessageReader();
  readonly #calls = new Map<number, PendingCall>();
  /** The ids of requests that were sent and given up on: their answers may still come. */
  readonly #abandoned = new Set<number>();
  readonly #windows = { short: new Window(), long: new Window() };
  #nextId = 0;
  #closeReason: CloseReason | null = null;
  #protocolFault: Error | undefined;
  #markClosed: (reason: CloseReason) => void = () => {};

  constructor(transport: Transport, receiver: ConnectionReceiver, options: { maxFrameBytes: number }) {
    this.#transport = transport;
    this.#receiver = receiver;
    this.#maxFrameBytes = options.maxFrameBytes;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    transport.open({
      frame: (text, bytes) => this.#read(text, bytes),
      oversize: (head, bytes) => this.#skip(head, bytes),
      closed: (reason) => this.#end(reason),
    });
  }

  /** The process behind it, when there is one on this machine. */
  get pid(): number | undefined {
    return this.#transport.pid;
  }

  /** Why the connection ended, or null while it stands. */
  get closeReason(): CloseReason | null {
    return this.#closeReason;
  }

  /**
   * Sends a request and resolves with its result. At most 64 of each kind are in flight; further ones wait their turn.
   *
   * Rejects with `JsonRpcError` (or a subclass) for an error answer, `RequestTimeoutError`, `TransportClosedError`,
   * the signal's reason, `UsageError` for parameters that the runtime could not read, or `FrameTooLargeError`.
   */
  request(method: string, params: unknown, options: CallOptions = {}): Promise<unknown> {
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    const { timeoutMs } = options;
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      return Promise.reject(new UsageError(`The timeout of ${method} is ${timeoutMs} ms; it must be more than 0.`));
    }
    if (this.#closeReason) return Promise.reject(new TransportClosedError(this.#closeReason, { method }));
    const id = this.#nextId++;
    let text: string;
    try {
      text = writeCall(method, params, id);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#isTooLarge(text)) {
      return Promise.reject(this.#tooLarge(method));
    }
    const call = new PendingCall({ id, method, text }, options, (pending, timedOutMs) =>
      this.#abandon(pending, timedOutMs),
    );
    const window = this.#windows[call.kind];
    if (window.inFlight < MAX_IN_FLIGHT) this.#send(call);
    else window.waiting.add(call);
    return call.promise;
  }

  /** Sends a notification. */
  notify(method: string, params?: unknown): void {
    this.#transport.send(writeCall(method, params));
  }

  /** Ends the connection and resolves when nothing of it is left. Everything pending rejects. Idempotent. */
  async close(): Promise<void> {
    await this.#transport.close();
    await this.closed;
  }

  /** Ends the connection without waiting for the other side. Otherwise the same. */
  async kill(): Promise<void> {
    await this.#transport.kill();
    await this.closed;
  }

  #send(call: PendingCall): void {
    call.markSent();
    this.#windows[call.kind].inFlight += 1;
    this.#calls.set(call.id, call);
    this.#transport.send(call.text);
  }

  #read(text: string, bytes: number): void {
    const message = this.#reader.read(text);
    if (message === undefined) {
      this.#receiver.diagnostic("Skipped a line that is not a JSON object", { bytes });
    } else if (isNotification(message)) {
      this.#hear(message, bytes);
    } else if (isRequest(message)) {
      void this.#answer(message, bytes);
    } else {
      this.#settle(message);
    }
  }

  /** One message that cannot be understood must not keep the reader from the next. */
  #hear(message: WireNotification, bytes: number): void {
    try {
      this.#receiver.notification(message, bytes);
    } catch {
      this.#receiver.diagnostic("Skipped a notification that cannot be understood", { method: message.method, bytes });
    }
  }

  #settle(message: Readonly<Record<string, unknown>>): void {
    const id = message["id"];
    if (typeof id === "number" && this.#abandoned.delete(id)) return;
    const call = typeof id === "number" ? this.#calls.get(id) : undefined;
    if (call === undefined) {
      this.#receiver.diagnostic("Skipped an answer to no request", { id: isRequestId(id) ? id : null });
      return;
    }
    this.#calls.delete(call.id);
    this.#release(call);
    const error = message["error"];
    if (isRecord(error)) call.fail(replyError(call.method, error, call.threadFate));
    else call.succeed(message["result"]);
  }

  #abandon(call: PendingCall, timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) call.abort();
    else call.fail(new RequestTimeoutError(call.method, timeoutMs, call.sent));
    if (!call.sent) {
      this.#windows[call.kind].waiting.delete(call);
      return;
    }
    this.#calls.delete(call.id);
    this.#abandoned.add(call.id);
    for (const oldest of this.#abandoned) {
      if (this.#abandoned.size <= MAX_ABANDONED) break;
      this.#abandoned.delete(oldest);
    }
    this.#release(call);
  }

  /** One answer came, or is no longer awaited: the next call goes out. */
  #release(call: PendingCall): void {
    const window = this.#windows[call.kind];
    window.inFlight -= 1;
    for (const next of window.waiting) {
      if (next.isAborted) continue;
      window.waiting.delete(next);
      this.#send(next);
      return;
    }
  }

  #skip(head: string, bytes: number): void {
    const id = answeredId(head);
    if (id !== undefined && this.#abandoned.delete(id)) return;
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call !== undefined) {
      this.#calls.delete(call.id);
      this.#release(call);
      call.fail(new FrameTooLargeError(this.#maxFrameBytes, { method: call.method }));
      return;
    }
    // What was lost may have been the end of a turn, so going on could wait forever.
    this.#receiver.diagnostic("Closing: a message from the runtime is over maxFrameBytes", { bytes });
    this.#protocolFault ??= new FrameTooLargeError(this.#maxFrameBytes);
    void this.#transport.close();
  }

  async #answer(request: WireRequest, bytes: number): Promise<void> {
    let text: string;
    try {
      const result = await this.#receiver.request(request, bytes);
      if (result === undefined) return;
      text = this.#writeAnswer(request, result);
    } catch {
      text = writeError(request.id, "The client could not handle this request.");
    }
    if (this.#closeReason === null) this.#transport.send(text);
  }

  /** What a handler returns may be what cannot be sent; a request without an answer would hold up its turn for ever. */
  #writeAnswer(request: WireRequest, result: unknown): string {
    let why: CodexError;
    try {
      const text = writeAnswer(request.id, result);
      if (!this.#isTooLarge(text)) return text;
      why = this.#tooLarge(`The answer to ${request.method}`);
    } catch (error) {
      if (!CodexError.isInstance(error)) throw error;
      why = error;
    }
    try {
      return writeAnswer(request.id, this.#receiver.refuse(request, why));
    } catch {
      return writeError(request.id, why.message);
    }
  }

  #tooLarge(method: string): FrameTooLargeError {
    return new FrameTooLargeError(this.#transport.maxSentBytes ?? 0, { method, outgoing: true });
  }

  /** A character is at most three bytes in UTF-8, so most messages need no count. */
  #isTooLarge(text: string): boolean {
    const limit = this.#transport.maxSentBytes ?? Number.POSITIVE_INFINITY;
    return text.length * 3 > limit && Buffer.byteLength(text) > limit;
  }

  #end(reason: CloseReason): void {
    const fault = this.#protocolFault;
    const final: CloseReason = fault === undefined ? reason : { ...reason, initiator: "runtime", error: fault };
    this.#closeReason = final;
    const { short, long } = this.#windows;
    const calls = [...this.#calls.values(), ...short.waiting, ...long.waiting];
    this.#calls.clear();
    short.waiting.clear();
    long.waiting.clear();
    for (const call of calls) {
      call.fail(new TransportClosedError(final, { method: call.method, maybeAccepted: call.sent }));
    }
    this.#markClosed(final);
  }
}
