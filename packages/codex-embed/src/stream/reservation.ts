import type { CodexError } from "../errors/base.js";
import type { TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import { type AsyncContext, currentContext, deferred } from "../util/async.js";
import type { Notification, ReconnectedEvent, TurnEvent, TurnNotification } from "./events.js";

/** Where the events of one turn go. */
export interface TurnSink {
  push(event: TurnEvent, bytes: number): void;
  /** Adds what one response of the model used. */
  count?(usage: TokenUsageBreakdown): void;
  /** Something that the turn waited for has happened on this side, such as a decision. */
  touch(): void;
  /** The turn's events no longer arrive. */
  fail(error: CodexError): void;
}

/** Learns which turn a reservation leads to, for requests whose reply does not name it. */
export interface TurnWatcher {
  started(turnId: string): void;
  failed(error: CodexError): void;
}

/** Receives every notification about a thread. */
export interface ThreadFollower {
  /** Unix seconds on the runtime's clock: turns that started earlier do not concern it. Default: all concern it. */
  readonly since?: number;
  /** Adds what one response of the model used. */
  count?(turnId: string, usage: TokenUsageBreakdown): void;
  push(notification: Notification | ReconnectedEvent, bytes: number): void;
  fail(error: CodexError): void;
}

/** What a reservation needs of the route of its thread. */
export interface ReservedRoute {
  addSink(turnId: string, sink: TurnSink, context: AsyncContext): void;
  dropTurn(turnId: string): void;
}

/** An event that arrived before its turn was claimed. */
interface Early {
  readonly turnId: string;
  readonly event: TurnNotification;
  readonly bytes: number;
}

/** A claim on the next turn of a thread. It ends by `claim`, `release` or `fail`. */
export class Reservation {
  /** The async context in which the turn is asked for. */
  readonly context = currentContext();
  readonly #route: ReservedRoute;
  readonly #done: () => void;
  readonly #ended = deferred<void>();
  readonly #buffer: Early[] = [];
  #watcher: TurnWatcher | null = null;
  #follower: ThreadFollower | null = null;
  #failure: CodexError | null = null;
  #open = true;

  constructor(route: ReservedRoute, done: () => void) {
    this.#route = route;
    this.#done = done;
  }

  /** Resolves when it was filled or given up. Never rejects. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Fills the reservation: the sink gets the turn's events, those that arrived early first. */
  claim(turnId: string, sink: TurnSink): void {
    if (this.#failure !== null) sink.fail(this.#failure);
    if (!this.#open) return;
    this.#open = false;
    this.#route.addSink(turnId, sink, this.context);
    for (const early of this.#buffer) {
      if (early.turnId !== turnId) continue;
      if (early.event.method === "turn/completed") this.#route.dropTurn(turnId);
      sink.push(early.event, early.bytes);
    }
    this.#end();
  }

  /** Reports the first turn that starts. */
  watch(watcher: TurnWatcher): void {
    this.#watcher = watcher;
    const first = this.#buffer.find((early) => early.event.method === "turn/started");
    if (this.#failure !== null) watcher.failed(this.#failure);
    else if (first !== undefined) watcher.started(first.turnId);
  }

  /**
   * Hands every notification about the thread to one follower, for work that spans turns which the runtime starts by
   * itself. The thread stays reserved until `release`.
   */
  follow(follower: ThreadFollower): void {
    this.#follower = follower;
    if (this.#failure !== null) follower.fail(this.#failure);
    for (const early of this.#buffer.splice(0)) follower.push(early.event, early.bytes);
  }

  /** The turn's events will not arrive. */
  fail(error: CodexError): void {
    if (!this.#open) return;
    this.#failure = error;
    this.release();
    this.#watcher?.failed(error);
    this.#follower?.fail(error);
  }

  /** Gives up the reservation. Idempotent. */
  release(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#end();
  }

  #end(): void {
    this.#done();
    this.#ended.resolve();
  }

  /** @internal The follower of all turns, or null. */
  get follower(): ThreadFollower | null {
    return this.#follower;
  }

  /** @internal Takes a notification about the thread that names none of its turns. */
  notify(notification: Notification | ReconnectedEvent, bytes: number): void {
    this.#follower?.push(notification, bytes);
  }

  /** @internal Takes an event of a turn that nobody has claimed. */
  take(early: Early): void {
    if (this.#follower !== null) {
      this.#follower.push(early.event, early.bytes);
      return;
    }
    this.#buffer.push(early);
    if (early.event.method === "turn/started") this.#watcher?.started(early.turnId);
  }
}
