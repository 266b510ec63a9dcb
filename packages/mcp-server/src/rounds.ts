/** Owns calls of the protocol 2026-07-28, where a question is the end of a request and its answer the next request's. */

import { randomUUID } from "node:crypto";
import type { CallToolResult, InputRequiredResult, ServerContext } from "@modelcontextprotocol/server";
import {
  type Answer,
  type Caller,
  offers,
  ProgressTeller,
  type Question,
  type QuestionMode,
  signalOf,
} from "./caller.js";
import type { McpLibrary } from "./library.js";
import { Refusal } from "./refusal.js";

/** What a request of such a call is answered with: the result, or questions. */
export type RoundResult = CallToolResult | InputRequiredResult;

/** The calls that go on while their client asks its user. They are found again by an id that cannot be guessed. */
export class Rounds {
  readonly #library: McpLibrary;
  readonly #answerTimeoutMs: number;
  readonly #calls = new Map<string, RoundsCall>();

  constructor(library: McpLibrary, answerTimeoutMs: number) {
    this.#library = library;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /** Serves one request: begins the call, or goes on with the one that the request's state names. */
  async serve(context: ServerContext, begin: (caller: Caller) => Promise<CallToolResult>): Promise<RoundResult> {
    const state = context.mcpReq.requestState();
    let call: RoundsCall | undefined;
    if (state === undefined) {
      const begun = new RoundsCall(this.#library, this.#answerTimeoutMs, () => this.#calls.delete(begun.id));
      call = begun;
      this.#calls.set(call.id, call);
      call.begin(begin);
    } else {
      call = typeof state === "string" ? this.#calls.get(state) : undefined;
      if (call === undefined || call.hasVisitor) {
        throw new Refusal("This answer comes too late, or belongs to no call of this server.");
      }
    }
    const result = await call.visit(context);
    if (call.isOver) this.#calls.delete(call.id);
    return result;
  }
}

interface Pending {
  readonly question: Question;
  /** Whether the client has been sent it. */
  isSent: boolean;
  readonly resolve: (answer: Answer) => void;
}

/** One call, over all its requests. */
class RoundsCall implements Caller {
  readonly id = randomUUID();
  readonly #library: McpLibrary;
  readonly #answerTimeoutMs: number;
  readonly #forget: () => void;
  readonly #ended = new AbortController();
  readonly #pending = new Map<string, Pending>();
  #outcome: Promise<CallToolResult> | null = null;
  #isOver = false;
  #asked = 0;
  #visit: ProgressTeller | null = null;
  /** What the client said of itself in its last request; it still holds while its user is asked. */
  #envelope: unknown;
  #notesSent = 0;
  #wake: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  /** @param forget - called when nobody has come back in time, and nobody can any more */
  constructor(library: McpLibrary, answerTimeoutMs: number, forget: () => void) {
    this.#library = library;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#forget = forget;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasVisitor(): boolean {
    return this.#visit !== null;
  }

  begin(work: (caller: Caller) => Promise<CallToolResult>): void {
    this.#outcome = work(this).finally(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  canAsk(mode: QuestionMode): boolean {
    const envelope = this.#envelope;
    if (typeof envelope !== "object" || envelope === null) return false;
    const capabilities: unknown = Reflect.get(envelope, this.#library.CLIENT_CAPABILITIES_META_KEY);
    if (typeof capabilities !== "object" || capabilities === null) return false;
    return offers(Reflect.get(capabilities, "elicitation"), mode);
  }

  ask(question: Question, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const key = `question-${++this.#asked}`;
      const onAbort = (): void => {
        this.#pending.delete(key);
        reject(signal.reason instanceof Error ? signal.reason : new Error("The question is not wanted any more."));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(key, {
        question,
        isSent: false,
        resolve: (answer) => {
          signal.removeEventListener("abort", onAbort);
          this.#pending.delete(key);
          resolve(answer);
        },
      });
      this.#wake();
    });
  }

  tell(message: string): void {
    this.#visit?.tell(message);
  }

  /** Serves one request: hands over the answers that it brings, and waits for the end or for questions. */
  async visit(context: ServerContext): Promise<RoundResult> {
    clearTimeout(this.#timer);
    const progress = new ProgressTeller(context, this.#notesSent);
    this.#visit = progress;
    this.#envelope = context.mcpReq.envelope;
    const signal = signalOf(context);
    const onAbort = (): void => this.#ended.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#takeAnswers(context);
      for (;;) {
        if (this.#isOver && this.#outcome !== null) return await this.#outcome;
        if (this.#pending.size > 0) return this.#askClient();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      progress.end();
      this.#notesSent = progress.sent;
      this.#visit = null;
    }
  }

  /**
   * A question that the request brings no answer to has been left out by the client, and is a no. One that has come up
   * meanwhile is still to be put.
   */
  #takeAnswers({ mcpReq }: ServerContext): void {
    for (const [key, { isSent, resolve }] of this.#pending) {
      if (!isSent) continue;
      const answer = this.#library.inputResponse(mcpReq.inputResponses, key);
      resolve(
        answer.kind === "elicit"
          ? { action: answer.action, content: answer.content }
          : { action: "decline", content: null },
      );
    }
  }

  #askClient(): InputRequiredResult {
    const expire = (): void => {
      this.#ended.abort(new Refusal("The client did not come back with an answer."));
      this.#forget();
    };
    // What is kept until then is a result that nobody has fetched: no reason to keep the process.
    this.#timer = setTimeout(expire, this.#answerTimeoutMs).unref();
    const { inputRequired } = this.#library;
    const entries = [...this.#pending].map(([key, pending]) => {
      pending.isSent = true;
      const { question } = pending;
      if (question.mode === "form") return [key, inputRequired.elicit(question)] as const;
      const { message, url } = question;
      return [key, inputRequired.elicitUrl({ message, url })] as const;
    });
    return inputRequired({ inputRequests: Object.fromEntries(entries), requestState: this.id });
  }
}
