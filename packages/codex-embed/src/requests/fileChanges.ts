/** The join of a file-change request with its item: the request itself does not say what would change. */

import type { FileUpdateChange, ThreadItem, Turn } from "../protocol/generated/protocol.js";
import { type ItemRef, itemKey, itemsIn, type Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import { deferred, withLimits } from "../util/async.js";
import { isRecord } from "../util/json.js";

/** What a file change would change: at least one file. */
export type KnownChanges = readonly [FileUpdateChange, ...FileUpdateChange[]];

/** The item precedes its request on the pinned runtime; the wait is for one that sends them the other way round. */
const ITEM_WAIT_MS = 2_000;

const MEBIBYTE = 1024 * 1024;
const OWN_LIMITS = { entries: 1_024, bytes: 32 * MEBIBYTE };
/** Agents of turns that nobody here started ask as well, so some is kept of threads that are not this client's. */
const OTHER_LIMITS = { entries: 256, bytes: 8 * MEBIBYTE };
/** What a change takes besides its texts. */
const CHANGE_BYTES = 100;

interface Entry {
  readonly item: ItemRef;
  /** Null when it cannot be told which changes are meant. */
  readonly changes: KnownChanges | null;
  /** Whether the id stands for more than one item in flight: it tells nothing until the turn is over. */
  readonly isAmbiguous: boolean;
}

/** What the file changes in flight would change. Only what is certain counts: everything else is unknown. */
export class FileChanges {
  readonly #own = new NewestMap<Entry>(OWN_LIMITS);
  readonly #others = new NewestMap<Entry>(OTHER_LIMITS);
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #isOwn: (threadId: string) => boolean;

  /** @param isOwn - whether a thread is this client's. Threads that are not cannot displace what is known of those that are. */
  constructor(isOwn: (threadId: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** Takes note of items that start, change and end. */
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
   * Learns from the record of a thread what is in flight, for items that started while nothing was heard. The record has
   * one item for each id, so an id that has been heard of since tells more than the record does.
   */
  learn(threadId: string, turns: readonly Turn[]): void {
    for (const turn of turns) {
      if (turn.status !== "inProgress") continue;
      for (const item of itemsIn(turn)) {
        const isInFlight =
          item.type === "fileChange" && item.status === "inProgress" && (item.completedAtMs ?? null) === null;
        // The events of a review name the turn around the reviewer's.
        for (const turnId of isInFlight ? new Set([turn.id, turn.rootTurnId ?? turn.id]) : []) {
          const at = { threadId, turnId };
          if (this.#entry({ ...at, itemId: item.id }) === undefined) this.#start(at, item);
        }
      }
    }
  }

  /** Nothing is heard for now: an item may end meanwhile, and another one start under its id. */
  clear(): void {
    this.#own.clear();
    this.#others.clear();
  }

  /** What is known of an item now: its changes, null when they cannot be told, undefined when it has not been heard of. */
  known(item: ItemRef): KnownChanges | null | undefined {
    return this.#entry(item)?.changes;
  }

  /** The changes of an item as soon as it is heard of; null when that does not happen in time. */
  async next(item: ItemRef, signal: AbortSignal): Promise<KnownChanges | null> {
    const key = itemKey(item);
    const { promise: heard, resolve } = deferred<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    await withLimits(heard, { signal, timeoutMs: ITEM_WAIT_MS }).catch(() => {});
    waiting.delete(resolve);
    if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    return this.known(item) ?? null;
  }

  #start(at: Omit<ItemRef, "itemId">, item: ThreadItem): void {
    if (item.type !== "fileChange") return;
    const ref: ItemRef = { threadId: at.threadId, turnId: at.turnId, itemId: item.id };
    const changes = readChanges(item.changes);
    const before = this.#entry(ref);
    // An item that the record has told of may be told of again. Another one under the same id is another matter.
    const isAmbiguous = before !== undefined && (before.isAmbiguous || !isSame(before.changes, changes));
    this.#set({ item: ref, changes: isAmbiguous ? null : changes, isAmbiguous });
    for (const resolve of this.#waiting.get(itemKey(ref)) ?? []) resolve();
  }

  /** A draft comes before its item, with relative paths, and decides nothing. One for an item in flight makes that outdated. */
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

  /** A thread can become this client's while an item is in flight. */
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

/** The changes as a handler reads them; null for an empty list, which leaves nothing to decide on, and for damaged ones. */
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
