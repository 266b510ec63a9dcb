import type { ThreadItem, Turn } from "../protocol/generated/protocol.js";
import type { AsyncContext } from "../util/async.js";
import { itemsIn, kindOf, type Notification, type TurnNotification } from "./events.js";
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

/**
 * A map by ids from the wire. Each message brings its ids as new strings, and to hash one takes longer than to see that
 * it is the same as the last.
 */
export class RecentMap<V> extends Map<string, V> {
  #key: string | null = null;
  #value: V | undefined;

  /** An empty one: a Map would fill itself before the fields here exist. */
  constructor() {
    super();
  }

  override get(key: string): V | undefined {
    if (key !== this.#key) {
      this.#value = super.get(key);
      this.#key = key;
    }
    return this.#value;
  }

  override set(key: string, value: V): this {
    this.#key = null;
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    this.#key = null;
    this.#value = undefined;
    return super.delete(key);
  }

  override clear(): void {
    this.#key = null;
    this.#value = undefined;
    super.clear();
  }
}
