/** Owns where each notification goes: to the one turn that it names, and never to another. */

import {
  type CloseReason,
  type CodexError,
  TransportClosedError,
  TurnInProgressError,
  UsageError,
} from "../errors/index.js";
import { isReadable, isTurnEvent, type Notification, type TurnEvent } from "../events.js";
import { notificationScopes } from "../generated/tables.js";

/** Where the events of one turn go. */
export interface TurnSink {
  push(event: TurnEvent, bytes: number): void;
  /** Something that the turn waited for has happened on this side. */
  touch(): void;
  /** Nothing more will be heard of the turn. */
  fail(error: CodexError): void;
}

interface Buffered {
  readonly turnId: string;
  readonly event: TurnEvent;
  readonly bytes: number;
}

interface ThreadRoute {
  activeTurnId: string | null;
  activeRootTurnId: string | null;
  reservation: Reservation | null;
  readonly sinks: Map<string, TurnSink>;
  /** What came of turns that nobody has asked for, in case a follower comes late. */
  readonly unclaimed: { readonly notification: Notification; readonly bytes: number }[];
}

/** A sub-agent can begin its turn just before it is told whose it is; no more than that is waited for. */
const MAX_UNCLAIMED = 64;

/** Routes the events of turns by thread and turn. */
export class Router {
  readonly #threads = new Map<string, ThreadRoute>();
  readonly #letGo = new Set<string>();
  readonly #followers = new Map<string, Set<ThreadFollower>>();

  /** Hands a notification to the turn that it names, if it has a sink, and to who follows the thread; if it is readable. */
  dispatch(notification: Notification, bytes: number): void {
    if (!isTurnEvent(notification)) {
      this.#tellThread(notification, bytes);
      return;
    }
    const scope = notificationScopes[notification.method];
    const threadId = stringAt(notification.params, scope.threadId);
    const named = stringAt(notification.params, scope.turnId);
    if (threadId === null || !isReadable(notification)) return;
    const started = notification.method === "turn/started";
    const route = started ? this.#route(threadId) : this.#threads.get(threadId);
    if (route === undefined) return;
    if (named === null) {
      route.reservation?.tell(notification, bytes);
      return;
    }
    // The start of a review names the turn of the reviewer inside; all else, its end included, names the root.
    const rootTurnId = started ? notification.params.turn.rootTurnId : null;
    const turnId = rootTurnId !== null && route.sinks.has(rootTurnId) ? rootTurnId : named;
    if (started) {
      route.activeTurnId = turnId;
      route.activeRootTurnId = rootTurnId;
    }
    const completed = notification.method === "turn/completed";
    if (completed && (route.activeTurnId === turnId || route.activeRootTurnId === turnId)) route.activeTurnId = null;
    const sink = route.sinks.get(turnId);
    if (sink !== undefined) {
      if (completed) route.sinks.delete(turnId);
      sink.push(notification, bytes);
    } else if (route.reservation !== null) {
      route.reservation.take({ turnId, event: notification, bytes });
    } else if (!this.#followers.has(threadId) && route.unclaimed.length < MAX_UNCLAIMED) {
      route.unclaimed.push({ notification, bytes });
    }
    this.#tellFollowers(threadId, notification, bytes);
    if (completed) this.#forgetIdle(threadId, route);
  }

  /**
   * Hands everything that is said of a thread to the follower, from the start of the turn in flight on, whoever else
   * hears of it, until the returned function is called.
   */
  follow(threadId: string, follower: ThreadFollower): () => void {
    const followers = this.#followers.get(threadId) ?? new Set();
    this.#followers.set(threadId, followers.add(follower));
    for (const { notification, bytes } of this.#threads.get(threadId)?.unclaimed.splice(0) ?? []) {
      follower.push(notification, bytes);
    }
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(threadId) === followers) this.#followers.delete(threadId);
    };
  }

  /**
   * Claims the next turn of a thread for the caller, before it is asked for. Events of turns that nobody claimed are
   * kept until the reservation is filled or released, so that none is lost to the order of arrival.
   *
   * Throws `TurnInProgressError` when the thread has a turn in flight or is about to have one, `UsageError` when it was
   * unsubscribed.
   */
  reserve(threadId: string): Reservation {
    if (this.#letGo.has(threadId)) {
      throw new UsageError(
        `Thread ${threadId} was unsubscribed, so a turn's events would not arrive: resume it first.`,
      );
    }
    const route = this.#route(threadId);
    if (this.isBusy(threadId)) {
      throw new TurnInProgressError(threadId, route.activeTurnId);
    }
    const reservation = new Reservation(
      (turnId, sink) => {
        route.sinks.set(turnId, sink);
        // The reply precedes turn/started: the thread is taken from here on.
        route.activeTurnId = turnId;
      },
      (turnId) => {
        route.sinks.delete(turnId);
        if (route.activeTurnId === turnId) route.activeTurnId = null;
      },
      () => {
        route.reservation = null;
        this.#forgetIdle(threadId, route);
      },
    );
    route.reservation = reservation;
    return reservation;
  }

  /** Whether a turn of the thread is in flight or about to be. */
  isBusy(threadId: string): boolean {
    const route = this.#threads.get(threadId);
    return route !== undefined && (route.reservation !== null || route.activeTurnId !== null);
  }

  /** Tells a turn that something it waited for has happened on this side. */
  touch(threadId: string, turnId: string): void {
    this.#threads.get(threadId)?.sinks.get(turnId)?.touch();
  }

  /** Ends every turn in flight: the connection is gone. */
  close(reason: CloseReason): void {
    for (const threadId of this.#threads.keys()) {
      this.#abandon(threadId, (turnId) => {
        const during = turnId === null ? "a turn" : `turn ${turnId}`;
        return new TransportClosedError(reason, { during, maybeAccepted: true });
      });
    }
    for (const [threadId, followers] of this.#followers) {
      const during = `a sub-agent (thread ${threadId})`;
      for (const follower of followers)
        follower.fail(new TransportClosedError(reason, { during, maybeAccepted: true }));
    }
  }

  /** Nothing more is heard of a thread that this client has unsubscribed from: its turns end here, and none can start. */
  letGo(threadId: string): void {
    this.#letGo.add(threadId);
    this.#abandon(threadId, (turnId) => {
      return new UsageError(
        `Thread ${threadId} was unsubscribed while ${turnId === null ? "a turn was begun" : `turn ${turnId} ran`}, so its end is not heard of.`,
      );
    });
  }

  /** The thread is heard of again. */
  welcome(threadId: string): void {
    this.#letGo.delete(threadId);
  }

  #abandon(threadId: string, why: (turnId: string | null) => CodexError): void {
    const route = this.#threads.get(threadId);
    if (route === undefined) return;
    this.#threads.delete(threadId);
    route.reservation?.fail(why(null));
    for (const [turnId, sink] of route.sinks) sink.fail(why(turnId));
  }

  /** What is said of a thread is a sign of life of its turn. */
  #tellThread(notification: Notification, bytes: number): void {
    const scope = notificationScopes[notification.method];
    if (scope.scope !== "thread") return;
    const threadId = stringAt(notification.params, scope.threadId);
    if (threadId === null) return;
    const route = this.#threads.get(threadId);
    for (const sink of route?.sinks.values() ?? []) sink.touch();
    route?.reservation?.tell(notification, bytes);
    this.#tellFollowers(threadId, notification, bytes);
  }

  #tellFollowers(threadId: string, notification: Notification, bytes: number): void {
    for (const follower of this.#followers.get(threadId) ?? []) follower.push(notification, bytes);
  }

  #route(threadId: string): ThreadRoute {
    let route = this.#threads.get(threadId);
    if (route === undefined) {
      route = { activeTurnId: null, activeRootTurnId: null, reservation: null, sinks: new Map(), unclaimed: [] };
      this.#threads.set(threadId, route);
    }
    return route;
  }

  #forgetIdle(threadId: string, route: ThreadRoute): void {
    if (route.activeTurnId === null && route.reservation === null && route.sinks.size === 0) {
      this.#threads.delete(threadId);
    }
  }
}

/** Waits for the first turn of a reservation. */
export interface TurnWatcher {
  started(turnId: string): void;
  failed(error: CodexError): void;
}

/** Takes everything that is said of a thread while it is reserved. */
export interface ThreadFollower {
  push(notification: Notification, bytes: number): void;
  fail(error: CodexError): void;
}

/** A claim on the next turn of a thread. Ends by `claim` or by `release`. */
export class Reservation {
  readonly #attach: (turnId: string, sink: TurnSink) => void;
  readonly #detach: (turnId: string) => void;
  readonly #done: () => void;
  readonly #buffer: Buffered[] = [];
  #watcher: TurnWatcher | null = null;
  #follower: ThreadFollower | null = null;
  #failure: CodexError | null = null;
  #open = true;

  constructor(attach: (turnId: string, sink: TurnSink) => void, detach: (turnId: string) => void, done: () => void) {
    this.#attach = attach;
    this.#detach = detach;
    this.#done = done;
  }

  /** Fills the reservation: the turn's events go to the sink from now on, those that came early first. */
  claim(turnId: string, sink: TurnSink): void {
    if (this.#failure !== null) sink.fail(this.#failure);
    if (!this.#open) return;
    this.#open = false;
    this.#attach(turnId, sink);
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

  /** @internal What is said of the thread and of none of its turns. */
  tell(notification: Notification, bytes: number): void {
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

function stringAt(value: unknown, path: readonly string[]): string | null {
  let current: unknown = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return null;
    current = Reflect.get(current, key);
  }
  return typeof current === "string" ? current : null;
}
