/** What a lost connection missed: events made from the runtime's record of the turns, and none of them twice. */

import type { CodexError } from "../errors/base.js";
import type { ThreadItem, Turn } from "../protocol/generated/protocol.js";
import { itemOf, itemsIn, type Notification, type ReconnectedEvent, type TurnNotification, turnOf } from "./events.js";
import type { TurnSink } from "./reservation.js";
import { SeenTurn, type ThreadRoute } from "./threadRoute.js";

/** A thread to deliver missed events to. */
export interface Recovering {
  readonly threadId: string;
  readonly route: ThreadRoute;
  /** Turns that are new to the thread are replayed if they started later than this, in Unix seconds. */
  readonly since: number;
  /** Delivers an event to whoever gets those of its turn. */
  deliver(notification: TurnNotification, bytes: number): void;
  /** Tells the listeners of a turn about the gap. */
  mark(gap: ReconnectedEvent): void;
}

/**
 * Replays what a suspended thread has missed, from the record of its turns, the oldest first; then delivers what was
 * withheld. A turn that the record does not know fails with what `lost` makes.
 */
export function restore(thread: Recovering, turns: readonly Turn[], lost: (turnId: string) => CodexError): void {
  const { route } = thread;
  route.replay(() => {
    const known = turns.findIndex(({ id }) => id === route.lastTurnId);
    const unrecorded = new Set(route.seen.keys());
    for (const [index, turn] of turns.entries()) {
      const rootTurnId = turn.rootTurnId ?? null;
      const turnId = rootTurnId !== null && route.sinks.has(rootTurnId) ? rootTurnId : turn.id;
      const isNew = index > known && (turn.startedAt ?? 0) >= thread.since;
      if (unrecorded.delete(turnId) || isNew) {
        replayTurn(thread, { turnId, turn, coming: comingFor(route, turn.id), isGap: true });
      } else if (turn.status === "inProgress") {
        route.startTurn(turn.id, rootTurnId);
      }
    }
    for (const turnId of unrecorded) {
      const sink = route.sinks.get(turnId);
      route.dropTurn(turnId);
      sink?.fail(lost(turnId));
    }
  });
  for (const { notification, bytes } of route.resume()) thread.deliver(notification, bytes);
}

/** Ends a turn as the runtime's record says, because its end never arrived. */
export function replayEnd(thread: Recovering, turn: Turn): void {
  thread.route.replay(() => replayTurn(thread, { turnId: turn.id, turn, coming: [], isGap: false }));
}

/** Delivers the end of an interrupted turn behind the ends of its items that the runtime left out and its record has. */
export async function endWithRecord(
  sink: TurnSink,
  end: { readonly notification: Notification<"turn/completed">; readonly bytes: number },
  seen: SeenTurn,
  readTurns: (threadId: string) => Promise<readonly Turn[]>,
): Promise<void> {
  const { threadId, turn } = end.notification.params;
  // Whatever is wrong with the record, the turn ends.
  const missing = await readTurns(threadId)
    .then((turns) => missingEnds({ threadId, turnId: turn.id }, turns, seen))
    .catch(() => []);
  for (const event of missing) sink.push(event, 0);
  sink.push(end.notification, end.bytes);
}

/**
 * Whether an event repeats what was replayed: the runtime may send it just after the replay. An item with the
 * id of an earlier one is new if it started after that ended, because the model chooses the ids.
 */
export function isRepeat(notification: TurnNotification, seen: SeenTurn): boolean {
  if (notification.method === "turn/started") return seen.isStartReplayed;
  if (seen.replayed === null) return false;
  const id = itemOf(notification) ?? "";
  const endedAtMs = seen.replayed.get(id);
  if (endedAtMs === undefined) return false;
  const isNewItem = notification.method === "item/started" && notification.params.startedAtMs > endedAtMs;
  if (isNewItem) seen.replayed.delete(id);
  return !isNewItem;
}

/** A turn as the runtime records it. */
interface RecordedTurn {
  /** The id that the turn's listeners know it by: for a review, that of the turn around it. */
  readonly turnId: string;
  readonly turn: Turn;
  /** Its events that have arrived since, and are about to be delivered. */
  readonly coming: readonly TurnNotification[];
}

function comingFor(route: ThreadRoute, turnId: string): TurnNotification[] {
  return route.withheld.flatMap(({ notification }) => (turnOf(notification) === turnId ? notification : []));
}

function replayTurn(thread: Recovering, { isGap, ...recorded }: RecordedTurn & { readonly isGap: boolean }): void {
  const { threadId, route } = thread;
  const { turnId } = recorded;
  const seen = route.seen.get(turnId) ?? new SeenTurn();
  route.seen.set(turnId, seen);
  const gap: ReconnectedEvent = { method: "reconnected", params: { threadId, turnId } };
  if (isGap && seen.isStarted) thread.mark(gap);
  for (const event of missingEvents(threadId, recorded, seen)) {
    thread.deliver(event, 0);
    // If the start was missed, pieces of text may have been missed as well.
    if (isGap && event.method === "turn/started") thread.mark(gap);
  }
}

/**
 * The events that were missed: the start, each completed item once and in order, the end. Without those that are coming
 * by themselves, and everything that the record has after them.
 */
function missingEvents(
  threadId: string,
  { turnId, turn, coming }: RecordedTurn,
  seen: SeenTurn,
): readonly TurnNotification[] {
  const isComing = (method: TurnNotification["method"]) => coming.some((event) => event.method === method);
  const isOver = turn.status !== "inProgress";
  const items = itemsIn(turn);
  const comingIds = new Set(coming.flatMap((event) => (event.method === "item/completed" ? event.params.item.id : [])));
  const firstComing = items.findIndex(({ id }) => comingIds.has(id));
  const isMissing = (item: ThreadItem): boolean => {
    const isComplete = isOver || typeof item.completedAtMs === "number";
    return isComplete && !seen.completed.has(item.id);
  };
  const events: TurnNotification[] = [];
  if (!seen.isStarted && !isComing("turn/started")) {
    const started: Turn = { ...turn, items: [], itemsView: "notLoaded", status: "inProgress", error: null };
    events.push({ method: "turn/started", params: { threadId, turn: started } });
  }
  for (const item of firstComing === -1 ? items : items.slice(0, firstComing)) {
    if (isMissing(item)) events.push(itemCompleted({ threadId, turnId }, item, item.completedAtMs ?? Date.now()));
  }
  if (isOver && firstComing === -1 && !isComing("turn/completed")) {
    events.push({ method: "turn/completed", params: { threadId, turn: { ...turn, id: turnId } } });
  }
  return events;
}

/**
 * The ends of open items that the record has. The runtime leaves some out when a turn is interrupted: of two commands that
 * ask at the same time, it reports one that was accepted and has run only when the other is answered.
 */
function missingEnds(
  at: { readonly threadId: string; readonly turnId: string },
  turns: readonly Turn[],
  { open, completed }: SeenTurn,
): TurnNotification[] {
  const record = turns.find(({ id, rootTurnId }) => id === at.turnId || rootTurnId === at.turnId);
  return itemsIn(record ?? null).flatMap((item) => {
    const startedAtMs = open.get(item.id);
    if (startedAtMs === undefined) return [];
    const { completedAtMs } = item;
    // An earlier item of the turn can have the same id.
    if (typeof completedAtMs === "number") {
      return completedAtMs < startedAtMs ? [] : [itemCompleted(at, item, completedAtMs)];
    }
    // Runtimes up to 0.164 record no times of items.
    const isOver = "status" in item && item.status !== "inProgress" && !completed.has(item.id);
    return isOver ? [itemCompleted(at, item, Date.now())] : [];
  });
}

function itemCompleted(
  at: { readonly threadId: string; readonly turnId: string },
  item: ThreadItem,
  completedAtMs: number,
): TurnNotification {
  return { method: "item/completed", params: { ...at, item, contentTokenCount: null, completedAtMs } };
}
