/**
 * Calls of protocol 2026-07-28, where a server cannot ask during a request: a question ends the request, and the client
 * returns with the answer in a new one.
 */

import { randomUUID } from "node:crypto";
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type ServerContext,
} from "@modelcontextprotocol/server";
import {
  type Answer,
  type Caller,
  ProgressReporter,
  type Question,
  type QuestionMode,
  signalOf,
  supportsElicitation,
} from "./caller.js";
import { isRecord } from "./checks.js";
import { ToolError } from "./results.js";

/** What one request is answered with: the result of the call, or questions. */
export type RoundResult = CallToolResult | InputRequiredResult;

/** The calls that wait for an answer of their client, by an id that cannot be guessed. */
export class Rounds {
  readonly #answerTimeoutMs: number;
  readonly #calls = new Map<string, RoundsCall>();

  /** @param answerTimeoutMs - how long a client may take to return with an answer; then its call is given up */
  constructor(answerTimeoutMs: number) {
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /**
   * Serves one request: starts a call, or continues the one that the request's state names.
   *
   * @param work - the work of the call; its caller is asked over all requests of the call
   * @throws ToolError for a state that belongs to no waiting call.
   */
  async serve(context: ServerContext, work: (caller: Caller) => Promise<CallToolResult>): Promise<RoundResult> {
    const call = this.#callOf(context.mcpReq.requestState(), work);
    const result = await call.serve(context);
    if (call.isDone) this.#calls.delete(call.id);
    return result;
  }

  #callOf(state: unknown, work: (caller: Caller) => Promise<CallToolResult>): RoundsCall {
    if (state === undefined) {
      const call = new RoundsCall(this.#answerTimeoutMs, () => this.#calls.delete(call.id));
      this.#calls.set(call.id, call);
      call.start(work);
      return call;
    }
    const call = typeof state === "string" ? this.#calls.get(state) : undefined;
    if (call !== undefined && !call.isServed) return call;
    throw new ToolError("This answer comes too late, or belongs to no call of this server. Start a new call.");
  }
}

interface PendingQuestion {
  readonly question: Question;
  /** Whether the client has received it. */
  isSent: boolean;
  readonly resolve: (answer: Answer) => void;
}

/** One call over all its requests. */
class RoundsCall implements Caller {
  readonly id = randomUUID();
  readonly #answerTimeoutMs: number;
  readonly #forget: () => void;
  readonly #ended = new AbortController();
  readonly #questions = new Map<string, PendingQuestion>();
  #outcome: Promise<CallToolResult> | null = null;
  #isDone = false;
  #asked = 0;
  /** The progress of the request that is being served; null while the client asks its user. */
  #progress: ProgressReporter | null = null;
  /** How the client described itself in its latest request; valid until the next one. */
  #envelope: unknown;
  #reported = 0;
  #wake: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  /** @param forget - called when the client did not return in time */
  constructor(answerTimeoutMs: number, forget: () => void) {
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#forget = forget;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Whether a request of the call is being served. */
  get isServed(): boolean {
    return this.#progress !== null;
  }

  start(work: (caller: Caller) => Promise<CallToolResult>): void {
    this.#outcome = work(this).finally(() => {
      this.#isDone = true;
      this.#wake();
    });
  }

  /** Serves one request: takes the answers that it brings, then waits for the result or for questions. */
  async serve(context: ServerContext): Promise<RoundResult> {
    clearTimeout(this.#timer);
    const progress = new ProgressReporter(context, this.#reported);
    this.#progress = progress;
    this.#envelope = context.mcpReq.envelope;
    const signal = signalOf(context);
    const onAbort = (): void => this.#ended.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#takeAnswers(context);
      for (;;) {
        if (this.#isDone && this.#outcome !== null) return await this.#outcome;
        if (this.#questions.size > 0) return this.#sendQuestions();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      progress.end();
      this.#reported = progress.sent;
      this.#progress = null;
    }
  }

  canAsk(mode: QuestionMode): boolean {
    const capabilities = isRecord(this.#envelope) ? this.#envelope[CLIENT_CAPABILITIES_META_KEY] : null;
    return isRecord(capabilities) && supportsElicitation(capabilities["elicitation"], mode);
  }

  ask(question: Question, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const key = `question-${++this.#asked}`;
      const onAbort = (): void => {
        this.#questions.delete(key);
        reject(signal.reason instanceof Error ? signal.reason : new Error("The question was withdrawn."));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#questions.set(key, {
        question,
        isSent: false,
        resolve: (answer) => {
          signal.removeEventListener("abort", onAbort);
          this.#questions.delete(key);
          resolve(answer);
        },
      });
      this.#wake();
    });
  }

  report(message: string): void {
    this.#progress?.report(message);
  }

  /** A question that was sent and has no answer in the request counts as declined. One that came up since is sent next. */
  #takeAnswers({ mcpReq }: ServerContext): void {
    for (const [key, { isSent, resolve }] of this.#questions) {
      if (!isSent) continue;
      const answer = inputResponse(mcpReq.inputResponses, key);
      resolve(
        answer.kind === "elicit"
          ? { action: answer.action, content: answer.content }
          : { action: "decline", content: null },
      );
    }
  }

  #sendQuestions(): InputRequiredResult {
    const giveUp = (): void => {
      this.#ended.abort(new ToolError("The client did not return with an answer in time."));
      this.#forget();
    };
    // Unreferenced: a result that nobody fetches is no reason to keep the process alive.
    this.#timer = setTimeout(giveUp, this.#answerTimeoutMs).unref();
    const entries = [...this.#questions].map(([key, pending]) => {
      pending.isSent = true;
      const { question } = pending;
      if (question.mode === "form") return [key, inputRequired.elicit(question)] as const;
      const { message, url } = question;
      return [key, inputRequired.elicitUrl({ message, url })] as const;
    });
    return inputRequired({ inputRequests: Object.fromEntries(entries), requestState: this.id });
  }
}
