import type { CodexError } from "../errors/base.js";
import type { TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import { type AsyncContext, currentContext } from "../util/async.js";
import type { Notification, ReconnectedEvent, TurnEvent, TurnNotification } from "./events.js";

/** Where the events of one turn go. */
export interface TurnSink {
  push(event: TurnEvent, bytes: number): void;
  /** What one response of the model used. */
  count?(usage: TokenUsageBreakdown): void;
  /** Something that the turn waited for has happened on this side. */
  touch(): void;
  /** Nothing more will be heard of the turn. */
  fail(error: CodexError): void;
}

/** An event of a turn that has not been told yet. */
export interface Buffered {
  readonly turnId: string;
  readonly event: TurnNotification;
  readonly bytes: number;
}

/** Waits for the first turn of a reservation. */
export interface TurnWatcher {
  started(turnId: string): void;
  failed(error: CodexError): void;
}

/** Takes everything that is said of a thread while it is reserved. */
export interface ThreadFollower {
  /** Unix seconds on the runtime's clock: turns that started before are not about this. Default: all are. */
  readonly since?: number;
  push(notification: Notification | ReconnectedEvent, bytes: number): void;
  fail(error: CodexError): void;
}

/** A claim on the next turn of a thread. Ends by `claim` or by `release`. */
export class Reservation {
  /** The async context of who asks for the turn. */
  readonly context = currentContext();
  readonly #attach: (turnId: string, sink: TurnSink, context: AsyncContext) => void;
  readonly #detach: (turnId: string) => void;
  readonly #done: () => void;
  readonly #buffer: Buffered[] = [];
  #watcher: TurnWatcher | null = null;
  #follower: ThreadFollower | null = null;
  #failure: CodexError | null = null;
  #open = true;

  constructor(
    attach: (turnId: string, sink: TurnSink, context: AsyncContext) => void,
    detach: (turnId: string) => void,
    done: () => void,
  ) {
    this.#attach = attach;
    this.#detach = detach;
    this.#done = done;
  }

  /** Fills the reservation: the turn's events go to the sink from now on, those that came early first. */
  claim(turnId: string, sink: TurnSink): void {
    if (this.#failure !== null) sink.fail(this.#failure);
    if (!this.#open) return;
    this.#open = false;
    this.#attach(turnId, sink, this.context);
    for (const early of this.#buffer) {
      if (early.turnId !== turnId) continue;
      if (early.event.method === "turn/completed") this.#detach(turnId);
      sink.push(early.event, early.bytes);
    }
    this.#done();
  }

  /** Tells of the first turn that starts, for requests whose reply names none. */
  watch(watcher: TurnWatcher): void {
    this.#watcher = watcher;
    const first = this.#buffer.find((early) => early.event.method === "turn/started");
    if (this.#failure !== null) watcher.failed(this.#failure);
    else if (first !== undefined) watcher.started(first.turnId);
  }

  /**
   * Hands everything that is said of the thread to one follower, for work that runs over turns of the runtime's own. The
   * thread stays taken until `release`.
   */
  follow(follower: ThreadFollower): void {
    this.#follower = follower;
    if (this.#failure !== null) follower.fail(this.#failure);
    for (const early of this.#buffer.splice(0)) follower.push(early.event, early.bytes);
  }

  /** Nothing will be heard of the turn. */
  fail(error: CodexError): void {
    if (!this.#open) return;
    this.#failure = error;
    this.release();
    this.#watcher?.failed(error);
    this.#follower?.fail(error);
  }

  /** Gives the reservation up. Idempotent. */
  release(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#done();
  }

  /** @internal Who takes all turns of the thread, or null. */
  get follower(): ThreadFollower | null {
    return this.#follower;
  }

  /** @internal What is said of the thread and of none of its turns. */
  tell(notification: Notification | ReconnectedEvent, bytes: number): void {
    this.#follower?.push(notification, bytes);
  }

  /** @internal */
  take(early: Buffered): void {
    if (this.#follower !== null) {
      this.#follower.push(early.event, early.bytes);
      return;
    }
    this.#buffer.push(early);
    if (early.event.method === "turn/started") this.#watcher?.started(early.turnId);
  }
}
