/** Owns what a turn has emitted, and lets any number of readers follow it from the beginning, each at its own pace. */

import { StreamOverflowError } from "../errors/index.js";
import { type DeltaEvent, extendsSameText, isDeltaEvent, type TurnEvent, withDelta } from "../events.js";

/** An event, or a run of adjacent deltas of one text. */
interface Entry {
  bytes: number;
  /** The newest event of the run. */
  last: TurnEvent;
  /** The pieces of the run's text, when this is one. */
  readonly run: { last: DeltaEvent; readonly pieces: string[] } | null;
}

/**
 * An append-only log shared by all readers. Adjacent deltas of one text share an entry: a reader that keeps up sees
 * each delta as it came, one that lags sees what it missed as a single event. When the log outgrows its limit the
 * oldest entries are dropped, and the readers that still needed them end with `StreamOverflowError`.
 */
export class EventLog {
  readonly #limitBytes: number;
  readonly #entries: Entry[] = [];
  readonly #parked = new Set<LogReader>();
  #dropped = 0;
  #bytes = 0;
  #end: { readonly error: unknown } | null = null;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Adds an event and hands it to the readers that wait for one. */
  append(event: TurnEvent, bytes: number): void {
    const tail = this.#entries.at(-1);
    if (isDeltaEvent(event)) {
      const { delta } = event.params;
      if (tail?.run && tail.bytes < this.#limitBytes / 4 && extendsSameText(tail.run.last, event)) {
        tail.run.pieces.push(delta);
        tail.run.last = event;
        tail.last = event;
        tail.bytes += delta.length;
        this.#bytes += delta.length;
      } else {
        this.#add({ bytes, last: event, run: { last: event, pieces: [delta] } });
      }
    } else {
      this.#add({ bytes, last: event, run: null });
    }
    this.#wake();
  }

  /** Marks the end. Readers finish after the last event, by throwing `error` when there is one. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** A new reader, which begins at the first event of the turn. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return new LogReader(this);
  }

  /**
   * What comes next at a reader's position; undefined when it has to wait.
   * @internal
   */
  take(position: Position): TurnEvent | "end" | undefined {
    for (;;) {
      if (position.index < this.#dropped) throw new StreamOverflowError(this.#limitBytes);
      const entry = this.#entries[position.index - this.#dropped];
      if (entry === undefined) break;
      const unread = entry.run === null ? 1 - position.pieces : entry.run.pieces.length - position.pieces;
      if (unread > 0) {
        const event =
          entry.run === null || unread === 1
            ? entry.last
            : withDelta(entry.run.last, entry.run.pieces.slice(position.pieces).join(""));
        position.pieces += unread;
        return event;
      }
      if (position.index - this.#dropped === this.#entries.length - 1) break;
      position.index += 1;
      position.pieces = 0;
    }
    if (this.#end === null) return undefined;
    if (this.#end.error !== undefined) throw this.#end.error;
    return "end";
  }

  /** @internal */
  park(reader: LogReader): void {
    this.#parked.add(reader);
  }

  /** @internal */
  unpark(reader: LogReader): void {
    this.#parked.delete(reader);
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    let drop = 0;
    while (this.#bytes > this.#limitBytes && drop < this.#entries.length - 1) {
      this.#bytes -= this.#entries[drop]?.bytes ?? 0;
      drop += 1;
    }
    if (drop === 0) return;
    this.#entries.splice(0, drop);
    this.#dropped += drop;
    for (const reader of this.#parked) reader.skipRead(this.#dropped);
  }

  #wake(): void {
    if (this.#parked.size === 0) return;
    for (const reader of this.#parked) reader.wake();
  }
}

/** Where a reader stands: an entry, counted from the beginning of the turn, and how much of it was read. */
interface Position {
  index: number;
  pieces: number;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<TurnEvent, void>) => void;
  readonly reject: (reason: unknown) => void;
}

class LogReader implements AsyncIterableIterator<TurnEvent, void, undefined> {
  readonly #log: EventLog;
  readonly #position: Position = { index: 0, pieces: 0 };
  readonly #waiters: Waiter[] = [];
  #done = false;

  constructor(log: EventLog) {
    this.#log = log;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this;
  }

  next(): Promise<IteratorResult<TurnEvent, void>> {
    if (this.#waiters.length === 0) {
      try {
        const result = this.#take();
        if (result !== undefined) return Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    this.#log.park(this);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<TurnEvent, void>> {
    this.#done = true;
    this.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Gives waiting `next()` calls what there is by now. */
  wake(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      try {
        const result = this.#take();
        if (result === undefined) return;
        waiter.resolve(result);
      } catch (error) {
        waiter.reject(error);
      }
      this.#waiters.shift();
    }
    this.#log.unpark(this);
  }

  /** A parked reader has read everything, so entries that were dropped behind it are no loss to it. */
  skipRead(firstIndex: number): void {
    if (this.#position.index >= firstIndex) return;
    this.#position.index = firstIndex;
    this.#position.pieces = 0;
  }

  #take(): IteratorResult<TurnEvent, void> | undefined {
    if (this.#done) return { done: true, value: undefined };
    try {
      const event = this.#log.take(this.#position);
      if (event === undefined) return undefined;
      if (event !== "end") return { done: false, value: event };
    } catch (error) {
      this.#done = true;
      throw error;
    }
    this.#done = true;
    return { done: true, value: undefined };
  }
}
