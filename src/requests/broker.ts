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
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly controller: AbortController;
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
  }

  /** Whether a decision or a tool of this turn is still awaited. */
  isWaiting(turnId: string): boolean {
    return [...this.#pending.values()].some((pending) => pending.turnId === turnId);
  }

  /**
   * The answer to a request; undefined when none is wanted any more. Rejects when only an error can answer it.
   * Never an acceptance that no handler gave.
   */
  async answer(request: WireRequest): Promise<unknown> {
    const { id, method } = request;
    if (!isServerMethod(method)) throw new CodexError("UNKNOWN_REQUEST", `Nothing handles ${method}.`);
    // A client that resumes a thread is sent what is still pending again, under the same id.
    if (this.#pending.has(id)) return undefined;
    const params = isRecord(request.params) ? request.params : {};
    const pending: Pending = {
      threadId: textIn(params, "threadId") ?? textIn(params, "conversationId"),
      turnId: textIn(params, "turnId"),
      controller: new AbortController(),
    };
    this.#pending.set(id, pending);
    const { signal } = pending.controller;
    try {
      return await Promise.race([this.#decide(method, request.params, pending), whenAborted(signal)]);
    } finally {
      this.#pending.delete(id);
      if (pending.threadId !== null && pending.turnId !== null) {
        this.#receiver.settled(pending.threadId, pending.turnId);
      }
    }
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
    if (rule.decline === null) throw new CodexError("UNANSWERED", `${method} has no answer.`);
    return rule.decline();
  }

  async #ask<M extends ServerMethod>(
    method: M,
    params: ServerRequests[M]["params"],
    { threadId, turnId, controller: { signal } }: Pending,
  ): Promise<unknown> {
    const rule = answerRule(method);
    const own = threadId === null ? undefined : await this.#decidersOf(threadId);
    if (signal.aborted) return undefined;
    const itemId = isRecord(params) ? (textIn(params, "itemId") ?? textIn(params, "callId")) : null;
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
      pending.controller.abort(new CodexError("REQUEST_VOID", `The decision is no longer wanted: ${why}.`));
    }
  }
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
