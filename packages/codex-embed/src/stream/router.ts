/** Owns where each notification goes: to the one turn that it names, and never to another. */

import { type CodexError, UsageError } from "../errors/base.js";
import { type CloseReason, TransportClosedError } from "../errors/connection.js";
import { TurnInProgressError } from "../errors/turn.js";
import type { Turn } from "../protocol/generated/protocol.js";
import { type AsyncContext, rootContext } from "../util/async.js";
import {
  isReadable,
  isTurnNotification,
  type Notification,
  type ReconnectedEvent,
  type TurnNotification,
} from "./events.js";
import { Reservation, type ThreadFollower, type TurnSink } from "./reservation.js";
import { NewestMap, ThreadFates } from "./threadMemory.js";
import { HeardTurn, missedOf, RecentMap, ThreadRoute, threadOf, turnOf, untoldEnds } from "./threadRoute.js";

/** The threads that nobody here has opened, of which some may turn out to be sub-agents: no more of them is kept. */
const STRANGER_LIMITS = { entries: 1_000, bytes: 16 * 1024 * 1024 };

/** Routes the events of turns by thread and turn. */
export class Router {
  /** The threads that this client has opened, each with the async context that it was opened in. */
  readonly #opened = new Map<string, AsyncContext>();
  /** Where something goes on, of those that are opened, reserved or followed. */
  readonly #threads = new RecentMap<ThreadRoute>();
  /** Where something goes on, of all others. */
  readonly #strangers = new NewestMap<ThreadRoute>(STRANGER_LIMITS);
  readonly fates = new ThreadFates();
  /** The threads that nothing more is heard of, with why. */
  readonly #letGo = new NewestMap<string>();
  readonly #followers = new RecentMap<Set<ThreadFollower>>();
  /** The async contexts of the turns that the followed agents belong to. */
  readonly #agentContexts = new Map<string, AsyncContext>();
  /** The last turns of threads that nothing goes on in. */
  readonly #lastTurns = new NewestMap<string>();
  readonly #readTurns: (threadId: string) => Promise<readonly Turn[]>;

  /** @param readTurns - reads the newest turns of a thread with their items, the newest first. May reject. */
  constructor(readTurns: (threadId: string) => Promise<readonly Turn[]> = async () => []) {
    this.#readTurns = readTurns;
  }

  /** Whether a thread is this client's: it was opened here, or somebody here follows it. */
  knows(threadId: string): boolean {
    return this.#opened.has(threadId) || this.#followers.has(threadId);
  }

  /**
   * The async context that what belongs to a turn runs in: of who asked for the turn, or for the turn whose agent the thread
   * is. For a turn that nobody here has asked for, that of who opened the thread; null when nobody has.
   */
  contextOf(threadId: string, turnId: string | null): AsyncContext | null {
    const asked = this.#threads.get(threadId)?.contextOf(turnId);
    return asked ?? this.#agentContexts.get(threadId) ?? this.#opened.get(threadId) ?? null;
  }

  /** Hands a notification to the turn that it names, if it has a sink, and to who follows the thread; if it is readable. */
  dispatch(notification: Notification, bytes: number): void {
    this.fates.observe(notification.method, threadOf(notification));
    if (!isTurnNotification(notification)) {
      this.#tellThread(notification, bytes);
      return;
    }
    const threadId = threadOf(notification);
    if (threadId === null || !isReadable(notification)) return;
    const isStart = notification.method === "turn/started";
    const route = isStart && this.knows(threadId) ? this.#route(threadId) : this.#threads.get(threadId);
    if (route === undefined) this.#hearStranger(threadId, notification, bytes);
    else if (route.held !== null) route.held.push({ notification, bytes });
    else this.#deliver(threadId, route, notification, bytes);
  }

  #hearStranger(threadId: string, notification: TurnNotification, bytes: number): void {
    const known = this.#strangers.get(threadId);
    if (known === undefined && notification.method !== "turn/started") return;
    const route = known ?? new ThreadRoute(this.#lastTurns.get(threadId) ?? null);
    this.#deliver(threadId, route, notification, bytes);
    if (route.isIdle) this.#strangers.delete(threadId);
    else this.#strangers.set(threadId, route, route.bytes);
  }

  #deliver(
    threadId: string,
    route: ThreadRoute,
    notification: TurnNotification,
    bytes: number,
    isReplay = false,
  ): void {
    const named = turnOf(notification);
    if (named === null) {
      route.reservation?.tell(notification, bytes);
      return;
    }
    const started = notification.method === "turn/started";
    // The start of a review names the turn of the reviewer inside; all else, its end included, names the root.
    const rootTurnId = started ? notification.params.turn.rootTurnId : null;
    const turnId = rootTurnId !== null && route.sinks.has(rootTurnId) ? rootTurnId : named;
    const heard = notification.method === "turn/completed" ? route.heard.get(turnId) : undefined;
    if (!route.note(turnId, notification, isReplay)) return;
    if (started) {
      route.activeTurnId = turnId;
      route.activeRootTurnId = rootTurnId;
    }
    const completed = notification.method === "turn/completed";
    if (started || completed) route.isTakenElsewhere = false;
    if (completed && (route.activeTurnId === turnId || route.activeRootTurnId === turnId)) route.activeTurnId = null;
    const sink = route.sinks.get(turnId);
    if (sink !== undefined) {
      if (completed) route.removeSink(turnId);
      const isCut = completed && notification.params.turn.status !== "completed" && !isReplay;
      if (isCut && heard !== undefined && heard.open.size > 0) void this.#endWhole(sink, notification, bytes, heard);
      else sink.push(notification, bytes);
    } else if (route.reservation !== null) {
      route.reservation.take({ turnId, event: notification, bytes });
    } else if (!this.#followers.has(threadId)) {
      route.keepUnclaimed({ notification, bytes });
    }
    this.#tellFollowers(threadId, notification, bytes);
    if (completed) this.#forgetIdle(threadId, route);
  }

  /** Ends a turn once its record has been asked for the ends of items that the runtime did not tell. */
  async #endWhole(sink: TurnSink, end: Notification<"turn/completed">, bytes: number, heard: HeardTurn): Promise<void> {
    const { threadId, turn } = end.params;
    // Whatever is wrong with the record, the turn ends.
    const ends = await this.#readTurns(threadId)
      .then((turns) => untoldEnds({ threadId, turnId: turn.id }, turns, heard))
      .catch(() => []);
    for (const untold of ends) sink.push(untold, 0);
    sink.push(end, bytes);
  }

  /**
   * Hands everything that is said of a thread to the follower, from the start of the turn in flight on, whoever else
   * hears of it, until the returned function is called. `rootThreadId` is the thread of the turn that the agent belongs to.
   */
  follow(threadId: string, follower: ThreadFollower, rootThreadId: string): () => void {
    const followers = this.#followers.get(threadId) ?? new Set();
    this.#followers.set(threadId, followers.add(follower));
    this.#agentContexts.set(threadId, this.contextOf(rootThreadId, null) ?? rootContext);
    const route = this.#strangers.has(threadId) ? this.#route(threadId) : this.#threads.get(threadId);
    for (const { notification, bytes } of route?.unclaimed.splice(0) ?? []) follower.push(notification, bytes);
    return () => {
      followers.delete(follower);
      if (followers.size > 0 || this.#followers.get(threadId) !== followers) return;
      this.#followers.delete(threadId);
      this.#agentContexts.delete(threadId);
      const route = this.#threads.get(threadId);
      if (route !== undefined) this.#forgetIdle(threadId, route);
    };
  }

  /** The threads that have followers. */
  get followed(): string[] {
    return [...this.#followers.keys()];
  }

  /**
   * Claims the next turn of a thread for the caller, before it is asked for. Events of turns that nobody claimed are
   * kept until the reservation is filled or released, so that none is lost to the order of arrival.
   *
   * Throws `TurnInProgressError` when the thread has a turn in flight or is about to have one, `UsageError` when it is
   * not heard of any more.
   */
  reserve(threadId: string): Reservation {
    const silence = this.#letGo.get(threadId);
    if (silence !== undefined) {
      throw new UsageError(
        `Thread ${threadId} ${silence}, so a turn's events would not arrive. It ${this.fates.advice(threadId)}.`,
      );
    }
    const route = this.#route(threadId);
    if (this.isBusy(threadId)) {
      throw new TurnInProgressError(threadId, route.activeTurnId);
    }
    const reservation = new Reservation(
      (turnId, sink, context) => route.attach(turnId, sink, context),
      (turnId) => route.detach(turnId),
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
    const route = this.#threads.get(threadId) ?? this.#strangers.get(threadId);
    if (route === undefined) return false;
    return route.reservation !== null || route.activeTurnId !== null || route.isTakenElsewhere;
  }

  /** The runtime says that a turn runs in the thread. Unless it is known here, another client has started it. */
  noteActive(threadId: string): void {
    if (!this.isBusy(threadId)) this.#route(threadId).isTakenElsewhere = true;
  }

  /** The newest turn of a thread whose turn was not known. Nothing changes when it has ended meanwhile. */
  identify(threadId: string, turn: Turn | undefined): void {
    const route = this.#threads.get(threadId);
    if (route === undefined || !route.isTakenElsewhere) return;
    route.isTakenElsewhere = false;
    if (turn?.status === "inProgress") {
      route.activeTurnId = turn.id;
      route.activeRootTurnId = turn.rootTurnId;
    }
    this.#forgetIdle(threadId, route);
  }

  /** Counts a response of the model for the turn that it belongs to. */
  count({ params: { threadId, turnId, usage } }: Notification<"rawResponse/completed">): void {
    if (usage !== null) this.#threads.get(threadId)?.sinks.get(turnId)?.count?.(usage);
  }

  /** Tells a turn that something it waited for has happened on this side. */
  touch(threadId: string, turnId: string): void {
    this.#threads.get(threadId)?.sinks.get(turnId)?.touch();
  }

  /** The connection is gone for now: what comes of these threads is held back until they are restored. */
  suspend(threadIds: readonly string[]): void {
    for (const threadId of threadIds) this.#route(threadId).held = [];
  }

  /** The turns in flight of a thread that somebody waits for. */
  awaited(threadId: string): string[] {
    return [...(this.#threads.get(threadId)?.heard.keys() ?? [])];
  }

  /**
   * The thread is heard of again. What was missed is made up for from the record of its turns, the oldest first; then
   * comes what was held back. A turn that the record does not know fails with what `lost` makes of it.
   */
  restore(threadId: string, turns: readonly Turn[], lost: (turnId: string) => CodexError): void {
    const route = this.#threads.get(threadId);
    if (route === undefined) return;
    const held = route.held ?? [];
    const known = turns.findIndex(({ id }) => id === route.lastTurnId);
    // A follower hears of every turn, but of none before its first.
    const since = this.#followers.has(threadId) ? 0 : (route.reservation?.follower?.since ?? Number.POSITIVE_INFINITY);
    const unknown = new Set(route.heard.keys());
    for (const [index, turn] of turns.entries()) {
      const { rootTurnId } = turn;
      const turnId = rootTurnId !== null && route.sinks.has(rootTurnId) ? rootTurnId : turn.id;
      const isNews = index > known && (turn.startedAt ?? 0) >= since;
      if (unknown.delete(turnId) || isNews) {
        const coming = held.flatMap(({ notification }) => (turnOf(notification) === turn.id ? notification : []));
        this.#makeUp(threadId, route, { turnId, turn, held: coming, isGap: true });
      } else if (turn.status === "inProgress") {
        route.activeTurnId = turn.id;
      }
    }
    for (const turnId of unknown) {
      const sink = route.sinks.get(turnId);
      route.detach(turnId);
      sink?.fail(lost(turnId));
    }
    route.held = null;
    for (const { notification, bytes } of held) this.#deliver(threadId, route, notification, bytes);
    this.#forgetIdle(threadId, route);
  }

  /** Ends a turn as the runtime's record of it says, when its end was not heard of. */
  settle(threadId: string, turn: Turn): void {
    const route = this.#threads.get(threadId);
    if (route !== undefined) this.#makeUp(threadId, route, { turnId: turn.id, turn, held: [], isGap: false });
  }

  #makeUp(
    threadId: string,
    route: ThreadRoute,
    { isGap, ...missed }: { turnId: string; turn: Turn; held: readonly TurnNotification[]; isGap: boolean },
  ): void {
    const { turnId } = missed;
    const heard = route.heard.get(turnId) ?? new HeardTurn();
    route.heard.set(turnId, heard);
    const tellGap = (): void => {
      const event: ReconnectedEvent = { method: "reconnected", params: { threadId, turnId } };
      route.sinks.get(turnId)?.push(event, 0);
      route.reservation?.tell(event, 0);
      this.#tellFollowers(threadId, event, 0);
    };
    if (isGap && heard.isStarted) tellGap();
    for (const notification of missedOf({ threadId, heard, ...missed })) {
      this.#deliver(threadId, route, notification, 0, true);
      // Of a turn whose start was missed, pieces of text may have been missed as well.
      if (isGap && notification.method === "turn/started") tellGap();
    }
  }

  /** Nothing was heard for a while: what goes on in threads that nobody takes up again is not known any more. */
  forgetStrangers(): void {
    this.#strangers.clear();
  }

  /** Ends every turn in flight: the runtime is gone. */
  close(reason: CloseReason): void {
    this.forgetStrangers();
    for (const threadId of this.#threads.keys()) {
      this.#abandon(threadId, (turnId) => cutOff(turnId === null ? "a turn" : `turn ${turnId}`, reason));
    }
    for (const [threadId, followers] of this.#followers) {
      for (const follower of followers) follower.fail(cutOff(`a sub-agent (thread ${threadId})`, reason));
    }
  }

  /** Nothing more is heard of a thread that this client has unsubscribed from: its turns end here, and none can start. */
  letGo(threadId: string): void {
    this.#letGo.set(threadId, "was unsubscribed");
    this.#abandon(threadId, (turnId) => {
      return new UsageError(
        `Thread ${threadId} was unsubscribed while ${turnId === null ? "a turn was begun" : `turn ${turnId} ran`}, so its end is not heard of.`,
      );
    });
  }

  /** Nothing more is heard of a thread that could not be taken up again: as `letGo`, but nobody has wanted it. */
  lose(threadId: string, reason: CloseReason): void {
    this.#letGo.set(threadId, "could not be taken up again after the connection was lost");
    this.#abandon(threadId, (turnId) => cutOff(turnId === null ? "a turn" : `turn ${turnId}`, reason));
    for (const follower of this.#followers.get(threadId) ?? []) {
      follower.fail(cutOff(`a sub-agent (thread ${threadId})`, reason));
    }
  }

  /** The thread was opened in this async context, or is heard of again. */
  welcome(threadId: string, context: AsyncContext = rootContext): void {
    this.#letGo.delete(threadId);
    this.#opened.set(threadId, context);
    if (this.#strangers.has(threadId)) this.#route(threadId);
  }

  /** The thread is not this client's any more: it was unloaded, or let go. */
  release(threadId: string): void {
    this.#opened.delete(threadId);
    const route = this.#threads.get(threadId);
    if (route === undefined || route.isAwaited || route.held !== null || this.#followers.has(threadId)) return;
    this.#threads.delete(threadId);
    this.#strangers.set(threadId, route, route.bytes);
  }

  #abandon(threadId: string, why: (turnId: string | null) => CodexError): void {
    const route = this.#threads.get(threadId);
    this.#lastTurns.delete(threadId);
    this.#strangers.delete(threadId);
    if (route === undefined) return;
    this.#threads.delete(threadId);
    route.reservation?.fail(why(null));
    for (const [turnId, sink] of route.sinks) sink.fail(why(turnId));
  }

  /** What is said of a thread is a sign of life of its turn. */
  #tellThread(notification: Notification, bytes: number): void {
    const threadId = threadOf(notification);
    if (threadId === null) return;
    const route = this.#threads.get(threadId);
    for (const sink of route?.sinks.values() ?? []) sink.touch();
    if (route?.isTakenElsewhere && notification.method === "thread/status/changed") {
      route.isTakenElsewhere = notification.params.status.type === "active";
      this.#forgetIdle(threadId, route);
    }
    route?.reservation?.tell(notification, bytes);
    this.#tellFollowers(threadId, notification, bytes);
  }

  #tellFollowers(threadId: string, event: Notification | ReconnectedEvent, bytes: number): void {
    for (const follower of this.#followers.get(threadId) ?? []) follower.push(event, bytes);
  }

  #route(threadId: string): ThreadRoute {
    let route = this.#threads.get(threadId);
    if (route === undefined) {
      route = this.#strangers.get(threadId) ?? new ThreadRoute(this.#lastTurns.get(threadId) ?? null);
      this.#strangers.delete(threadId);
      this.#threads.set(threadId, route);
    }
    return route;
  }

  #forgetIdle(threadId: string, route: ThreadRoute): void {
    if (!route.isIdle || route.held !== null || this.#followers.has(threadId)) return;
    if (!this.#threads.delete(threadId)) return;
    if (route.lastTurnId !== null) this.#lastTurns.set(threadId, route.lastTurnId, route.lastTurnId.length);
  }
}

function cutOff(during: string, reason: CloseReason): TransportClosedError {
  return new TransportClosedError(reason, { during, maybeAccepted: true });
}
