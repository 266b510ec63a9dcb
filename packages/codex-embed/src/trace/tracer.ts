import { channel, tracingChannel } from "node:diagnostics_channel";
import type { TurnSnapshot } from "../protocol/shapes.js";
import type { StreamEnd } from "../stream/eventStream.js";
import { type AsyncContext, currentContext, rootContext } from "../util/async.js";
import { traceProblem } from "./context.js";
import type {
  DecidedBy,
  EventChannelMessage,
  FrameChannelMessage,
  RequestChannelMessage,
  TraceContext,
  TurnChannelMessage,
} from "./messages.js";
import type { TraceFile } from "./traceFile.js";
import { type TraceFileOptions, type TraceFilePlan, traceFilePlan } from "./traceFileOptions.js";
import { Wrappers } from "./wrappers.js";

const turns = tracingChannel<object, Mutable<TurnChannelMessage>>("codex-embed:turn");
const requests = tracingChannel<object, Mutable<RequestChannelMessage>>("codex-embed:request");
const events = channel("codex-embed:event");
const frames = channel("codex-embed:frame");

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a message says of work when it begins. */
type TurnBeginning = Pick<TurnChannelMessage, "kind" | "threadId" | "model" | "settings" | "input">;

/** How work ended, with what there is of it. */
type End = StreamEnd<TurnChannelMessage["result"], TurnChannelMessage["result"]>;

/** Who decided a request, and why nobody did. The broker fills it in. */
export interface Decision {
  by: DecidedBy | null;
  error?: unknown;
}

/** A request of the runtime, for the message about it. */
type Asked = Pick<
  RequestChannelMessage,
  "requestId" | "method" | "handler" | "params" | "threadId" | "turnId" | "itemId"
>;

/**
 * Publishes what one client does: on the channels of `node:diagnostics_channel`, and to its trace file. Without a subscriber
 * and a file nothing is built.
 */
export class Tracer {
  #file: TraceFile | null = null;
  /** What file to open; null when there is none, and once it is open. */
  #plan: TraceFilePlan | null;
  readonly #warn: (message: string) => void;
  #clientId: string | null = null;
  #closing: Promise<void> | null = null;
  readonly #byTurn = new Map<string, TurnTrace>();
  /** What runs in each thread: a turn that has been asked for, a goal, an agent. */
  readonly #byThread = new Map<string, TurnTrace>();

  /**
   * @param traceFile - where to write a trace, if anywhere.
   * @param warn - reports what a subscriber did wrong, and the loss of the trace file.
   * @throws UsageError for a trace file whose path cannot be resolved.
   */
  constructor(traceFile: string | TraceFileOptions | undefined, warn: (message: string) => void) {
    this.#plan = traceFile === undefined ? null : traceFilePlan(traceFile);
    this.#warn = warn;
  }

  get clientId(): string {
    this.#clientId ??= crypto.randomUUID();
    return this.#clientId;
  }

  /**
   * Opens the trace file, before the first connection. Its loss later ends the trace and nothing else.
   *
   * @throws UsageError when it cannot be written.
   */
  async openFile(): Promise<void> {
    if (this.#plan === null) return;
    const { TraceFile } = await import("./traceFile.js");
    this.#file = await TraceFile.open(this.#plan, (message) => {
      this.#file = null;
      this.#warn(message);
    });
    this.#plan = null;
  }

  /** Whether anybody wants the messages on the wire. */
  get takesFrames(): boolean {
    return this.#file !== null || frames.hasSubscribers;
  }

  /** Takes one message on the wire. Call it only while `takesFrames`. */
  frame(direction: FrameChannelMessage["direction"], text: string, bytes = Buffer.byteLength(text)): void {
    this.#file?.frame(direction, text, bytes);
    if (!frames.hasSubscribers) return;
    const message: FrameChannelMessage = { clientId: this.clientId, direction, text, bytes };
    frames.publish(message);
  }

  /** Whether anybody wants the events. */
  get takesEvents(): boolean {
    return events.hasSubscribers;
  }

  /** Takes an event that is about to be delivered. */
  event(event: EventChannelMessage["event"], threadId: string | null, turnId: string | null): void {
    if (!events.hasSubscribers) return;
    const turn = this.#find(threadId, turnId);
    const message: EventChannelMessage = { clientId: this.clientId, event, threadId, turnId, turn };
    events.publish(message);
  }

  /** Runs the start of a turn, a review or a goal. `begin` gets null when nobody wants to know. */
  start<T>(about: TurnBeginning, begin: (trace: TurnTrace | null) => Promise<T>): Promise<T> {
    const isWanted = turns.hasSubscribers || requests.hasSubscribers || events.hasSubscribers || this.#file !== null;
    return isWanted ? new TurnTrace(this, about, null, null).start(begin) : begin(null);
  }

  /** Whether anybody wants to know of requests. */
  get takesRequests(): boolean {
    return requests.hasSubscribers;
  }

  /** Runs what answers a request of the runtime, and publishes what `decision` says then. */
  request(asked: Asked, decision: Decision, answer: () => Promise<unknown>): Promise<unknown> {
    const wrappers = new Wrappers(this.#warn);
    const turn = this.#find(asked.threadId, asked.turnId);
    const message: Mutable<RequestChannelMessage> = {
      clientId: this.clientId,
      kind: kindOf(asked.handler),
      ...asked,
      turn,
      decidedBy: null,
      durationMs: null,
      around: (wrapper) => wrappers.add(wrapper),
    };
    const beganMs = performance.now();
    const end = (value: unknown): void => {
      message.durationMs = Math.round(performance.now() - beganMs);
      message.answer = value;
      const isVoid = value === undefined && decision.error === undefined;
      message.decidedBy = isVoid ? null : decision.by;
      if (decision.error !== undefined) message.error = decision.error;
      publishEnd(requests, message);
    };
    const answering = runStart(requests, message, () => wrappers.run(answer));
    answering.then(end, (error: unknown) => {
      decision.error ??= error;
      end(undefined);
    });
    return answering;
  }

  /** Ends the trace file. Resolves when it is written. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // What ends with the client is told in the ticks after its end.
    if (this.#file !== null) await new Promise(setImmediate);
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #find(threadId: string | null, turnId: string | null): TurnChannelMessage | null {
    const named = turnId === null ? undefined : this.#byTurn.get(turnId);
    if (named !== undefined) return named.message;
    const running = threadId === null ? undefined : this.#byThread.get(threadId);
    if (running === undefined) return null;
    // Another turn than the one that runs is not known here.
    return turnId === null || running.message.turnId === null ? running.message : null;
  }

  /** @internal Makes events and requests find the work. */
  register(trace: TurnTrace): void {
    const { kind, threadId, turnId, parent } = trace.message;
    if (turnId !== null) this.#byTurn.set(turnId, trace);
    // A turn of a goal does not take the place of the goal.
    if (kind !== "turn" || parent === null) this.#byThread.set(threadId, trace);
  }

  /** @internal The work has ended. */
  finished(trace: TurnTrace): void {
    this.#file?.turn(trace.message);
    const { threadId, turnId } = trace.message;
    if (turnId !== null && this.#byTurn.get(turnId) === trace) this.#byTurn.delete(turnId);
    if (this.#byThread.get(threadId) === trace) this.#byThread.delete(threadId);
  }

  /** @internal What runs in a thread. */
  inThread(threadId: string): TurnTrace | undefined {
    return this.#byThread.get(threadId);
  }

  /** @internal */
  warn(message: string): void {
    this.#warn(message);
  }
}

/** One turn, review, goal or agent that somebody wants to know of. */
export class TurnTrace {
  readonly message: Mutable<TurnChannelMessage>;
  readonly #tracer: Tracer;
  readonly #wrappers: Wrappers;
  readonly #beganMs = performance.now();
  /** The async context of the caller, in what the subscribers have put around it. */
  #context: AsyncContext = rootContext;
  /** The turns of a goal that have not ended. */
  readonly #turns = new Map<string, TurnTrace>();
  #isOver = false;

  constructor(tracer: Tracer, about: TurnBeginning, parent: TurnTrace | null, turnId: string | null) {
    this.#tracer = tracer;
    this.#wrappers = new Wrappers((message) => tracer.warn(message));
    this.message = {
      clientId: tracer.clientId,
      ...about,
      turnId,
      parent: parent?.message ?? null,
      status: null,
      result: null,
      usage: null,
      durationMs: null,
      trace: null,
      around: (wrapper) => this.#wrappers.add(wrapper),
    };
  }

  /** The trace context to send with the request that starts the work. */
  get context(): TraceContext | undefined {
    const { trace } = this.message;
    if (trace === null || trace === undefined) return undefined;
    const problem = traceProblem(trace);
    if (problem === null) return trace;
    this.#tracer.warn(`A subscriber of codex-embed:turn has set an invalid trace, which was not sent: ${problem}`);
    return undefined;
  }

  /** Runs the start of the work as the subscribers want it. A start that fails ends the work. */
  start<T>(begin: (trace: TurnTrace) => Promise<T>): Promise<T> {
    const starting = runStart(turns, this.message, () =>
      this.#wrappers.run(() => {
        this.#context = currentContext();
        return begin(this);
      }),
    );
    starting.catch((error: unknown) => this.#finish("failed", null, error));
    return starting;
  }

  /**
   * The thread is reserved and the request is about to be sent: events may arrive before its answer. Not earlier: a call
   * that is refused must not take the place of what runs in the thread.
   */
  requested(): void {
    if (!this.#isOver) this.#tracer.register(this);
  }

  /** The runtime has accepted the work. A goal has no turn of its own. */
  accepted(turnId: string | null, ended: Promise<End>): void {
    if (this.#isOver) return;
    this.message.turnId = turnId;
    this.#tracer.register(this);
    void ended.then((end) => this.#end(end));
  }

  /** The work has begun a sub-agent, or one of its agents has. */
  agent(
    agent: { readonly threadId: string; readonly parentThreadId: string; readonly model: string | null },
    prompt: string | null,
    ended: Promise<End>,
  ): void {
    const begun = this.#tracer.inThread(agent.parentThreadId);
    const parent = begun?.message.kind === "agent" ? begun : this;
    const about = { kind: "agent", threadId: agent.threadId, model: agent.model, settings: {}, input: prompt } as const;
    const child = new TurnTrace(this.#tracer, about, parent, null);
    child.#beginIn(this.#context);
    void ended.then((end) => {
      child.message.model ??= agent.model;
      child.#end(end);
    });
  }

  /** The runtime has started a turn of the goal. */
  turnStarted(turnId: string): void {
    const { threadId, model } = this.message;
    const about = { kind: "turn", threadId, model, settings: {}, input: null } as const;
    const child = new TurnTrace(this.#tracer, about, this, turnId);
    this.#turns.set(turnId, child);
    child.#beginIn(this.#context);
  }

  /** A turn of the goal has ended. `error` is that of a failed turn. */
  turnEnded(snapshot: TurnSnapshot, error: unknown): void {
    const child = this.#turns.get(snapshot.id);
    this.#turns.delete(snapshot.id);
    const status = error !== undefined ? "failed" : snapshot.status === "interrupted" ? "interrupted" : "completed";
    if (child !== undefined) child.#finish(status, snapshot, error);
  }

  /** Nobody here calls what the runtime starts: there is no synchronous part. */
  #beginIn(context: AsyncContext): void {
    this.#context = context;
    this.#tracer.register(this);
    context(() => {
      turns.start.publish(this.message);
      turns.end.publish(this.message);
    });
  }

  #end(end: End): void {
    switch (end.kind) {
      case "ended":
        this.#finish(statusOf(end.result), end.result, undefined);
        break;
      case "failed":
        this.#finish("failed", end.result, end.error);
        break;
      case "aborted":
        this.#finish("interrupted", end.result, end.error);
        break;
      case "lost":
        this.#finish("ended", end.result, end.error);
        break;
    }
  }

  #finish(
    status: NonNullable<TurnChannelMessage["status"]>,
    result: TurnChannelMessage["result"],
    error: unknown,
  ): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const child of this.#turns.values()) child.#finish(status, null, error);
    const { message } = this;
    message.status = status;
    message.result = result;
    message.usage = result !== null && "usage" in result ? result.usage : null;
    message.durationMs = Math.round(performance.now() - this.#beganMs);
    if (error !== undefined) message.error = error;
    this.#tracer.finished(this);
    this.#context(() => publishEnd(turns, message));
  }
}

/** Publishes `start` and `end` around the synchronous part, in the stores that are bound to `start`. */
function runStart<M extends object, T>(
  channels: ReturnType<typeof tracingChannel<object, M>>,
  message: M,
  work: () => T,
): T {
  try {
    return channels.start.runStores(message, work);
  } finally {
    channels.end.publish(message);
  }
}

function publishEnd<M extends { readonly error?: unknown }>(
  channels: ReturnType<typeof tracingChannel<object, M>>,
  message: M,
): void {
  if (message.error !== undefined) channels.error.publish(message);
  channels.asyncStart.publish(message);
  channels.asyncEnd.publish(message);
}

/** A turn that was interrupted without an error has a result that says so. */
function statusOf(result: TurnChannelMessage["result"]): "completed" | "interrupted" {
  return result !== null && "status" in result && result.status === "interrupted" ? "interrupted" : "completed";
}

function kindOf(handler: string): RequestChannelMessage["kind"] {
  if (handler === "callTool") return "tool";
  if (handler.startsWith("approve")) return "approval";
  return handler.startsWith("answer") ? "question" : "other";
}
