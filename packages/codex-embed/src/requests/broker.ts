import { isDeepStrictEqual } from "node:util";
import { CodexError } from "../errors/base.js";
import type { CloseReason } from "../errors/connection.js";
import type { DynamicToolCallParams, Turn } from "../protocol/generated/protocol.js";
import type { AnyServerRequests } from "../protocol/generated/legacy.js";
import type { RequestId, WireRequest } from "../protocol/shapes.js";
import type { HandlerErrorEvent, Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import type { Decision, Tracer } from "../trace/tracer.js";
import { type AsyncContext, rootContext, withLimits } from "../util/async.js";
import { isRecord } from "../util/json.js";
import { FileChanges, ITEM_WAIT_MS, type KnownChanges } from "./fileChanges.js";
import { decidesByRule, type HandlerContext, HandlerRegistry, type Handlers, type ThreadHandlers } from "./handlers.js";
import { answerRule, copyAnswer, isServerMethod, type ServerMethod } from "./values.js";

/** What the broker needs from the runtime. */
export interface BrokerReceiver {
  /** A request was declined without a decision. */
  handlerError(event: HandlerErrorEvent): void;
  /** Whether this client has opened or follows the thread. */
  knows(threadId: string): boolean;
  /** The async context that a turn or a thread belongs to; null when nobody here asked for it. */
  contextOf(threadId: string, turnId: string | null): AsyncContext | null;
  /** The thread whose agent began this one, or null. */
  parentOf(threadId: string): Promise<string | null>;
  /** Publishes requests and their answers. */
  readonly tracer?: Tracer | undefined;
  /** A request of this turn was answered or became void. */
  settled(threadId: string, turnId: string): void;
}

const MEBIBYTE = 1024 * 1024;
/** How much may be pending; more is declined at once. */
const OWN_PENDING = { entries: 4_096, bytes: 64 * MEBIBYTE };
/** The same for threads that this client does not know, so that they take nothing from those that it does. */
const OTHER_PENDING = { entries: 256, bytes: 16 * MEBIBYTE };

interface Pending {
  readonly id: RequestId;
  readonly method: ServerMethod;
  readonly params: unknown;
  readonly bytes: number;
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  /** What its file change would change, as known when it arrived: later events can be about another item. */
  readonly changes: KnownChanges | null | undefined;
  readonly quota: Quota;
  /** The async context that its handler runs in. */
  readonly context: AsyncContext | null;
  readonly controller: AbortController;
  /** Who has decided, for those who watch. */
  readonly decision: Decision;
  /** Resolves with undefined when none is needed any more. */
  answer: Promise<unknown>;
  isAnswered: boolean;
  /** Whether it arrived on the current connection. */
  isCurrent: boolean;
}

/** A bound on what is pending. */
class Quota {
  readonly #limits: typeof OWN_PENDING;
  #entries = 0;
  #bytes = 0;

  constructor(limits: typeof OWN_PENDING) {
    this.#limits = limits;
  }

  /** Takes a place; false when there is none. A request that is alone may be of any size. */
  take(bytes: number): boolean {
    const isFull = this.#entries >= this.#limits.entries || this.#bytes + bytes > this.#limits.bytes;
    if (isFull && this.#entries > 0) return false;
    this.#entries += 1;
    this.#bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#entries -= 1;
    this.#bytes -= bytes;
  }
}

/** Brings the runtime's requests to their handlers, and gives exactly one answer to each. */
export class RequestBroker {
  readonly #client: Handlers;
  readonly #receiver: BrokerReceiver;
  readonly #registry: HandlerRegistry;
  readonly #pending = new Map<RequestId, Pending>();
  /**
   * Answers that may get lost on the way: each is kept until the runtime has it, and given again if it asks again. One that
   * is no longer here means that the handler is asked again.
   */
  readonly #answered = new NewestMap<Pending>({ entries: 1_024, bytes: 16 * MEBIBYTE });
  readonly #quotas = { own: new Quota(OWN_PENDING), other: new Quota(OTHER_PENDING) };
  readonly #fileChanges: FileChanges;

  /** @param itemWaitMs - how long a file change may wait for the item that says what it would change. */
  constructor(client: Handlers, receiver: BrokerReceiver, itemWaitMs = ITEM_WAIT_MS) {
    this.#client = client;
    this.#receiver = receiver;
    this.#registry = new HandlerRegistry((threadId) => receiver.parentOf(threadId));
    this.#fileChanges = new FileChanges((threadId) => receiver.knows(threadId), itemWaitMs);
  }

  /** Sets a thread's own handlers and tools, which take precedence over the client's. What is left out stays as it is. */
  attach(threadId: string, own: ThreadHandlers): void {
    this.#registry.attach(threadId, own);
  }

  /** A fork gets the handlers and tools of its source. */
  inherit(threadId: string, fromThreadId: string): void {
    this.#registry.inherit(threadId, fromThreadId);
  }

  /** Forgets a thread's own handlers and tools. Its pending requests become void. */
  detach(threadId: string): void {
    this.#registry.detach(threadId);
    this.#void("the thread was unloaded", (pending) => pending.threadId === threadId);
  }

  /** Whether a decision or a tool call of this turn is pending. */
  isWaiting(threadId: string, turnId: string): boolean {
    return [...this.#pending.values()].some((pending) => isOf(pending, threadId, turnId));
  }

  /**
   * Resolves with the answer to a request, or with undefined when none is needed any more. Never accepts unless a handler
   * did. Rejects when the protocol has no refusal for the request, so only an error can answer it.
   *
   * @param bytes - the size of the request on the wire.
   */
  async answer(request: WireRequest, bytes = 0): Promise<unknown> {
    const { id, method } = request;
    if (!isServerMethod(method)) throw unknownRequest(method);
    const params = isRecord(request.params) ? request.params : {};
    // After a resume the runtime sends what is still pending again, under the same id.
    const known = this.#pending.get(id) ?? this.#answered.get(keyOf(id));
    if (known !== undefined && isSame(known, request)) {
      const isAnsweredHere = known.isCurrent;
      known.isCurrent = true;
      return isAnsweredHere ? undefined : known.answer;
    }
    this.#void("another request uses its id", (pending) => pending.id === id);
    const { threadId, turnId } = scopeOf(params);
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
      quota: this.#quotas[threadId === null || this.#receiver.knows(threadId) ? "own" : "other"],
      context: threadId === null ? rootContext : this.#receiver.contextOf(threadId, turnId),
      controller: new AbortController(),
      decision: { by: null },
      answer: NO_ANSWER,
      isAnswered: false,
      isCurrent: true,
    };
    const inContext = pending.context ?? rootContext;
    if (!pending.quota.take(bytes)) {
      const error = new CodexError("TOO_MANY_REQUESTS", `Declined ${method}: too many requests are pending.`);
      return inContext(() => this.#traced(pending, async () => this.#decline(pending, error)));
    }
    this.#pending.set(id, pending);
    pending.answer = inContext(() => this.#traced(pending, () => this.#answer(pending)));
    return pending.answer;
  }

  /**
   * The refusal of a request whose answer cannot be sent. Reports the error as `handlerError`. Throws when the protocol has
   * no refusal for the request.
   */
  refuse({ method, params }: WireRequest, error: CodexError): unknown {
    if (!isServerMethod(method)) throw error;
    const scope = scopeOf(isRecord(params) ? params : {});
    this.#receiver.handlerError({ method: "handlerError", params: { request: method, ...scope, error } });
    return refusal(method, error.message);
  }

  /** The connection is lost: a request that is sent again on the next one is the same request. */
  suspend(): void {
    this.#fileChanges.clear();
    for (const pending of this.#all()) pending.isCurrent = false;
  }

  /** Learns from the record of a thread what its pending file changes would change. */
  learn(threadId: string, turns: readonly Turn[]): void {
    this.#fileChanges.learn(threadId, turns);
  }

  /** Whether a request of this thread has not been sent again on the current connection. */
  hasStale(threadId: string): boolean {
    return this.#all().some((pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** Voids the requests of this thread that were not sent again: they are decided by now, or void. */
  voidStale(threadId: string): void {
    this.#void("the runtime did not send it again", (pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** Learns from notifications what a request is about, and when it is void. */
  observe(notification: Notification): void {
    this.#fileChanges.observe(notification);
    this.#registry.observe(notification);
    if (notification.method === "serverRequest/resolved") {
      const { requestId, threadId } = notification.params;
      this.#void("it was resolved elsewhere", (pending) => pending.id === requestId && pending.threadId === threadId);
    } else if (notification.method === "turn/completed") {
      const { threadId, turn } = notification.params;
      this.#void("the turn has ended", (pending) => isOf(pending, threadId, turn.id));
    } else if (notification.method === "thread/closed") {
      this.detach(notification.params.threadId);
    }
  }

  /** The runtime is gone: every pending request is void. */
  close(reason: CloseReason): void {
    this.#fileChanges.clear();
    this.#void(reason.initiator === "client" ? "the client was closed" : "the runtime is gone", () => true);
  }

  /** Answers a request, and publishes that if somebody wants to know. */
  #traced(pending: Pending, answer: () => Promise<unknown>): Promise<unknown> {
    const { tracer } = this.#receiver;
    if (tracer?.takesRequests !== true) return answer();
    const { id: requestId, method, params, threadId, turnId, itemId, decision } = pending;
    const handler = handlerOf(method, params);
    return tracer.request({ requestId, method, handler, params, threadId, turnId, itemId }, decision, answer);
  }

  async #answer(pending: Pending): Promise<unknown> {
    const { id, threadId, turnId, bytes, quota, controller } = pending;
    try {
      return await withLimits(this.#decide(pending), { signal: controller.signal });
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error;
    } finally {
      pending.isAnswered = true;
      quota.free(bytes);
      if (this.#pending.get(id) === pending) {
        this.#pending.delete(id);
        // Without a turn no event tells when the answer has arrived.
        if (turnId !== null) this.#answered.set(keyOf(id), pending, bytes);
      }
      if (threadId !== null && turnId !== null) this.#receiver.settled(threadId, turnId);
    }
  }

  async #decide(pending: Pending): Promise<unknown> {
    const { method, params, controller } = pending;
    // Handlers run outside of the reader, which continues with the next message.
    await Promise.resolve();
    let error: unknown;
    try {
      if (!isParamsOf(method, params)) throw new CodexError("BAD_REQUEST", `${method} has no params.`);
      const rule = answerRule(method);
      const name = handlerOf(method, params);
      const value: unknown = await this.#ask(method, params, pending, name);
      const answer = value === undefined ? undefined : rule.answer(value, params);
      if (answer !== undefined) return answer;
      const why =
        value === undefined
          ? `No handler for ${method}. Add ${name} to the handlers.`
          : `${name} returned an invalid answer to ${method}.`;
      error = new CodexError("REQUEST_DECLINED", why);
    } catch (thrown) {
      error = thrown;
    }
    return controller.signal.aborted ? undefined : this.#decline(pending, error);
  }

  /** Reports why a request is declined, and gives the refusal. */
  #decline({ method, threadId, turnId, decision }: Pending, error: unknown): unknown {
    decision.by = "default";
    decision.error = error;
    this.#receiver.handlerError({ method: "handlerError", params: { request: method, threadId, turnId, error } });
    return refusal(method);
  }

  async #ask<M extends ServerMethod>(
    method: M,
    params: AnyServerRequests[M]["params"],
    pending: Pending,
    name: keyof Handlers,
  ): Promise<unknown> {
    const { threadId, turnId, itemId, controller } = pending;
    const { signal } = controller;
    const own = threadId === null ? undefined : await this.#registry.of(threadId);
    if (signal.aborted) return undefined;
    const context: HandlerContext = { signal, threadId, turnId, itemId, threadCwd: own?.cwd ?? null };
    if (own?.tools !== undefined && isToolCall(method, params) && own.tools.has(params)) {
      pending.decision.by = "tool";
      return own.tools.call(params, context);
    }
    // A sub-agent that nobody follows belongs to the thread whose handlers decide for it.
    const ownerId = own?.ownerId ?? null;
    const owner = pending.context === null && ownerId !== null ? this.#receiver.contextOf(ownerId, null) : null;
    const inContext: AsyncContext = owner ?? ((work) => work());
    const handlers = own?.handlers?.[name] === undefined ? this.#client : own.handlers;
    const answer = copyAnswer(
      await inContext(() => answerRule(method).ask(handlers, params, context, () => this.#changesOf(pending))),
    );
    pending.decision.by = handlers[name] === undefined ? "default" : decidesByRule(context) ? "rules" : "handler";
    if (answer !== undefined || handlers[name] === undefined || signal.aborted) return answer;
    throw new CodexError("REQUEST_DECLINED", `${name} returned nothing for ${method}. Return an answer.`);
  }

  /** What a file change would change. Rejects when that is unknown, so that no handler decides blindly. */
  async #changesOf({ threadId, turnId, itemId, changes, controller: { signal } }: Pending): Promise<KnownChanges> {
    let known = changes;
    if (known === undefined && threadId !== null && turnId !== null && itemId !== null) {
      known = await this.#fileChanges.next({ threadId, turnId, itemId }, signal);
    }
    signal.throwIfAborted();
    if (known !== undefined && known !== null) return known;
    throw new CodexError(
      "CHANGES_UNKNOWN",
      "Declined a file change without asking a handler: its changes are unknown.",
    );
  }

  #void(why: string, matches: (pending: Pending) => boolean): void {
    for (const pending of this.#all()) {
      if (!matches(pending)) continue;
      this.#pending.delete(pending.id);
      this.#answered.delete(keyOf(pending.id));
      if (pending.isAnswered) continue;
      pending.controller.abort(new CodexError("REQUEST_VOID", `The decision is no longer needed: ${why}.`));
    }
  }

  /** The requests without an answer, and those whose answer the runtime may ask for again. */
  #all(): Pending[] {
    return [...this.#pending.values(), ...[...this.#answered].map(([, pending]) => pending)];
  }
}

/** The handler that a request goes to. */
function handlerOf<M extends ServerMethod>(method: M, params: unknown): keyof Handlers {
  const { handler } = answerRule(method);
  if (typeof handler === "string") return handler;
  return isParamsOf(method, params) ? handler(params) : "answerElicitation";
}

const NO_ANSWER = Promise.resolve(undefined);

function refusal(method: ServerMethod, reason?: string): unknown {
  const { decline } = answerRule(method);
  if (decline === null) throw new CodexError("UNANSWERED", `No answer to ${method}, which cannot be declined.`);
  return decline(reason);
}

/** A new runtime counts its ids from the start again, so an equal id alone does not make it the same request. */
function isSame(pending: Pending, { method, params }: WireRequest): boolean {
  return pending.method === method && isDeepStrictEqual(pending.params, params);
}

function isOf(pending: Pending, threadId: string, turnId: string): boolean {
  return pending.threadId === threadId && pending.turnId === turnId;
}

/** The ids 1 and "1" are different. */
function keyOf(id: RequestId): string {
  return JSON.stringify(id);
}

/** Params are taken to have the generated type, because the handshake has compared the runtime's version. */
function isParamsOf<M extends ServerMethod>(_method: M, params: unknown): params is AnyServerRequests[M]["params"] {
  return isRecord(params);
}

function isToolCall(method: ServerMethod, params: unknown): params is DynamicToolCallParams {
  return method === "item/tool/call" && isRecord(params);
}

function unknownRequest(method: string): CodexError {
  return new CodexError("UNKNOWN_REQUEST", `Unknown request ${method}: this version of codex-embed cannot answer it.`);
}

function scopeOf(params: Readonly<Record<string, unknown>>): { threadId: string | null; turnId: string | null } {
  return {
    threadId: textIn(params, "threadId") ?? textIn(params, "conversationId"),
    turnId: textIn(params, "turnId"),
  };
}

function textIn(params: Readonly<Record<string, unknown>>, key: string): string | null {
  const value = params[key];
  return typeof value === "string" ? value : null;
}
