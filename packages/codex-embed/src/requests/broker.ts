/** The requests of the runtime that wait for a decision: who is asked, and exactly one answer each. */

import { isDeepStrictEqual } from "node:util";
import { CodexError } from "../errors/base.js";
import type { CloseReason } from "../errors/connection.js";
import type { DynamicToolCallParams, Turn } from "../protocol/generated/protocol.js";
import type { ServerRequests } from "../protocol/generated/tables.js";
import type { RequestId, WireRequest } from "../protocol/shapes.js";
import type { HandlerErrorEvent, Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import { type AsyncContext, rootContext, withLimits } from "../util/async.js";
import { isRecord } from "../util/json.js";
import { FileChanges, type KnownChanges } from "./fileChanges.js";
import { Deciders, type HandlerContext, type Handlers, type ThreadDeciders } from "./handlers.js";
import { answerRule, isServerMethod, plainAnswer, type ServerMethod } from "./values.js";

/** What the broker asks and tells the layer above. */
export interface BrokerReceiver {
  handlerError(event: HandlerErrorEvent): void;
  /** Whether this client has opened the thread, or follows it. */
  knows(threadId: string): boolean;
  /** The async context that a turn, or a thread, belongs to; null when it is nobody's here. */
  contextOf(threadId: string, turnId: string | null): AsyncContext | null;
  /** The thread whose agent has begun this one, or null. */
  parentOf(threadId: string): Promise<string | null>;
  /** A request of this turn has been answered or has become void. */
  settled(threadId: string, turnId: string): void;
}

const MEBIBYTE = 1024 * 1024;
/** What may be pending at once; more is declined at once. */
const OWN_PENDING = { entries: 4_096, bytes: 64 * MEBIBYTE };
/** The same for threads that this client does not know, so that they cannot take the room of those that it does. */
const OTHER_PENDING = { entries: 256, bytes: 16 * MEBIBYTE };

interface Pending {
  readonly id: RequestId;
  readonly method: ServerMethod;
  readonly params: unknown;
  readonly bytes: number;
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  /** What its file change would change, as known when it was asked: what comes later can be about another item. */
  readonly changes: KnownChanges | null | undefined;
  readonly room: Room;
  /** The async context of the turn that it belongs to: what decides on it runs there. */
  readonly context: AsyncContext | null;
  readonly controller: AbortController;
  /** Undefined when none is wanted any more. */
  answer: Promise<unknown>;
  isAnswered: boolean;
  /** Whether it was asked on the connection that stands. */
  isCurrent: boolean;
}

/** The room for what is pending. */
class Room {
  readonly #limits: typeof OWN_PENDING;
  #entries = 0;
  #bytes = 0;

  constructor(limits: typeof OWN_PENDING) {
    this.#limits = limits;
  }

  /** Takes a place; false when there is none. A single request may be of any size. */
  take(bytes: number): boolean {
    const isFull = this.#entries >= this.#limits.entries || this.#bytes + bytes > this.#limits.bytes;
    if (isFull && this.#entries > 0) return false;
    this.#entries += 1;
    this.#bytes += bytes;
    return true;
  }

  leave(bytes: number): void {
    this.#entries -= 1;
    this.#bytes -= bytes;
  }
}

/** Brings the requests of the runtime to their handlers. */
export class RequestBroker {
  readonly #client: Handlers;
  readonly #receiver: BrokerReceiver;
  readonly #deciders: Deciders;
  readonly #pending = new Map<RequestId, Pending>();
  /**
   * An answer may get lost on the way; it is kept until the runtime has it, and given again when it asks again. Without it
   * the handler is asked again.
   */
  readonly #answered = new NewestMap<Pending>({ entries: 1_024, bytes: 16 * MEBIBYTE });
  readonly #rooms = { own: new Room(OWN_PENDING), other: new Room(OTHER_PENDING) };
  readonly #fileChanges: FileChanges;

  constructor(client: Handlers, receiver: BrokerReceiver) {
    this.#client = client;
    this.#receiver = receiver;
    this.#deciders = new Deciders((threadId) => receiver.parentOf(threadId));
    this.#fileChanges = new FileChanges((threadId) => receiver.knows(threadId));
  }

  /** From now on a thread's own deciders go before the client's; what is left out stays as it was. */
  attach(threadId: string, deciders: ThreadDeciders): void {
    this.#deciders.attach(threadId, deciders);
  }

  /** A fork is decided for as its source is. */
  inherit(threadId: string, fromThreadId: string): void {
    this.#deciders.inherit(threadId, fromThreadId);
  }

  /** Forgets a thread's own deciders. */
  detach(threadId: string): void {
    this.#deciders.detach(threadId);
    this.#void("the thread was unloaded", (pending) => pending.threadId === threadId);
  }

  /** Whether a decision or a tool of this turn is still awaited. */
  isWaiting(threadId: string, turnId: string): boolean {
    return [...this.#pending.values()].some((pending) => isOf(pending, threadId, turnId));
  }

  /**
   * The answer to a request; undefined when none is wanted any more. Rejects when only an error can answer it.
   * Never an acceptance that no handler gave. `bytes` is its size on the wire.
   */
  async answer(request: WireRequest, bytes = 0): Promise<unknown> {
    const { id, method } = request;
    if (!isServerMethod(method)) throw new CodexError("UNKNOWN_REQUEST", `Nothing handles ${method}.`);
    const params = isRecord(request.params) ? request.params : {};
    // A client that resumes a thread is sent what is still pending again, under the same id.
    const known = this.#pending.get(id) ?? this.#answered.get(keyOf(id));
    if (known !== undefined && isSame(known, request)) {
      const isAnsweredHere = known.isCurrent;
      known.isCurrent = true;
      return isAnsweredHere ? undefined : known.answer;
    }
    this.#void("its id stands for another request now", (pending) => pending.id === id);
    const threadId = textIn(params, "threadId") ?? textIn(params, "conversationId");
    const turnId = textIn(params, "turnId");
    const itemId = textIn(params, "itemId") ?? textIn(params, "callId");
    const item = threadId === null || turnId === null || itemId === null ? null : { threadId, turnId, itemId };
    const pending: Pending = {
      id,
      method,
      params: request.params,
      bytes,
      threadId,
      turnId,
      itemId,
      changes: item === null ? null : this.#fileChanges.known(item),
      room: this.#rooms[threadId === null || this.#receiver.knows(threadId) ? "own" : "other"],
      context: threadId === null ? rootContext : this.#receiver.contextOf(threadId, turnId),
      controller: new AbortController(),
      answer: NO_ANSWER,
      isAnswered: false,
      isCurrent: true,
    };
    const inContext = pending.context ?? rootContext;
    if (!pending.room.take(bytes)) {
      const error = new CodexError("TOO_MANY_REQUESTS", "Too many requests of the runtime are pending.");
      return inContext(() => this.#decline(pending, error));
    }
    this.#pending.set(id, pending);
    pending.answer = inContext(() => this.#answer(pending));
    return pending.answer;
  }

  /**
   * The refusal of a request whose answer cannot be sent; why is reported as `handlerError`. Throws for a request that
   * an error alone can refuse.
   */
  refuse({ method, params }: WireRequest, error: CodexError): unknown {
    if (!isServerMethod(method)) throw error;
    const about = isRecord(params) ? params : {};
    const threadId = textIn(about, "threadId") ?? textIn(about, "conversationId");
    const turnId = textIn(about, "turnId");
    this.#receiver.handlerError({ method: "handlerError", params: { request: method, threadId, turnId, error } });
    return refusal(method, error.message);
  }

  /** The connection is gone for now: what is asked again on the next one is the same request. */
  suspend(): void {
    this.#fileChanges.clear();
    for (const pending of this.#all()) pending.isCurrent = false;
  }

  /** Learns from the record of a thread what its file changes in flight would change. */
  learn(threadId: string, turns: readonly Turn[]): void {
    this.#fileChanges.learn(threadId, turns);
  }

  /** Whether a request of this thread has not been asked again since the connection was made anew. */
  hasStale(threadId: string): boolean {
    return this.#all().some((pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** The requests of this thread that were not asked again are decided by now, or void. */
  voidStale(threadId: string): void {
    this.#void("it was not asked again", (pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** Learns from the stream of notifications what a request is about, and when it is void. */
  observe(notification: Notification): void {
    this.#fileChanges.observe(notification);
    this.#deciders.observe(notification);
    if (notification.method === "serverRequest/resolved") {
      const { requestId, threadId } = notification.params;
      this.#void("resolved elsewhere", (pending) => pending.id === requestId && pending.threadId === threadId);
    } else if (notification.method === "turn/completed") {
      const { threadId, turn } = notification.params;
      this.#void("the turn has ended", (pending) => isOf(pending, threadId, turn.id));
    } else if (notification.method === "thread/closed") {
      this.detach(notification.params.threadId);
    }
  }

  /** The runtime is gone: nothing is awaited any more. */
  close(reason: CloseReason): void {
    this.#fileChanges.clear();
    this.#void(reason.initiator === "client" ? "the client was closed" : "the runtime is gone", () => true);
  }

  async #answer(pending: Pending): Promise<unknown> {
    const { id, threadId, turnId, bytes, room, controller } = pending;
    try {
      return await withLimits(this.#decide(pending), { signal: controller.signal });
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error;
    } finally {
      pending.isAnswered = true;
      room.leave(bytes);
      if (this.#pending.get(id) === pending) {
        this.#pending.delete(id);
        // Without a turn there is nothing that would say when the answer has arrived.
        if (turnId !== null) this.#answered.set(keyOf(id), pending, bytes);
      }
      if (threadId !== null && turnId !== null) this.#receiver.settled(threadId, turnId);
    }
  }

  async #decide(pending: Pending): Promise<unknown> {
    const { method, params, controller } = pending;
    // Decisions are made off the reader, which goes on with the next message meanwhile.
    await Promise.resolve();
    let error: unknown;
    try {
      if (!isParamsOf(method, params)) throw new CodexError("BAD_REQUEST", `${method} came without parameters.`);
      const value: unknown = await this.#ask(method, params, pending);
      const answer = value === undefined ? undefined : answerRule(method).answer(value, params);
      if (answer !== undefined) return answer;
      const why =
        value === undefined
          ? `Nothing handles ${method}.`
          : `The handler of ${method} returned what is no answer to it.`;
      error = new CodexError("REQUEST_DECLINED", why);
    } catch (thrown) {
      error = thrown;
    }
    return controller.signal.aborted ? undefined : this.#decline(pending, error);
  }

  /** The refusal of a request that no answer has come to. */
  #decline({ method, threadId, turnId }: Pending, error: unknown): unknown {
    this.#receiver.handlerError({ method: "handlerError", params: { request: method, threadId, turnId, error } });
    return refusal(method);
  }

  async #ask<M extends ServerMethod>(
    method: M,
    params: ServerRequests[M]["params"],
    pending: Pending,
  ): Promise<unknown> {
    const { threadId, turnId, itemId, controller } = pending;
    const { signal } = controller;
    const rule = answerRule(method);
    const own = threadId === null ? undefined : await this.#deciders.of(threadId);
    if (signal.aborted) return undefined;
    const context: HandlerContext = { signal, threadId, turnId, itemId, threadCwd: own?.cwd ?? null };
    if (own?.tools !== undefined && isToolCall(method, params) && own.tools.has(params)) {
      return own.tools.call(params, context);
    }
    // An agent that nobody follows belongs to the thread that decides for it.
    const ownerId = own?.ownerId ?? null;
    const owner = pending.context === null && ownerId !== null ? this.#receiver.contextOf(ownerId, null) : null;
    const inContext: AsyncContext = owner ?? ((work) => work());
    const name = typeof rule.handler === "string" ? rule.handler : rule.handler(params);
    const handlers = own?.handlers?.[name] === undefined ? this.#client : own.handlers;
    const answer = plainAnswer(
      await inContext(() => rule.ask(handlers, params, context, () => this.#changesOf(pending))),
    );
    if (answer !== undefined || handlers[name] === undefined || signal.aborted) return answer;
    throw new CodexError(
      "REQUEST_DECLINED",
      `The handler of ${method} returned nothing. Return an answer from ${name}.`,
    );
  }

  /** What a file change would change. Rejects when that is not known, so that no handler decides on it. */
  async #changesOf({ threadId, turnId, itemId, changes, controller: { signal } }: Pending): Promise<KnownChanges> {
    let known = changes;
    if (known === undefined && threadId !== null && turnId !== null && itemId !== null) {
      known = await this.#fileChanges.next({ threadId, turnId, itemId }, signal);
    }
    signal.throwIfAborted();
    if (known !== undefined && known !== null) return known;
    throw new CodexError(
      "CHANGES_UNKNOWN",
      "It is not known what the file change would change, so no handler was asked.",
    );
  }

  #void(why: string, matches: (pending: Pending) => boolean): void {
    for (const pending of this.#all()) {
      if (!matches(pending)) continue;
      this.#pending.delete(pending.id);
      this.#answered.delete(keyOf(pending.id));
      if (pending.isAnswered) continue;
      pending.controller.abort(new CodexError("REQUEST_VOID", `The decision is no longer wanted: ${why}.`));
    }
  }

  /** What waits for an answer, and what has one that the runtime may still ask for. */
  #all(): Pending[] {
    return [...this.#pending.values(), ...[...this.#answered].map(([, pending]) => pending)];
  }
}

const NO_ANSWER = Promise.resolve(undefined);

function refusal(method: ServerMethod, reason?: string): unknown {
  const { decline } = answerRule(method);
  if (decline === null) throw new CodexError("UNANSWERED", `${method} has no answer.`);
  return decline(reason);
}

/** Ids begin anew with a new runtime, so an id alone does not make it the same request: what is asked has to be the same. */
function isSame(pending: Pending, { method, params }: WireRequest): boolean {
  return pending.method === method && isDeepStrictEqual(pending.params, params);
}

function isOf(pending: Pending, threadId: string, turnId: string): boolean {
  return pending.threadId === threadId && pending.turnId === turnId;
}

/** The ids 1 and "1" are two. */
function keyOf(id: RequestId): string {
  return JSON.stringify(id);
}

/** The parameters are taken to be as generated: the runtime's version was compared at the handshake. */
function isParamsOf<M extends ServerMethod>(_method: M, params: unknown): params is ServerRequests[M]["params"] {
  return isRecord(params);
}

function isToolCall(method: ServerMethod, params: unknown): params is DynamicToolCallParams {
  return method === "item/tool/call" && isRecord(params);
}

function textIn(params: Readonly<Record<string, unknown>>, key: string): string | null {
  const value = params[key];
  return typeof value === "string" ? value : null;
}
