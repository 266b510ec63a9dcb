import { atCallSite, type CallSite, type CodexError } from "../errors/base.js";
import { ModelRetryError, TurnFailedError, TurnInProgressError } from "../errors/turn.js";
import type { TokenUsageBreakdown, Turn } from "../protocol/generated/protocol.js";
import type { EndedTurn, TurnSnapshot } from "../protocol/shapes.js";
import { TurnAccumulator } from "./accumulate.js";
import { type AgentHost, AgentTree } from "./agentStream.js";
import { EventLog } from "./eventLog.js";
import type { TurnEvent } from "./events.js";
import type { TurnSink } from "./reservation.js";

/** How a turn ended for its caller. */
export type TurnEnd =
  | { readonly kind: "ended"; readonly result: EndedTurn }
  | { readonly kind: "failed" | "lost"; readonly result: TurnSnapshot; readonly error: CodexError }
  | { readonly kind: "aborted"; readonly result: TurnSnapshot; readonly error: unknown };

/** What there is of a turn that its caller ends, and why no more came. */
export interface Unfinished {
  readonly threadId: string;
  /** Null when the runtime has not answered the request to start it. */
  readonly turnId: string | null;
  readonly result: TurnSnapshot | null;
  /** Whether the runtime may know of the turn. */
  readonly maybeAccepted: boolean;
  readonly cause: Error | undefined;
}

/** How the runtime's part of a turn or goal ended: told by the runtime, or nothing more is heard of it. */
export type Over = "ended" | "lost";

/** What a stream of events is kept with. */
export interface StreamOptions {
  readonly bufferBytes: number;
  readonly site: CallSite;
  /** What the thread had used before, when that is known. */
  readonly usedBefore: TokenUsageBreakdown | null;
  readonly agents: AgentHost;
  /** The id that the first user message of the turn must have, when it has one: another means that this was a steer. */
  readonly userMessageId?: string | undefined;
}

/** Takes the events of one turn and settles exactly once. */
export class TurnStream implements TurnSink {
  readonly threadId: string;
  readonly turnId: string;
  /** Resolves when the runtime has started the turn, or nothing more is expected of it. */
  readonly started: Promise<void>;
  /** Resolves when the turn has ended for its caller; never rejects. */
  readonly ended: Promise<TurnEnd>;
  /** Resolves when the runtime has ended the turn or nothing more is heard of it, also after `ended`. Never rejects. */
  readonly over: Promise<Over>;
  /** The sub-agents of the turn. */
  readonly agents: AgentTree;
  readonly #log: EventLog;
  readonly #accumulator: TurnAccumulator;
  readonly #site: CallSite;
  #userMessageId: string | undefined;
  #isStarted = false;
  #isEnded = false;
  #isOver = false;
  #activeTurnId: string;
  #record: Turn | null = null;
  #retry: ModelRetryError | null = null;
  #abort: ((unfinished: Unfinished) => unknown) | null = null;
  #lastActivityMs = performance.now();
  #isTouched = false;
  #lastMethod: string | null = null;
  #hasCommands = false;
  #markStarted: () => void = () => {};
  #markEnded: (end: TurnEnd) => void = () => {};
  #markOver: (over: Over) => void = () => {};

  constructor(turn: { threadId: string; turnId: string }, options: StreamOptions) {
    this.threadId = turn.threadId;
    this.turnId = turn.turnId;
    this.#activeTurnId = turn.turnId;
    this.#log = new EventLog(options.bufferBytes);
    this.#accumulator = new TurnAccumulator(turn, options.usedBefore);
    this.#site = options.site;
    this.#userMessageId = options.userMessageId;
    this.agents = new AgentTree(turn.threadId, options.agents, () => this.touch());
    this.started = new Promise((resolve) => {
      this.#markStarted = resolve;
    });
    this.over = new Promise((resolve) => {
      this.#markOver = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
  }

  /** Whether the turn has ended for its caller. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * The id to interrupt the turn by: for a review, that of the reviewer's turn inside. Empty until the turn has started:
   * the runtime refuses its id then, and takes an empty one for the turn that is about to start (measured).
   */
  get interruptId(): string {
    return this.#isStarted ? this.#activeTurnId : "";
  }

  /** Whether the runtime has ended the turn or nothing more is heard of it, even if its caller has not been told yet. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** When the last sign of life came, on the clock of `performance.now()`. */
  get lastActivityMs(): number {
    return this.#lastActivityMs;
  }

  /** The last event of the turn, or null. */
  get lastMethod(): string | null {
    return this.#lastMethod;
  }

  /** Whether the turn has run a command. */
  get hasCommands(): boolean {
    return this.#hasCommands;
  }

  /** A new reader over the whole turn, which ends as the turn ends: a failure is thrown after the last event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  push(event: TurnEvent, bytes: number): void {
    if (this.#isOver) return;
    this.touch();
    this.agents.observe(event);
    if (event.method === "turn/started") {
      this.#isStarted = true;
      this.#activeTurnId = event.params.turn.id;
      this.#markStarted();
    }
    if (event.method === "item/started" && event.params.item.type === "commandExecution") this.#hasCommands = true;
    if (!this.#isEnded) this.#tell(event, bytes);
    if (event.method === "turn/completed") this.#complete(event.params.turn);
  }

  #tell(event: TurnEvent, bytes: number): void {
    this.#lastMethod = event.method;
    this.#accumulator.add(event);
    this.#log.append(event, bytes);
    if (event.method === "error") this.#retry = event.params.willRetry ? new ModelRetryError(event.params.error) : null;
    else if (this.#retry !== null && event.method.startsWith("item/")) this.#retry = null;
    if (this.#userMessageId !== undefined) this.#compare(event, this.#userMessageId);
  }

  /** A turn that another client started a moment earlier takes the input as a steer: its first message is not ours. */
  #compare(event: TurnEvent, userMessageId: string): void {
    if (event.method === "item/started" || event.method === "item/completed") {
      const { item } = event.params;
      if (item.type !== "userMessage") return;
      this.#userMessageId = undefined;
      if (typeof item.clientId !== "string" || item.clientId === userMessageId) return;
    } else {
      // What was missed may have been the first message, and the next one a steer.
      if (event.method === "reconnected") this.#userMessageId = undefined;
      return;
    }
    const error = new TurnInProgressError(this.threadId, this.turnId, "steered");
    this.#over("lost");
    this.#end({ kind: "failed", result: this.#snapshot(), error: atCallSite(error, this.#site) });
  }

  count(usage: TokenUsageBreakdown): void {
    this.#accumulator.count(usage);
    this.touch();
  }

  /** All that is read at once comes at the same time. */
  touch(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    this.#lastActivityMs = performance.now();
    queueMicrotask(() => {
      this.#isTouched = false;
    });
  }

  /** Nothing more is heard of the turn. */
  fail(error: CodexError): void {
    if (this.#isOver) return;
    this.#over("lost");
    if (this.#abort !== null) this.letGo();
    else this.#end({ kind: "lost", result: this.#snapshot(), error: atCallSite(error, this.#site) });
  }

  /** From now on the turn ends for its caller by `letGo` alone, and with this reason, however the runtime ends it. */
  abort(reasonOf: (unfinished: Unfinished) => unknown): void {
    this.#abort ??= reasonOf;
  }

  /** Tells the caller of an aborted turn that it has ended. */
  letGo(): void {
    if (this.#abort === null || this.#isEnded) return;
    const result = this.#snapshot();
    const { threadId, turnId } = this;
    const cause = this.#retry ?? undefined;
    this.#end({
      kind: "aborted",
      result,
      error: this.#abort({ threadId, turnId, result, maybeAccepted: true, cause }),
    });
  }

  #complete(turn: Turn): void {
    this.#record = turn;
    this.#over("ended");
    if (this.#abort !== null) return;
    const result = this.#snapshot();
    if (isSuccess(result)) this.#end({ kind: "ended", result });
    else {
      const error = atCallSite(new TurnFailedError(result, turn.error), this.#site);
      this.#end({ kind: "failed", result, error });
    }
  }

  #snapshot(): TurnSnapshot {
    return this.#accumulator.snapshot(this.#record, this.#log.events());
  }

  #over(over: Over): void {
    this.#isOver = true;
    this.#markStarted();
    this.#markOver(over);
    void this.agents.rootEnded();
  }

  #end(end: TurnEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (end.kind === "ended") this.#log.end();
    else this.#log.end(end.error);
    this.#markEnded(end);
  }
}

function isSuccess(snapshot: TurnSnapshot): snapshot is EndedTurn {
  return snapshot.status === "completed" || snapshot.status === "interrupted";
}
