import { type CodexError, UsageError } from "../errors/base.js";
import { type CloseReason, TransportClosedError } from "../errors/connection.js";
import { TurnInProgressError } from "../errors/turn.js";
import type { Turn } from "../protocol/generated/protocol.js";
import { type AsyncContext, currentContext, rootContext } from "../util/async.js";
import {
  isReadable,
  isTurnNotification,
  type Notification,
  type ReconnectedEvent,
  type TurnNotification,
  threadOf,
  turnOf,
} from "./events.js";
import { endWithRecord, isRepeat, type Recovering, replayEnd, restore } from "./gaps.js";
import { NewestMap, RecentMap, ThreadFates } from "./threadMemory.js";
import type { Reservation } from "./reservation.js";
import type { ThreadFollower, TurnSink } from "./reservation.js";
import { type EventTap, type RunningTurn, ThreadRoute, type ThreadState } from "./threadRoute.js";

/** How much is kept of threads that nobody here has opened. Some of them may turn out to be sub-agents. */
const STRANGER_LIMITS = { entries: 1_000, bytes: 16 * 1024 * 1024 };

/** Routes each notification to the one turn that it names, and to the followers of its thread. */
export class Router {
  /** The threads that this client has opened, each with the async context that it was opened in. */
  readonly #opened = new Map<string, AsyncContext>();
  /** The routes of threads that are opened, reserved or followed, unless they are idle. */
  readonly #threads = new RecentMap<ThreadRoute>();
  /** The routes of all other threads with a turn in flight. */
  readonly #strangers = new NewestMap<ThreadRoute>(STRANGER_LIMITS);
  readonly fates = new ThreadFates();
  /** The threads in the state `lost`, with why. */
  readonly #lost = new NewestMap<string>();
  readonly #followers = new RecentMap<Set<ThreadFollower>>();
  /** The async contexts of the turns that the followed agents belong to. */
  readonly #agentContexts = new Map<string, AsyncContext>();
  /** The last turns of idle threads. */
  readonly #lastTurns = new NewestMap<string>();
  readonly #readTurns: (threadId: string) => Promise<readonly Turn[]>;
  readonly #tap: EventTap | null;

  /**
   * @param readTurns - reads the newest turns of a thread with their items, the newest first. May reject.
   * @param tap - is given every event of a turn before it is delivered, replayed ones too, and none twice.
   */
  constructor(readTurns: (threadId: string) => Promise<readonly Turn[]> = async () => [], tap: EventTap | null = null) {
    this.#readTurns = readTurns;
    this.#tap = tap;
  }

  /** The state of a thread. One without a route is idle, unless it is lost. */
  stateOf(threadId: string): ThreadState {
    if (this.#lost.has(threadId)) return "lost";
    return this.#find(threadId)?.state ?? "idle";
  }

  /** Whether a thread is this client's: opened or followed here. */
  knows(threadId: string): boolean {
    return this.#opened.has(threadId) || this.#followers.has(threadId);
  }

  /**
   * The async context to run a turn's callbacks in: that of the call which asked for the turn, or for the turn whose agent
   * the thread is. For a turn that nobody here asked for, that of the call which opened the thread. Otherwise null.
   */
  contextOf(threadId: string, turnId: string | null): AsyncContext | null {
    const asked = this.#threads.get(threadId)?.contextOf(turnId);
    return asked ?? this.#agentContexts.get(threadId) ?? this.#opened.get(threadId) ?? null;
  }

  /** Delivers a notification to the turn that it names and to the thread's followers. Skips what is damaged. */
  dispatch(notification: Notification, bytes: number): void {
    this.fates.observe(notification.method, threadOf(notification));
    if (!isTurnNotification(notification)) {
      this.#notifyThread(notification, bytes);
      return;
    }
    const threadId = threadOf(notification);
    if (threadId === null || !isReadable(notification)) return;
    const isStart = notification.method === "turn/started";
    const route = isStart && this.knows(threadId) ? this.#route(threadId) : this.#threads.get(threadId);
    if (route === undefined) this.#dispatchStranger(threadId, notification, bytes);
    else if (route.state === "suspended") route.withhold({ notification, bytes });
    else this.#deliver(threadId, route, notification, bytes);
  }

  #dispatchStranger(threadId: string, notification: TurnNotification, bytes: number): void {
    const known = this.#strangers.get(threadId);
    if (known === undefined && notification.method !== "turn/started") {
      if (this.#tap?.takesEvents) this.#tap.event(notification, threadId, turnOf(notification));
      return;
    }
    const route = known ?? this.#newRoute(threadId);
    this.#deliver(threadId, route, notification, bytes);
    if (route.isUnused) this.#strangers.delete(threadId);
    else this.#strangers.set(threadId, route, route.bytes);
  }

  #deliver(threadId: string, route: ThreadRoute, notification: TurnNotification, bytes: number): void {
    const named = turnOf(notification);
    if (named === null) {
      if (this.#tap?.takesEvents) this.#tap.event(notification, threadId, null);
      route.reservation?.notify(notification, bytes);
      return;
    }
    const isReplay = route.state === "replaying";
    const isStart = notification.method === "turn/started";
    const isEnd = notification.method === "turn/completed";
    // The start of a review names the reviewer's turn inside; everything else, its end included, names the root.
    const rootTurnId = isStart ? route.rootOf(notification.params.turn) : null;
    const turnId = rootTurnId !== null && route.sinks.has(rootTurnId) ? rootTurnId : named;
    const seen = route.seen.get(turnId);
    if (seen !== undefined && !isReplay && isRepeat(notification, seen)) return;
    if (this.#tap?.takesEvents) this.#tap.event(notification, threadId, turnId);
    route.note(turnId, notification, seen);
    if (isStart) route.startTurn(turnId, rootTurnId);
    else if (isEnd) route.endTurn(turnId);
    const sink = route.sinks.get(turnId);
    if (sink !== undefined) {
      if (isEnd) route.removeSink(turnId);
      const isCut = isEnd && notification.params.turn.status !== "completed" && !isReplay;
      if (isCut && seen !== undefined && seen.open.size > 0) {
        void endWithRecord(sink, { notification, bytes }, seen, this.#readTurns);
      } else sink.push(notification, bytes);
    } else if (route.reservation !== null) {
      route.reservation.take({ turnId, event: notification, bytes });
    } else if (!this.#followers.has(threadId)) {
      route.keepUnclaimed({ notification, bytes });
    }
    this.#notifyFollowers(threadId, notification, bytes);
    if (isEnd) this.#dropIfUnused(threadId, route);
  }

  /**
   * Delivers every notification about a thread to the follower too, from the start of the turn in flight on, until the
   * returned function is called. `rootThreadId` is the thread of the turn that the agent belongs to.
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
      if (route !== undefined) this.#dropIfUnused(threadId, route);
    };
  }

  /** The threads that have followers. */
  get followed(): string[] {
    return [...this.#followers.keys()];
  }

  /**
   * Claims the next turn of a thread, before the request for it is sent. Events of turns that nobody has claimed are kept
   * until the reservation is filled or released, so that none is lost to the order of arrival.
   *
   * @param joins - whether the request joins the turn in flight, if there is one.
   * @throws TurnInProgressError when the thread has a turn in flight or claimed. UsageError when the thread is lost.
   */
  reserve(threadId: string, joins = false): Reservation {
    this.refuseLost(threadId);
    const route = this.#route(threadId);
    const isTaken = joins ? route.reservation !== null : route.isBusy;
    if (isTaken) throw new TurnInProgressError(threadId, route.activeTurnId);
    return route.reserve(() => this.#dropIfUnused(threadId, route));
  }

  /** Who has claimed the next turn of a thread, or all turns of a goal; null when nobody has. */
  reservationOf(threadId: string): Reservation | null {
    return this.#find(threadId)?.reservation ?? null;
  }

  /** The turn in flight, or null. */
  running(threadId: string): RunningTurn | null {
    const route = this.#find(threadId);
    const turn = route?.activeTurn ?? null;
    if (route === undefined || turn === null) return null;
    const { id, rootId } = turn;
    return { id, rootId, sink: route.sinks.get(id ?? "") ?? route.sinks.get(rootId ?? "") ?? null };
  }

  /** Hands the events of the turn in flight to a sink that has seen none of them. */
  takeUp(threadId: string, turnId: string, sink: TurnSink): void {
    this.#route(threadId).takeUp(turnId, sink, currentContext());
  }

  /** Throws `UsageError` when the thread is lost. */
  refuseLost(threadId: string): void {
    const why = this.#lost.get(threadId);
    if (why === undefined) return;
    throw new UsageError(
      `Thread ${threadId} ${why}, so the events of a turn would not arrive. ${this.fates.advice(threadId)}`,
    );
  }

  /** Whether a turn of the thread is in flight or claimed. */
  isBusy(threadId: string): boolean {
    return this.#find(threadId)?.isBusy ?? false;
  }

  /** The runtime says that a turn runs in the thread. If it is not known here, another client has started it. */
  noteActive(threadId: string): void {
    if (!this.isBusy(threadId)) this.#route(threadId).occupy();
  }

  /** The newest turn of a thread whose turn was unknown. Does nothing if that has ended meanwhile. */
  identify(threadId: string, turn: Turn | undefined): void {
    const route = this.#threads.get(threadId);
    if (route === undefined || !route.isTakenElsewhere) return;
    if (turn?.status === "inProgress") route.startTurn(turn.id, turn.rootTurnId ?? null);
    else route.vacate();
    this.#dropIfUnused(threadId, route);
  }

  /** Adds the usage of one response of the model to its turn, goal or agent. */
  count({ params: { threadId, turnId, usage } }: Notification<"rawResponse/completed">): void {
    if (usage === null) return;
    const route = this.#threads.get(threadId);
    route?.sinks.get(turnId)?.count?.(usage);
    route?.reservation?.follower?.count?.(turnId, usage);
    for (const follower of this.#followers.get(threadId) ?? []) follower.count?.(turnId, usage);
  }

  /** Tells a turn that something it waited for has happened on this side, such as a decision. */
  touch(threadId: string, turnId: string): void {
    this.#threads.get(threadId)?.sinks.get(turnId)?.touch();
  }

  /** The connection is lost: events of these threads are withheld until they are restored. */
  suspend(threadIds: readonly string[]): void {
    for (const threadId of threadIds) this.#route(threadId).suspend();
  }

  /** The turns of a thread that somebody waits for or that have started, and whose end has not arrived. */
  awaited(threadId: string): string[] {
    return [...(this.#threads.get(threadId)?.seen.keys() ?? [])];
  }

  /**
   * The thread's events arrive again. Replays what was missed from the record of its turns, the oldest first, and then what
   * was withheld. A turn that the record does not know fails with what `lost` makes.
   */
  restore(threadId: string, turns: readonly Turn[], lost: (turnId: string) => CodexError): void {
    const route = this.#threads.get(threadId);
    if (route === undefined) return;
    restore(this.#recovering(threadId, route), turns, lost);
    this.#dropIfUnused(threadId, route);
  }

  /** Ends a turn as the runtime's record says, because its end never arrived. */
  settle(threadId: string, turn: Turn): void {
    const route = this.#threads.get(threadId);
    if (route === undefined) return;
    replayEnd(this.#recovering(threadId, route), turn);
    this.#dropIfUnused(threadId, route);
  }

  #recovering(threadId: string, route: ThreadRoute): Recovering {
    // A follower gets every turn of its thread, but none from before its first.
    const isFollowed = this.#followers.has(threadId);
    return {
      threadId,
      route,
      since: isFollowed ? 0 : (route.reservation?.follower?.since ?? Number.POSITIVE_INFINITY),
      deliver: (notification, bytes) => this.#deliver(threadId, route, notification, bytes),
      mark: (gap) => {
        if (this.#tap?.takesEvents) this.#tap.event(gap, threadId, gap.params.turnId);
        route.sinks.get(gap.params.turnId)?.push(gap, 0);
        route.reservation?.notify(gap, 0);
        this.#notifyFollowers(threadId, gap, 0);
      },
    };
  }

  /** Events may have been missed: forgets what runs in threads that nobody here resubscribes to. */
  forgetStrangers(): void {
    this.#strangers.clear();
  }

  /** The runtime is gone: every turn in flight fails. */
  close(reason: CloseReason): void {
    this.forgetStrangers();
    for (const threadId of this.#threads.keys()) this.#drop(threadId, interruptedBy(reason));
    for (const threadId of this.#followers.keys()) this.#failFollowers(threadId, reason);
  }

  /** This client has unsubscribed from the thread: its turns fail, and none can start until it is attached again. */
  detach(threadId: string): void {
    this.#lost.set(threadId, "was unsubscribed");
    this.#drop(threadId, (turnId) => {
      const when = turnId === null ? "while a turn was starting" : `while turn ${turnId} ran`;
      return new UsageError(`Thread ${threadId} was unsubscribed ${when}, so the end of the turn will not arrive.`);
    });
  }

  /** The thread could not be resumed after the connection was lost: as `detach`, but the followers fail too. */
  fail(threadId: string, reason: CloseReason): void {
    this.#lost.set(threadId, "could not be resumed after the connection was lost");
    this.#drop(threadId, interruptedBy(reason));
    this.#failFollowers(threadId, reason);
  }

  /** The thread was opened in this async context: its events arrive, also if it was lost. */
  attach(threadId: string, context: AsyncContext = rootContext): void {
    this.#lost.delete(threadId);
    this.#opened.set(threadId, context);
    if (this.#strangers.has(threadId)) this.#route(threadId);
  }

  /** The thread is no longer this client's: it was unloaded or unsubscribed. */
  release(threadId: string): void {
    this.#opened.delete(threadId);
    const route = this.#threads.get(threadId);
    if (route === undefined || route.isAwaited || route.state === "suspended" || this.#followers.has(threadId)) return;
    this.#threads.delete(threadId);
    this.#strangers.set(threadId, route, route.bytes);
  }

  #drop(threadId: string, why: (turnId: string | null) => CodexError): void {
    const route = this.#threads.get(threadId);
    this.#lastTurns.delete(threadId);
    this.#strangers.delete(threadId);
    this.#threads.delete(threadId);
    route?.lose(why);
  }

  /** A notification about a thread is a sign of life of its turn. */
  #notifyThread(notification: Notification, bytes: number): void {
    const threadId = threadOf(notification);
    if (threadId === null) return;
    const route = this.#threads.get(threadId);
    for (const sink of route?.sinks.values() ?? []) sink.touch();
    if (route?.isTakenElsewhere && notification.method === "thread/status/changed") {
      if (notification.params.status.type !== "active") route.vacate();
      this.#dropIfUnused(threadId, route);
    }
    route?.reservation?.notify(notification, bytes);
    this.#notifyFollowers(threadId, notification, bytes);
  }

  #notifyFollowers(threadId: string, event: Notification | ReconnectedEvent, bytes: number): void {
    for (const follower of this.#followers.get(threadId) ?? []) follower.push(event, bytes);
  }

  #failFollowers(threadId: string, reason: CloseReason): void {
    for (const follower of this.#followers.get(threadId) ?? []) {
      follower.fail(interruptedError(`a sub-agent (thread ${threadId})`, reason));
    }
  }

  #find(threadId: string): ThreadRoute | undefined {
    return this.#threads.get(threadId) ?? this.#strangers.get(threadId);
  }

  /** The route of a thread that this client opens, reserves or follows. */
  #route(threadId: string): ThreadRoute {
    let route = this.#threads.get(threadId);
    if (route === undefined) {
      route = this.#strangers.get(threadId) ?? this.#newRoute(threadId);
      this.#strangers.delete(threadId);
      this.#threads.set(threadId, route);
    }
    return route;
  }

  #newRoute(threadId: string): ThreadRoute {
    return new ThreadRoute(this.#lastTurns.get(threadId) ?? null);
  }

  #dropIfUnused(threadId: string, route: ThreadRoute): void {
    if (!route.isUnused || this.#followers.has(threadId)) return;
    if (!this.#threads.delete(threadId)) return;
    if (route.lastTurnId !== null) this.#lastTurns.set(threadId, route.lastTurnId, route.lastTurnId.length);
  }
}

function interruptedBy(reason: CloseReason): (turnId: string | null) => TransportClosedError {
  return (turnId) => interruptedError(turnId === null ? "a turn" : `turn ${turnId}`, reason);
}

function interruptedError(during: string, reason: CloseReason): TransportClosedError {
  return new TransportClosedError(reason, { during, maybeAccepted: true });
}
