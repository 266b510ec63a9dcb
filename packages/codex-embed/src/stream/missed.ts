/** Owns what was missed of a turn while nothing could be heard: the notifications that the runtime's record makes up for. */

import { itemsIn, type TurnNotification } from "../events.js";
import type { ThreadItem, Turn } from "../generated/protocol.js";

/** What has been heard of one turn. */
export class HeardTurn {
  isStarted = false;
  /** Whether the record told of the start: the runtime may tell of it as well, just after. */
  isStartReplayed = false;
  /** When each item started that was not told to be complete. */
  readonly open = new Map<string, number>();
  /** The items that were told to be complete. */
  readonly completed = new Set<string>();
  /** Those among them that the record told of, with when they ended: what else is said of them comes too late. */
  replayed: Map<string, number> | null = null;
}

/**
 * The ends that the record has of items in flight. The runtime leaves some untold when a turn is interrupted: of two commands
 * that ask at the same time, one that was accepted and has run is told to be complete only when the other is answered.
 */
export function untoldEnds(
  { threadId, turnId }: { readonly threadId: string; readonly turnId: string },
  turns: readonly Turn[],
  { open }: HeardTurn,
): TurnNotification[] {
  const record = turns.find(({ id, rootTurnId }) => id === turnId || rootTurnId === turnId);
  return itemsIn(record ?? null).flatMap((item): TurnNotification[] => {
    const { completedAtMs } = item;
    const startedAtMs = open.get(item.id);
    // An earlier item of the turn can have the same id.
    if (startedAtMs === undefined || typeof completedAtMs !== "number" || completedAtMs < startedAtMs) return [];
    const params = { threadId, turnId, item, contentTokenCount: null, completedAtMs };
    return [{ method: "item/completed", params }];
  });
}

/** A turn as the runtime records it, and what is known of it here. */
export interface MissedTurn {
  readonly threadId: string;
  /** The id that the turn's listeners know it by: for a review, that of the turn around it. */
  readonly turnId: string;
  readonly turn: Turn;
  readonly heard: HeardTurn;
  /** What has arrived since then and is about to be told. */
  readonly held: readonly TurnNotification[];
}

/**
 * The notifications that stand for what was missed: the start, each completed item once and in order, the end. What is
 * held is left out, and all that the record has after it: it comes by itself.
 */
export function missedOf({ threadId, turnId, turn, heard, held }: MissedTurn): TurnNotification[] {
  const isHeld = (method: TurnNotification["method"]) => held.some((event) => event.method === method);
  const isOver = turn.status !== "inProgress";
  const coming = new Set(held.flatMap((event) => (event.method === "item/completed" ? event.params.item.id : [])));
  const recorded = itemsIn(turn);
  const firstComing = recorded.findIndex(({ id }) => coming.has(id));
  const isNews = (item: ThreadItem): boolean => {
    const isComplete = isOver || typeof item.completedAtMs === "number";
    return isComplete && !heard.completed.has(item.id);
  };
  const started: TurnNotification = {
    method: "turn/started",
    params: { threadId, turn: { ...turn, items: [], itemsView: "notLoaded", status: "inProgress", error: null } },
  };
  const toldOf = (item: ThreadItem): TurnNotification => {
    const completedAtMs = item.completedAtMs ?? Date.now();
    return { method: "item/completed", params: { threadId, turnId, item, contentTokenCount: null, completedAtMs } };
  };
  const completed: TurnNotification = { method: "turn/completed", params: { threadId, turn: { ...turn, id: turnId } } };
  return [
    ...(heard.isStarted || isHeld("turn/started") ? [] : [started]),
    ...(firstComing === -1 ? recorded : recorded.slice(0, firstComing)).filter(isNews).map(toldOf),
    ...(isOver && firstComing === -1 && !isHeld("turn/completed") ? [completed] : []),
  ];
}
