import type { FileUpdateChange, ThreadItem, Turn } from "../protocol/generated/protocol.js";
import { type ItemRef, itemKey, itemsIn, type Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import { deferred, withLimits } from "../util/async.js";
import { isRecord } from "../util/json.js";

/** The changes of a file change, at least one. */
export type KnownChanges = readonly [FileUpdateChange, ...FileUpdateChange[]];

/** The pinned runtime sends the item before its request. The wait is for a runtime that sends it after. */
export const ITEM_WAIT_MS = 2_000;

const MEBIBYTE = 1024 * 1024;
const OWN_LIMITS = { entries: 1_024, bytes: 32 * MEBIBYTE };
/** Agents of turns that nobody here started ask too, so changes of other threads are kept, but fewer. */
const OTHER_LIMITS = { entries: 256, bytes: 8 * MEBIBYTE };
/** About what a change takes besides its texts. */
const CHANGE_BYTES = 100;

interface Entry {
  readonly item: ItemRef;
  /** Null when it is uncertain which changes are meant. */
  readonly changes: KnownChanges | null;
  /** Whether several open items share the id: it tells nothing until the turn has ended. */
  readonly isAmbiguous: boolean;
}

/**
 * What pending file changes would change. A request for approval does not say it; its item does, which is found by its id.
 * Only what is certain counts; everything else is unknown.
 */
export class FileChanges {
  readonly #own = new NewestMap<Entry>(OWN_LIMITS);
  readonly #others = new NewestMap<Entry>(OTHER_LIMITS);
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #isOwn: (threadId: string) => boolean;
  readonly #itemWaitMs: number;

  /** @param isOwn - whether a thread is this client's. Changes of other threads never displace those of its own. */
  constructor(isOwn: (threadId: string) => boolean, itemWaitMs: number) {
    this.#isOwn = isOwn;
    this.#itemWaitMs = itemWaitMs;
  }

  /** Follows items that start, change and end. */
  observe({ method, params }: Notification): void {
    switch (method) {
      case "item/started":
        this.#start(params, params.item);
        break;
      case "item/fileChange/patchUpdated":
        this.#redraft(params);
        break;
      case "item/completed":
        this.#end({ ...params, itemId: params.item.id });
        break;
      case "turn/completed":
        this.#forget(({ threadId, turnId }) => threadId === params.threadId && turnId === params.turn.id);
        break;
      case "thread/closed":
        this.#forget(({ threadId }) => threadId === params.threadId);
        break;
      default:
        break;
    }
  }

  /**
   * Learns the open items from the record of a thread: their start may have been missed. The record has one item for each
   * id, so what events have said of an id takes precedence.
   */
  learn(threadId: string, turns: readonly Turn[]): void {
    for (const turn of turns) {
      if (turn.status !== "inProgress") continue;
      for (const item of itemsIn(turn)) {
        const isInFlight =
          item.type === "fileChange" && item.status === "inProgress" && (item.completedAtMs ?? null) === null;
        // The events of a review name the turn around the reviewer's turn.
        for (const turnId of isInFlight ? new Set([turn.id, turn.rootTurnId ?? turn.id]) : []) {
          const at = { threadId, turnId };
          if (this.#entry({ ...at, itemId: item.id }) === undefined) this.#start(at, item);
        }
      }
    }
  }

  /** Events may be missed from now on: an item may end, and another one start under its id. */
  clear(): void {
    this.#own.clear();
    this.#others.clear();
  }

  /** The changes of an item. Null when they are uncertain, undefined when no event has named the item. */
  known(item: ItemRef): KnownChanges | null | undefined {
    return this.#entry(item)?.changes;
  }

  /** The changes of an item as soon as an event names it. Null when that takes too long, or the signal aborts. */
  async next(item: ItemRef, signal: AbortSignal): Promise<KnownChanges | null> {
    const key = itemKey(item);
    const { promise: settled, resolve } = deferred<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    await withLimits(settled, { signal, timeoutMs: this.#itemWaitMs }).catch(() => {});
    if (waiting.delete(resolve) && waiting.size === 0) this.#waiting.delete(key);
    return this.known(item) ?? null;
  }

  #start(at: Omit<ItemRef, "itemId">, item: ThreadItem): void {
    if (item.type !== "fileChange") return;
    const ref: ItemRef = { threadId: at.threadId, turnId: at.turnId, itemId: item.id };
    const changes = readChanges(item.changes);
    const before = this.#entry(ref);
    // The start of an item from the record may still arrive. If it differs, it is another item with the same id.
    const isAmbiguous = before !== undefined && (before.isAmbiguous || !isSame(before.changes, changes));
    this.#set({ item: ref, changes: isAmbiguous ? null : changes, isAmbiguous });
    for (const resolve of this.#waiting.get(itemKey(ref)) ?? []) resolve();
  }

  /** A draft precedes its item, has relative paths and counts for nothing. A draft of an open item outdates the item. */
  #redraft({ threadId, turnId, itemId }: ItemRef): void {
    const item: ItemRef = { threadId, turnId, itemId };
    if (this.#entry(item) !== undefined) this.#set({ item, changes: null, isAmbiguous: true });
  }

  #end(item: ItemRef): void {
    if (this.#entry(item)?.isAmbiguous === true) return;
    this.#delete(itemKey(item));
  }

  #entry(item: ItemRef): Entry | undefined {
    const key = itemKey(item);
    return this.#own.get(key) ?? this.#others.get(key);
  }

  #set(entry: Entry): void {
    const key = itemKey(entry.item);
    const sizes = (entry.changes ?? []).map(({ path, diff }) => CHANGE_BYTES + path.length + diff.length);
    this.#delete(key);
    const store = this.#isOwn(entry.item.threadId) ? this.#own : this.#others;
    store.set(
      key,
      entry,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }

  /** From both: a thread can become this client's while an item is open. */
  #delete(key: string): void {
    this.#own.delete(key);
    this.#others.delete(key);
  }

  #forget(isOver: (item: ItemRef) => boolean): void {
    for (const store of [this.#own, this.#others]) {
      for (const [key, { item }] of store) if (isOver(item)) store.delete(key);
    }
  }
}

/** The changes as a handler gets them. Null for damaged ones, and for an empty list: there is nothing to decide on. */
function readChanges(value: unknown): KnownChanges | null {
  if (!Array.isArray(value)) return null;
  const list: unknown[] = value;
  const [first, ...rest] = list.filter(isChange);
  return first !== undefined && rest.length === list.length - 1 ? [first, ...rest] : null;
}

function isChange(value: unknown): value is FileUpdateChange {
  if (!isRecord(value) || !isRecord(value["kind"])) return false;
  const { path, diff, kind } = value;
  const target = kind["move_path"] ?? null;
  const isNamed = typeof path === "string" && typeof diff === "string" && typeof kind["type"] === "string";
  return isNamed && (target === null || typeof target === "string");
}

function isSame(one: KnownChanges | null, other: KnownChanges | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
