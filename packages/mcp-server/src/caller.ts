/** Owns the view of the client that has called a tool: whether it still waits, and how it is asked and told. */

import type {
  ElicitRequestFormParams,
  ElicitRequestURLParams,
  McpServer,
  ServerContext,
} from "@modelcontextprotocol/server";
import { MAX_TIMER_MS } from "../../codex-embed/src/util/async.js";

/** A question to the person at the client. */
export type Question = (ElicitRequestFormParams & { mode: "form" }) | (ElicitRequestURLParams & { mode: "url" });

/** The answer, as the client gave it: nothing of it has been checked. */
export interface Answer {
  readonly action: string;
  readonly content: unknown;
}

/** The ways in which a client can be asked. */
export type QuestionMode = Question["mode"];

/** Who called a tool. */
export interface Caller {
  /** Aborts when the caller waits no longer: cancelled, disconnected, or the server closes. */
  readonly signal: AbortSignal;
  /** Whether the client has said that it can ask its user in this way. */
  canAsk(mode: QuestionMode): boolean;
  /** Puts a question before the user. Rejects when the client fails, or when the signal aborts. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Tells how the work goes, if the caller wants to know. Never throws. */
  tell(message: string): void;
}

/** Whether these capabilities name this way of asking. An empty object stands for forms, as it did before there were modes. */
export function offers(elicitation: unknown, mode: QuestionMode): boolean {
  if (typeof elicitation !== "object" || elicitation === null) return false;
  if (mode === "url") return "url" in elicitation;
  return "form" in elicitation || !("url" in elicitation);
}

/**
 * Sends progress notifications of one request: only when it carries a token, with numbers that grow, and none after
 * `end`. They are sent in order; one that cannot be sent is dropped.
 */
export class ProgressTeller {
  #context: ServerContext | null;
  #sent: number;

  /** @param sent - how many were sent for an earlier part of the same call */
  constructor(context: ServerContext, sent = 0) {
    this.#context = context;
    this.#sent = sent;
  }

  get sent(): number {
    return this.#sent;
  }

  tell(message: string): void {
    const progressToken = this.#context?.mcpReq._meta?.progressToken;
    if (this.#context === null || progressToken === undefined) return;
    const params = { progressToken, progress: ++this.#sent, message };
    // A client that has gone is noticed by its signal; a lost note about progress is no failure.
    this.#context.mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
  }

  end(): void {
    this.#context = null;
  }
}

/** Aborts when the request is cancelled, when its connection ends, and, over HTTP, when its response can not arrive. */
export function signalOf(context: ServerContext): AbortSignal {
  const response = context.http?.req?.signal;
  return response === undefined ? context.mcpReq.signal : AbortSignal.any([context.mcpReq.signal, response]);
}

/** The caller of a request of the protocol up to 2025-11-25, where the server may ask in the middle of a call. */
export class ConnectedCaller implements Caller {
  readonly signal: AbortSignal;
  readonly #context: ServerContext;
  readonly #server: McpServer;
  readonly #progress: ProgressTeller;

  constructor(server: McpServer, context: ServerContext) {
    this.#server = server;
    this.#context = context;
    this.#progress = new ProgressTeller(context);
    this.signal = signalOf(context);
  }

  canAsk(mode: QuestionMode): boolean {
    return offers(this.#server.server.getClientCapabilities()?.elicitation, mode);
  }

  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    // `send` ties the question to the request, so that over HTTP it travels on the response that the client reads.
    const { action, content } = await this.#context.mcpReq.send(
      { method: "elicitation/create", params: { ...question } },
      { signal: AbortSignal.any([signal, this.signal]), timeout: MAX_TIMER_MS },
    );
    return { action, content };
  }

  tell(message: string): void {
    this.#progress.tell(message);
  }

  /** Ends the notes about progress: the result is next. */
  end(): void {
    this.#progress.end();
  }
}
