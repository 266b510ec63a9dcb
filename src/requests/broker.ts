/** Owns the requests of the runtime that wait for a decision: who is asked, and exactly one answer each. */

import { CodexError, type CloseReason } from "../errors/index.js";
import type { HandlerErrorEvent, Notification } from "../events.js";
import type { DynamicToolCallParams, DynamicToolCallResponse } from "../generated/protocol.js";
import type { ServerRequests } from "../generated/tables.js";
import { isRecord, type RequestId, type WireRequest } from "../rpc/messages.js";
import { answerRule, isServerMethod, type ServerMethod } from "./answers.js";
import { FileChanges } from "./fileChanges.js";
import type { HandlerContext, Handlers } from "./handlers.js";

/** Runs the tools of a thread. */
export interface ToolRunner {
  has(params: DynamicToolCallParams): boolean;
  call(params: DynamicToolCallParams, context: HandlerContext): Promise<DynamicToolCallResponse>;
}

/** Who decides for a thread. */
export interface ThreadDeciders {
  readonly handlers?: Handlers | undefined;
  readonly tools?: ToolRunner | undefined;
}

/** What the broker tells the layer above. */
export interface BrokerReceiver {
  handlerError(event: HandlerErrorEvent): void;
  /** The thread whose agent has begun this one, or null. */
  parentOf(threadId: string): Promise<string | null>;
  /** A request of this turn has been answered or has become void. */
  settled(threadId: string, turnId: string): void;
}

interface Pending {
  readonly method: string;
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  readonly controller: AbortController;
  /** Undefined when none is wanted any more. */
  answer: Promise<unknown>;
  /** An answer may get lost on the way; it is kept until the runtime has it, and given again when it asks again. */
  isAnswered: boolean;
  /** Whether it was asked on the connection that stands. */
  isCurrent: boolean;
}

/** Brings the requests of the runtime to their handlers. */
export class RequestBroker {
  readonly #client: Handlers;
  readonly #receiver: BrokerReceiver;
  readonly #threads = new Map<string, ThreadDeciders>();
  readonly #parents = new Map<string, Promise<string | null>>();
  readonly #pending = new Map<RequestId, Pending>();
  readonly #fileChanges = new FileChanges();

  constructor(client: Handlers, receiver: BrokerReceiver) {
    this.#client = client;
    this.#receiver = receiver;
  }

  /** From now on a thread's own deciders go before the client's; what is left out stays as it was. */
  attach(threadId: string, { handlers, tools }: ThreadDeciders): void {
    const before = this.#threads.get(threadId);
    this.#threads.set(threadId, { handlers: handlers ?? before?.handlers, tools: tools ?? before?.tools });
  }

  /** A fork is decided for as its source is. */
  inherit(threadId: string, fromThreadId: string): void {
    const deciders = this.#threads.get(fromThreadId);
    if (deciders !== undefined) this.attach(threadId, deciders);
  }

  /** Forgets a thread's own deciders. */
  detach(threadId: string): void {
    this.#threads.delete(threadId);
    this.#parents.delete(threadId);
    this.#void("the thread was unloaded", (pending) => pending.threadId === threadId);
  }

  /** Whether a decision or a tool of this turn is still awaited. */
  isWaiting(turnId: string): boolean {
    return [...this.#pending.values()].some((pending) => pending.turnId === turnId && !pending.isAnswered);
  }

  /**
   * The answer to a request; undefined when none is wanted any more. Rejects when only an error can answer it.
   * Never an acceptance that no handler gave.
   */
  async answer(request: WireRequest): Promise<unknown> {
    const { id, method } = request;
    if (!isServerMethod(method)) throw new CodexError("UNKNOWN_REQUEST", `Nothing handles ${method}.`);
    const params = isRecord(request.params) ? request.params : {};
    const asked = {
      method,
      threadId: textIn(params, "threadId") ?? textIn(params, "conversationId"),
      turnId: textIn(params, "turnId"),
      itemId: itemOf(params),
    };
    // A client that resumes a thread is sent what is still pending again, under the same id.
    const known = this.#pending.get(id);
    if (known !== undefined && isSame(known, asked)) {
      const isAnsweredHere = known.isCurrent;
      known.isCurrent = true;
      return isAnsweredHere ? undefined : known.answer;
    }
    this.#void("its id stands for another request now", (_, pendingId) => pendingId === id);
    const controller = new AbortController();
    const pending: Pending = { ...asked, controller, answer: NO_ANSWER, isAnswered: false, isCurrent: true };
    this.#pending.set(id, pending);
    pending.answer = this.#answer(id, method, request.params, pending);
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
    for (const pending of this.#pending.values()) pending.isCurrent = false;
  }

  /** Whether a request of this thread has not been asked again since the connection was made anew. */
  hasStale(threadId: string): boolean {
    return [...this.#pending.values()].some((pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** The requests of this thread that were not asked again are decided by now, or void. */
  voidStale(threadId: string): void {
    this.#void("it was not asked again", (pending) => pending.threadId === threadId && !pending.isCurrent);
  }

  /** Learns from the stream of notifications what a request is about, and when it is void. */
  observe(notification: Notification): void {
    this.#fileChanges.observe(notification);
    if (notification.method === "serverRequest/resolved") {
      const { requestId } = notification.params;
      this.#void("resolved elsewhere", (_, id) => id === requestId);
    } else if (notification.method === "turn/completed") {
      const { turn } = notification.params;
      this.#void("the turn has ended", ({ turnId }) => turnId === turn.id);
    } else if (notification.method === "thread/closed") {
      this.detach(notification.params.threadId);
    }
  }

  /** The runtime is gone: nothing is awaited any more. */
  close(reason: CloseReason): void {
    this.#void(reason.initiator === "client" ? "the client was closed" : "the runtime is gone", () => true);
  }

  async #answer(id: RequestId, method: ServerMethod, params: unknown, pending: Pending): Promise<unknown> {
    const { threadId, turnId, controller } = pending;
    try {
      return await Promise.race([this.#decide(method, params, pending), whenAborted(controller.signal)]);
    } finally {
      pending.isAnswered = true;
      // Without a turn there is nothing that would say when the answer has arrived.
      if (turnId === null && this.#pending.get(id) === pending) this.#pending.delete(id);
      if (threadId !== null && turnId !== null) this.#receiver.settled(threadId, turnId);
    }
  }

  async #decide<M extends ServerMethod>(method: M, params: unknown, pending: Pending): Promise<unknown> {
    const rule = answerRule(method);
    const { threadId, turnId } = pending;
    const { signal } = pending.controller;
    // Decisions are made off the reader, which goes on with the next message meanwhile.
    await Promise.resolve();
    let error: unknown;
    try {
      if (!isParamsOf(method, params)) throw new CodexError("BAD_REQUEST", `${method} came without parameters.`);
      const value: unknown = await this.#ask(method, params, pending);
      const answer = value === undefined ? undefined : rule.answer(value, params);
      if (answer !== undefined) return answer;
      const why =
        value === undefined
          ? `Nothing handles ${method}.`
          : `The handler of ${method} returned what is no answer to it.`;
      error = new CodexError("REQUEST_DECLINED", why);
    } catch (thrown) {
      error = thrown;
    }
    if (signal.aborted) return undefined;
    this.#receiver.handlerError({ method: "handlerError", params: { request: method, threadId, turnId, error } });
    return refusal(method);
  }

  async #ask<M extends ServerMethod>(
    method: M,
    params: ServerRequests[M]["params"],
    { threadId, turnId, itemId, controller: { signal } }: Pending,
  ): Promise<unknown> {
    const rule = answerRule(method);
    const own = threadId === null ? undefined : await this.#decidersOf(threadId);
    if (signal.aborted) return undefined;
    const context: HandlerContext = { signal, threadId, turnId, itemId };
    if (own?.tools !== undefined && isToolCall(method, params) && own.tools.has(params)) {
      return own.tools.call(params, context);
    }
    const name = typeof rule.handler === "string" ? rule.handler : rule.handler(params);
    const handlers = own?.handlers?.[name] === undefined ? this.#client : own.handlers;
    const isFileChange = name === "approveFileChange" && handlers.approveFileChange !== undefined;
    const changes = isFileChange ? await this.#fileChanges.of(itemId ?? "", signal) : [];
    return signal.aborted ? undefined : rule.ask(handlers, params, context, changes);
  }

  /** A sub-agent asks on a thread of its own: who decides for the thread that began it decides for it. */
  async #decidersOf(threadId: string): Promise<ThreadDeciders | undefined> {
    const asked = new Set<string>();
    for (let id: string | null = threadId; id !== null && this.#threads.size > 0; ) {
      const deciders = this.#threads.get(id);
      if (deciders !== undefined) return deciders;
      // Answers come from elsewhere: going around in a circle would never let the event loop go.
      if (asked.has(id)) return undefined;
      asked.add(id);
      id = await this.#parentOf(id);
    }
    return undefined;
  }

  #parentOf(threadId: string): Promise<string | null> {
    let parent = this.#parents.get(threadId);
    if (parent === undefined) {
      parent = this.#receiver.parentOf(threadId);
      this.#parents.set(threadId, parent);
      parent.catch(() => this.#parents.delete(threadId));
    }
    return parent;
  }

  #void(why: string, matches: (pending: Pending, id: RequestId) => boolean): void {
    for (const [id, pending] of this.#pending) {
      if (!matches(pending, id)) continue;
      this.#pending.delete(id);
      if (pending.isAnswered) continue;
      pending.controller.abort(new CodexError("REQUEST_VOID", `The decision is no longer wanted: ${why}.`));
    }
  }
}

const NO_ANSWER = Promise.resolve(undefined);

function refusal(method: ServerMethod, reason?: string): unknown {
  const { decline } = answerRule(method);
  if (decline === null) throw new CodexError("UNANSWERED", `${method} has no answer.`);
  return decline(reason);
}

type Asked = Pick<Pending, "method" | "threadId" | "turnId" | "itemId">;

/** Ids begin anew with a new runtime. */
function isSame(one: Asked, other: Asked): boolean {
  return (
    one.method === other.method &&
    one.threadId === other.threadId &&
    one.turnId === other.turnId &&
    one.itemId === other.itemId
  );
}

function itemOf(params: Readonly<Record<string, unknown>>): string | null {
  return textIn(params, "itemId") ?? textIn(params, "callId");
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

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
