import { CodexError, UsageError } from "../errors/base.js";
import {
  type CloseReason,
  FrameTooLargeError,
  JsonRpcError,
  MethodNotFoundError,
  RequestTimeoutError,
  ServerBusyError,
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
import type { Peer } from "./since.js";

/** The name of a request that no runtime knows. The reply lists those that it does know. */
export const METHODS_PROBE = "codex-embed/methods/list";

/** Takes the messages on the wire. */
export interface FrameTap {
  /** Whether anybody wants them now. */
  readonly takesFrames: boolean;
  /** @param bytes - the size on the wire; default that of the text. */
  frame(direction: "in" | "out", text: string, bytes?: number): void;
}

/** Receives what the runtime sends on its own. */
export interface ConnectionReceiver {
  /** Called for every notification, in order, with its size on the wire. When it throws, the notification is skipped. */
  notification(notification: WireNotification, bytes: number): void;
  /**
   * Called for every request of the runtime, with its size on the wire. Resolves with the answer, or with undefined when none
   * is wanted any more. A rejection is sent as an error.
   */
  request(request: WireRequest, bytes: number): Promise<unknown>;
  /** The refusal to send when the answer cannot be sent. Throws when only an error can answer the request. */
  refuse(request: WireRequest, why: CodexError): unknown;
  /** Takes every message on the wire, as text, while somebody wants it. */
  readonly frames?: FrameTap | undefined;
  /** Called for something unexpected on the wire, which was skipped. Never with the content of a message. */
  diagnostic(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * The runtime loses requests when more than about 128 are in flight on one connection (measured). Half of that is for short
 * requests and half for those that last as long as their work, so that these do not delay the others.
 */
const MAX_IN_FLIGHT = 64;
/** How many abandoned requests to remember, to recognise their late answers. */
const MAX_ABANDONED = 1_000;

/** The requests of one kind that are in flight, and those that wait. */
class Window {
  readonly waiting = new Set<PendingCall>();
  inFlight = 0;
}

/** One JSON-RPC connection to a runtime. */
export class Connection {
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Null until the handshake. */
  peer: Peer | null = null;
  readonly #transport: Transport;
  readonly #receiver: ConnectionReceiver;
  readonly #frames: FrameTap | undefined;
  readonly #maxFrameBytes: number;
  readonly #reader = new MessageReader();
  readonly #calls = new Map<number, PendingCall>();
  /** The ids of sent requests that were abandoned. Their answers may still come. */
  readonly #abandoned = new Set<number>();
  readonly #windows = { short: new Window(), long: new Window() };
  #nextId = 0;
  #methods: Promise<ReadonlySet<string> | null> | null = null;
  #closeReason: CloseReason | null = null;
  #protocolFault: Error | undefined;
  #markClosed: (reason: CloseReason) => void = () => {};

  constructor(transport: Transport, receiver: ConnectionReceiver, options: { maxFrameBytes: number }) {
    this.#transport = transport;
    this.#receiver = receiver;
    this.#frames = receiver.frames;
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

  /** The id of the process, if it runs on this machine. */
  get pid(): number | undefined {
    return this.#transport.pid;
  }

  /** Why the connection ended, or null while it is open. */
  get closeReason(): CloseReason | null {
    return this.#closeReason;
  }

  /**
   * Sends a request and resolves with its result. At most 64 of each kind are in flight; further ones wait.
   *
   * Rejects with `JsonRpcError` (or a subclass) for an error reply, `RequestTimeoutError`, `TransportClosedError`,
   * the signal's reason, `UsageError` for parameters that the runtime cannot read, `UnsupportedError` for parameters that it
   * is too old for, or `FrameTooLargeError`.
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
      text = writeCall(method, params, id, options.trace);
      const unsupported = this.peer?.gaps?.unsupported(method, params) ?? null;
      if (unsupported !== null) throw unsupported;
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

  /**
   * Whether the runtime knows a request. Asks once for all, and again after a failure. A runtime that does not list its
   * requests is judged by its version. Rejects as `request` does.
   */
  async knows(method: string, limits: Pick<CallOptions, "signal" | "timeoutMs">): Promise<boolean> {
    this.#methods ??= this.#askMethods(limits).catch((error: unknown) => {
      this.#methods = null;
      throw error;
    });
    const methods = await this.#methods;
    if (methods !== null) return methods.has(method);
    const { isInProtocol } = await import("./since.js");
    return isInProtocol(method) && (this.peer?.gaps?.since(method) ?? null) === null;
  }

  /** Sends a notification. */
  notify(method: string, params?: unknown): void {
    this.#write(writeCall(method, params));
  }

  /** Closes the connection politely and resolves when nothing of it is left. Pending requests reject. Idempotent. */
  async close(): Promise<void> {
    await this.#transport.close();
    await this.closed;
  }

  /** Closes the connection without waiting for the other side. Otherwise like {@link close}. */
  async kill(): Promise<void> {
    await this.#transport.kill();
    await this.closed;
  }

  async #askMethods(options: CallOptions): Promise<ReadonlySet<string> | null> {
    try {
      await this.request(METHODS_PROBE, {}, options);
    } catch (error) {
      if (MethodNotFoundError.isInstance(error)) return error.knownMethods;
      if (!JsonRpcError.isInstance(error) || ServerBusyError.isInstance(error)) throw error;
    }
    return null;
  }

  #send(call: PendingCall): void {
    call.markSent();
    this.#windows[call.kind].inFlight += 1;
    this.#calls.set(call.id, call);
    this.#write(call.text);
  }

  #write(text: string): void {
    if (this.#frames?.takesFrames) this.#frames.frame("out", text);
    this.#transport.send(text);
  }

  #read(text: string, bytes: number): void {
    if (this.#frames?.takesFrames) this.#frames.frame("in", text, bytes);
    const message = this.#reader.read(text);
    if (message === undefined) {
      this.#receiver.diagnostic("Skipped a line that is not a JSON object", { bytes });
    } else if (isNotification(message)) {
      this.#notify(message, bytes);
    } else if (isRequest(message)) {
      void this.#answer(message, bytes);
    } else {
      this.#settle(message);
    }
  }

  /** A malformed message must not keep the reader from the next. */
  #notify(message: WireNotification, bytes: number): void {
    try {
      this.#deliverPartial(message);
      this.#receiver.notification(message, bytes);
    } catch {
      this.#receiver.diagnostic("Skipped a notification that cannot be understood", { method: message.method, bytes });
    }
  }

  /** Gives a part of a result to the request that it names. An id means nothing on another connection. */
  #deliverPartial({ method, params }: WireNotification): void {
    const id = isRecord(params) ? params["requestId"] : undefined;
    if (typeof id !== "number" || !isRecord(params)) return;
    const partial = this.#calls.get(id)?.partial;
    if (partial?.method === method) partial.receive(params);
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
    if (isRecord(error)) call.fail(replyError(call.method, error, call.threadFate, this.peer));
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
    // Nobody waits any more, so nobody hears whether this works. A request that has ended meanwhile is unaffected.
    const { cancelMethod } = call;
    const isKnown = cancelMethod !== undefined && (this.peer?.gaps?.since(cancelMethod) ?? null) === null;
    if (isKnown) this.request(cancelMethod, { requestId: call.id }).catch(() => {});
  }

  /** An answer came or is no longer awaited: sends the next waiting call. */
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
    if (this.#frames?.takesFrames) this.#frames.frame("in", head, bytes);
    const id = answeredId(head);
    if (id !== undefined && this.#abandoned.delete(id)) return;
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call !== undefined) {
      this.#calls.delete(call.id);
      this.#release(call);
      call.fail(new FrameTooLargeError(this.#maxFrameBytes, { method: call.method }));
      return;
    }
    // The lost message may have been the end of a turn, which callers would await forever.
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
    if (this.#closeReason === null) this.#write(text);
  }

  /** A handler may return what cannot be sent. Without an answer the turn would wait forever. */
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

  /** A UTF-16 unit takes at most three bytes in UTF-8, so most messages need no exact count. */
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
