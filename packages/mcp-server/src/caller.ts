/** The client that called a tool: whether it still waits, how its user is asked, and what it hears while a turn runs. */

import type {
  ElicitRequestFormParams,
  ElicitRequestURLParams,
  McpServer,
  ServerContext,
} from "@modelcontextprotocol/server";
import { escapeForDisplay, type TurnEvent, type TurnHandle } from "codex-embed";
import { MAX_TIMER_MS } from "./checks.js";

/** A question to the user of the client. */
export type Question = (ElicitRequestFormParams & { mode: "form" }) | (ElicitRequestURLParams & { mode: "url" });

/** The answer as the client sent it. Nothing in it has been checked. */
export interface Answer {
  readonly action: string;
  readonly content: unknown;
}

/** How a question is shown: as a form, or as a link. */
export type QuestionMode = Question["mode"];

/** Who called a tool. */
export interface Caller {
  /** Aborts when nobody waits for the result any more: the call was cancelled, its connection was lost, or the server closes. */
  readonly signal: AbortSignal;
  /** Whether the client has declared that it can ask its user in this way. */
  canAsk(mode: QuestionMode): boolean;
  /** Asks the user. Rejects when the client fails, or when the signal aborts. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Sends a progress notification, if the caller asked for them. Never throws. */
  report(message: string): void;
}

/** Whether these client capabilities contain a way to ask. An empty object means forms, as before there were modes. */
export function supportsElicitation(capability: unknown, mode: QuestionMode): boolean {
  if (typeof capability !== "object" || capability === null) return false;
  if (mode === "url") return "url" in capability;
  return "form" in capability || !("url" in capability);
}

/** Aborts when the request is cancelled, when its connection ends, and, over HTTP, when its response is lost. */
export function signalOf(context: ServerContext): AbortSignal {
  const response = context.http?.req?.signal;
  return response === undefined ? context.mcpReq.signal : AbortSignal.any([context.mcpReq.signal, response]);
}

/**
 * Sends the progress notifications of one request: only if the request has a progress token, with increasing numbers,
 * in order, and none after `end`. A notification that cannot be sent is dropped.
 */
export class ProgressReporter {
  #context: ServerContext | null;
  #sent: number;

  /** @param sent - how many were sent for earlier requests of the same call */
  constructor(context: ServerContext, sent = 0) {
    this.#context = context;
    this.#sent = sent;
  }

  get sent(): number {
    return this.#sent;
  }

  report(message: string): void {
    const progressToken = this.#context?.mcpReq._meta?.progressToken;
    if (this.#context === null || progressToken === undefined) return;
    const params = { progressToken, progress: ++this.#sent, message };
    // The signal of the caller tells when its client is gone; a lost notification is no failure.
    this.#context.mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
  }

  end(): void {
    this.#context = null;
  }
}

/** The caller of one request of protocol 2025-11-25 or earlier, where a server may ask during the call. */
export class ConnectedCaller implements Caller {
  readonly signal: AbortSignal;
  readonly #context: ServerContext;
  readonly #server: McpServer;
  readonly #progress: ProgressReporter;

  constructor(server: McpServer, context: ServerContext) {
    this.#server = server;
    this.#context = context;
    this.#progress = new ProgressReporter(context);
    this.signal = signalOf(context);
  }

  canAsk(mode: QuestionMode): boolean {
    return supportsElicitation(this.#server.server.getClientCapabilities()?.elicitation, mode);
  }

  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    // `send` ties the question to the request, so that over HTTP it travels on the response that the client reads.
    const { action, content } = await this.#context.mcpReq.send(
      { method: "elicitation/create", params: { ...question } },
      { signal: AbortSignal.any([signal, this.signal]), timeout: MAX_TIMER_MS },
    );
    return { action, content };
  }

  report(message: string): void {
    this.#progress.report(message);
  }

  /** Stops the progress notifications: the result is next. */
  end(): void {
    this.#progress.end();
  }
}

/**
 * Follows a turn to its end and reports its steps. Never rejects: the result of the turn tells how it failed.
 *
 * @param heartbeatMs - milliseconds without a step after which it reports that the turn still runs
 */
export async function reportProgress(
  turn: TurnHandle,
  report: (message: string) => void,
  heartbeatMs: number,
): Promise<void> {
  const heartbeat = setInterval(() => report("Still working."), heartbeatMs);
  try {
    for await (const event of turn) {
      const message = progressOf(event);
      if (message === null) continue;
      report(message);
      heartbeat.refresh();
    }
  } catch {
    // Told by the result of the turn.
  } finally {
    clearInterval(heartbeat);
  }
}

/** The progress message for an event; null for events that are no step. */
export function progressOf(event: TurnEvent): string | null {
  switch (event.method) {
    case "turn/started":
      return "The turn has started.";
    case "item/started":
      return startOf(event.params.item);
    case "item/completed":
      return endOf(event.params.item);
    default:
      return null;
  }
}

type Item = Extract<TurnEvent, { method: "item/started" }>["params"]["item"];

function startOf(item: Item): string | null {
  switch (item.type) {
    case "commandExecution":
      return `Running: ${excerpt(item.command)}`;
    case "fileChange":
      return `Changing ${item.changes.length === 1 ? "a file" : `${item.changes.length} files`}.`;
    case "mcpToolCall":
      return `Calling ${excerpt(item.server)}.${excerpt(item.tool)}.`;
    case "webSearch":
      return "Searching the web.";
    case "reasoning":
      return "Thinking.";
    default:
      return null;
  }
}

function endOf(item: Item): string | null {
  switch (item.type) {
    case "agentMessage":
      return item.text === "" ? null : excerpt(item.text);
    case "commandExecution":
      return item.exitCode === null ? "The command has ended." : `The command exited with code ${item.exitCode}.`;
    default:
      return null;
  }
}

/** The beginning of a text on one line. For progress only: nobody decides on it. */
export function excerpt(text: string, maxChars = 160): string {
  const line = escapeForDisplay(text.trim().replace(/\s+/g, " "), { singleLine: true });
  return line.length > maxChars ? `${line.slice(0, maxChars - 1)}…` : line;
}
