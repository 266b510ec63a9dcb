/** Owns what a turn has emitted, and lets any number of readers follow it from the beginning, each at its own pace. */

import { StreamOverflowError } from "../errors/turn.js";
import { type DeltaEvent, extendsSameText, isDeltaEvent, type TurnEvent, withDelta } from "./events.js";

/** An event, or a run of adjacent deltas of one text. */
interface Entry {
  bytes: number;
  /** The newest event of the run. */
  last: TurnEvent;
  readonly run: Run | null;
}

/** A run's text, in blocks: a string of its own for each piece would take several times as much memory. */
interface Run {
  last: DeltaEvent;
  readonly blocks: string[];
  /** The pieces since the last block. */
  pieces: string[];
  /** How many pieces there were in all. */
  count: number;
  /** The length of the text, and of what of it is in blocks. */
  length: number;
  blocksLength: number;
}

const PIECES_A_BLOCK = 256;

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
        extend(tail.run, event);
        tail.last = event;
        tail.bytes += delta.length;
        this.#bytes += delta.length;
      } else {
        const run: Run = { last: event, blocks: [], pieces: [delta], count: 1, length: delta.length, blocksLength: 0 };
        this.#add({ bytes, last: event, run });
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

  /** The events that are still kept, the deltas of one text as one. */
  *events(): Generator<TurnEvent, void, undefined> {
    for (const { last, run } of this.#entries) yield run === null ? last : withDelta(run.last, textFrom(run, 0));
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
      const { run } = entry;
      const unread = (run?.count ?? 1) - position.pieces;
      if (unread > 0) {
        const event = run === null || unread === 1 ? entry.last : withDelta(run.last, textFrom(run, position.length));
        position.pieces += unread;
        position.length = run?.length ?? 0;
        return event;
      }
      if (position.index - this.#dropped === this.#entries.length - 1) break;
      position.index += 1;
      position.pieces = 0;
      position.length = 0;
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

function extend(run: Run, event: DeltaEvent): void {
  run.last = event;
  run.pieces.push(event.params.delta);
  run.count += 1;
  run.length += event.params.delta.length;
  if (run.pieces.length < PIECES_A_BLOCK) return;
  run.blocks.push(run.pieces.join(""));
  run.blocksLength = run.length;
  run.pieces = [];
}

/** The run's text from an offset on. The time depends on what is taken alone. */
function textFrom(run: Run, offset: number): string {
  const backwards = [run.pieces.join("")];
  let start = run.blocksLength;
  for (let index = run.blocks.length - 1; start > offset; index -= 1) {
    const block = run.blocks[index] ?? "";
    backwards.push(block);
    start -= block.length;
  }
  return backwards
    .toReversed()
    .join("")
    .slice(offset - start);
}

/** Where a reader stands: an entry, counted from the beginning of the turn, and how much of it was read. */
interface Position {
  index: number;
  pieces: number;
  /** The length of the text that was read of a run. */
  length: number;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<TurnEvent, void>) => void;
  readonly reject: (reason: unknown) => void;
}

class LogReader implements AsyncIterableIterator<TurnEvent, void, undefined> {
  readonly #log: EventLog;
  readonly #position: Position = { index: 0, pieces: 0, length: 0 };
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
    this.#position.length = 0;
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
