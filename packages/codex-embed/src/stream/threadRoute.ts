/** Owns what is known of one thread while something is going on in it. */

import type { AsyncContext } from "../asyncContext.js";
import { kindOf, type Notification, type TurnNotification } from "../events.js";
import { HeardTurn } from "./missed.js";
import { RecentMap } from "./recentMap.js";
import type { Reservation, TurnSink } from "./reservation.js";

/** A sub-agent can begin its turn just before it is told whose it is; no more than that is waited for. */
const MAX_UNCLAIMED = 64;
const MAX_UNCLAIMED_BYTES = 4 * 1024 * 1024;
/** What is kept of an id, besides its text. */
const ID_BYTES = 50;

/** A notification that is told later. */
export interface Held<N extends Notification = TurnNotification> {
  readonly notification: N;
  readonly bytes: number;
}

/** One thread: who listens, which turn runs, and what has been heard of it. */
export class ThreadRoute {
  activeTurnId: string | null = null;
  activeRootTurnId: string | null = null;
  /** Whether a turn runs that this client has not started, and whose id it may not know. */
  isTakenElsewhere = false;
  /** The last turn that has started, as far as is known. */
  lastTurnId: string | null;
  reservation: Reservation | null = null;
  readonly sinks = new RecentMap<TurnSink>();
  /** The async contexts of those who have asked for the turns of the sinks. */
  readonly #contexts = new Map<string, AsyncContext>();
  /** The turns in flight. */
  readonly heard = new RecentMap<HeardTurn>();
  /** What came of turns that nobody has asked for, in case a follower comes late. */
  readonly unclaimed: Held[] = [];
  /** What came since the connection was made anew, until the thread is restored; null while all is told at once. */
  held: Held[] | null = null;
  /** About what is kept here of what came in. */
  bytes = 0;

  constructor(lastTurnId: string | null) {
    this.lastTurnId = lastTurnId;
  }

  get isIdle(): boolean {
    return this.activeTurnId === null && !this.isTakenElsewhere && !this.isAwaited;
  }

  /** Whether somebody waits for a turn of the thread. */
  get isAwaited(): boolean {
    return this.reservation !== null || this.sinks.size > 0;
  }

  /** Keeps what nobody has asked for, as long as it is little. */
  keepUnclaimed(held: Held): void {
    if (this.unclaimed.length === MAX_UNCLAIMED || this.bytes + held.bytes > MAX_UNCLAIMED_BYTES) return;
    this.unclaimed.push(held);
    this.bytes += held.bytes;
  }

  /** The sink of a turn is there: the thread is taken, though `turn/started` comes after the reply. */
  attach(turnId: string, sink: TurnSink, context: AsyncContext): void {
    this.sinks.set(turnId, sink);
    this.#contexts.set(turnId, context);
    this.activeTurnId = turnId;
    if (!this.heard.has(turnId)) this.heard.set(turnId, new HeardTurn());
  }

  /** The turn is over, or nothing more is heard of it. */
  detach(turnId: string): void {
    this.removeSink(turnId);
    this.heard.delete(turnId);
    if (this.activeTurnId === turnId) this.activeTurnId = null;
  }

  removeSink(turnId: string): void {
    this.sinks.delete(turnId);
    this.#contexts.delete(turnId);
  }

  /** The async context that a turn was asked for in: the one in flight when none is named. Null when nobody here has. */
  contextOf(turnId: string | null): AsyncContext | null {
    return this.#contexts.get(turnId ?? this.activeTurnId ?? "") ?? this.reservation?.context ?? null;
  }

  /** Takes down what is heard of a turn. False when the record has told of it already. */
  note(turnId: string, notification: TurnNotification, isReplay: boolean): boolean {
    if (notification.method === "turn/started") {
      const heard = this.heard.get(turnId) ?? new HeardTurn();
      this.heard.set(turnId, heard);
      if (heard.isStartReplayed) return false;
      heard.isStarted = true;
      heard.isStartReplayed = isReplay;
      this.lastTurnId = turnId;
      // A thread runs one turn at a time: the end of any other that nobody waits for was missed.
      for (const id of this.heard.keys()) if (id !== turnId && !this.sinks.has(id)) this.heard.delete(id);
      return true;
    }
    const heard = this.heard.get(turnId);
    if (heard === undefined) return true;
    if (heard.replayed !== null && !isReplay && isLate(notification, heard.replayed)) return false;
    if (notification.method === "item/started") {
      const { item, startedAtMs } = notification.params;
      // A message that was cut off has no end.
      if (item.type !== "agentMessage" && item.type !== "reasoning") heard.open.set(item.id, startedAtMs);
    } else if (notification.method === "item/completed") {
      const { id } = notification.params.item;
      heard.open.delete(id);
      heard.completed.add(id);
      this.bytes += ID_BYTES + id.length;
      if (isReplay) (heard.replayed ??= new Map()).set(id, notification.params.completedAtMs);
    } else if (notification.method === "turn/completed") {
      this.heard.delete(turnId);
    }
    return true;
  }
}

/** The thread that a notification names, or null. */
export function threadOf(notification: Notification): string | null {
  const scope = kindOf(notification)?.scope;
  return scope !== undefined && "threadId" in scope ? stringAt(notification.params, scope.threadId) : null;
}

/** The turn that a notification names, or null. */
export function turnOf(notification: TurnNotification): string | null {
  const scope = kindOf(notification)?.scope;
  return scope?.scope === "turn" ? stringAt(notification.params, scope.turnId) : null;
}

/** Whether an item was told of by the record already. A later one may have the same id, for ids are the model's choice. */
function isLate(notification: TurnNotification, replayed: Map<string, number>): boolean {
  const id = itemOf(notification) ?? "";
  const endedAtMs = replayed.get(id);
  if (endedAtMs === undefined) return false;
  const isAnother = notification.method === "item/started" && notification.params.startedAtMs > endedAtMs;
  if (isAnother) replayed.delete(id);
  return !isAnother;
}

function itemOf({ params }: TurnNotification): string | null {
  return stringAt(params, ["itemId"]) ?? stringAt(params, ["item", "id"]);
}

function stringAt(value: unknown, path: readonly string[]): string | null {
  let current = value;
  for (const key of path) {
    if (!isRecord(current)) return null;
    current = current[key];
  }
  return typeof current === "string" ? current : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
