import { atCallSite, type CallSite, type CodexError } from "../errors/base.js";
import type { TurnSnapshot } from "../protocol/shapes.js";
import { deferred } from "../util/async.js";
import { EventLog } from "./eventLog.js";
import type { TurnEvent } from "./events.js";

/** How a stream ended for its caller. `Partial` is what a stream has to show that did not end well. */
export type StreamEnd<Result, Partial = null> =
  | { readonly kind: "ended"; readonly result: Result }
  /** `failed`: the runtime or the SDK says so. `lost`: nothing more was heard of it. */
  | { readonly kind: "failed" | "lost"; readonly result: Partial; readonly error: CodexError }
  | { readonly kind: "aborted"; readonly result: Partial; readonly error: unknown };

/** What there is of a turn that its caller ends, and why no more came. */
export interface Unfinished<Partial = TurnSnapshot | null> {
  readonly threadId: string;
  /** Null when the runtime has not answered the request to start it. */
  readonly turnId: string | null;
  readonly result: Partial;
  /** Whether the runtime may know of the turn. */
  readonly maybeAccepted: boolean;
  readonly cause: Error | undefined;
}

/** How the runtime's part ended: the runtime said so, or nothing more is heard of it. */
export type Over = "ended" | "lost";

/**
 * The base of the streams of a turn, a goal and a sub-agent: a log of events that any number of readers replay, and two
 * ends. `over` is the end of the runtime's part; `ended` is the end for the caller. They are the same moment unless the
 * caller aborts: an aborted stream ends by `detach`, before or after the runtime has ended its part.
 */
export abstract class EventStream<Result, Partial extends TurnSnapshot | null = null> {
  readonly threadId: string;
  readonly #ended = deferred<StreamEnd<Result, Partial>>();
  readonly #over = deferred<Over>();
  readonly #log: EventLog;
  readonly #site: CallSite | null;
  #isEnded = false;
  #isOver = false;
  #abort: ((unfinished: Unfinished) => unknown) | null = null;

  /**
   * @param bufferBytes - how much of the events is kept for readers.
   * @param site - the call whose stack the stream's errors get; null leaves them as they are.
   */
  constructor(threadId: string, bufferBytes: number, site: CallSite | null) {
    this.threadId = threadId;
    this.#log = new EventLog(bufferBytes);
    this.#site = site;
  }

  /** Resolves when the stream has ended for its caller, after its last event. Never rejects. */
  get ended(): Promise<StreamEnd<Result, Partial>> {
    return this.#ended.promise;
  }

  /** Resolves when the runtime has ended its part, or nothing more is heard of it. Never rejects. */
  get over(): Promise<Over> {
    return this.#over.promise;
  }

  /** Whether the stream has ended for its caller. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether the runtime has ended its part or nothing more is heard of it, even if the caller has not been told yet. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A new reader, which begins at the first event. It ends as the stream ends: it throws an error after the last event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  /** Nothing more is heard of the stream: it ends with the error, or, if it was aborted, with the reason of that. */
  fail(error: CodexError): void {
    if (this.#isOver) return;
    this.setOver("lost");
    if (this.#abort !== null) this.detach();
    else this.settle({ kind: "lost", result: this.unfinished().result, error: this.located(error) });
  }

  /** From now on the stream ends for its caller by `detach` alone, with this reason, however the runtime ends it. */
  abort(reasonOf: (unfinished: Unfinished) => unknown): void {
    this.#abort ??= reasonOf;
  }

  /** Ends an aborted stream for its caller, whether or not the runtime has ended its part. */
  detach(): void {
    if (this.#abort === null || this.#isEnded) return;
    const unfinished = this.unfinished();
    this.settle({ kind: "aborted", result: unfinished.result, error: this.#abort(unfinished) });
  }

  /** What there is so far. */
  protected abstract unfinished(): Unfinished<Partial>;

  /** Called once, when the runtime's part is over. */
  protected abstract onOver(): void;

  /** Adds an event for the readers, until the stream has ended for them. */
  protected append(event: TurnEvent, bytes: number): void {
    if (!this.#isEnded) this.#log.append(event, bytes);
  }

  /** The events that are still kept, adjacent deltas of one text as one. */
  protected logged(): Iterable<TurnEvent, unknown, unknown> {
    return this.#log.events();
  }

  /** The runtime has ended its part, and with it the stream, unless it was aborted. */
  protected finish(end: () => StreamEnd<Result, Partial>): void {
    if (this.#isOver) return;
    this.setOver("ended");
    if (this.#abort === null) this.settle(end());
  }

  protected setOver(over: Over): void {
    this.#isOver = true;
    this.onOver();
    this.#over.resolve(over);
  }

  protected settle(end: StreamEnd<Result, Partial>): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#log.end("error" in end ? end.error : undefined);
    this.#ended.resolve(end);
  }

  protected located<E extends Error>(error: E): E {
    return this.#site === null ? error : atCallSite(error, this.#site);
  }
}

/** Wakes those who wait for the next change of something. */
export class Changes {
  readonly #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  announce(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
