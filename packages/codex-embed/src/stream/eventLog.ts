import { StreamOverflowError } from "../errors/turn.js";
import { type DeltaEvent, extendsSameText, isDeltaEvent, type TurnEvent, withDelta } from "./events.js";

/** An event, or a run of adjacent deltas of one text. */
interface Entry {
  bytes: number;
  /** The newest event of the run. */
  last: TurnEvent;
  readonly run: Run | null;
}

/** The text of a run, in blocks: keeping each piece as a string would take several times as much memory. */
interface Run {
  last: DeltaEvent;
  readonly blocks: string[];
  /** The pieces since the last block. */
  pieces: string[];
  /** The number of all pieces. */
  count: number;
  /** The length of the text, and of its part in blocks. */
  length: number;
  blocksLength: number;
}

const PIECES_A_BLOCK = 256;

/**
 * The events of a stream, for any number of readers, each at its own pace. Adjacent deltas of one text share an entry: a
 * reader that keeps up gets each delta as it came, one that lags gets what it missed as a single event. When the log
 * outgrows its limit it drops the oldest entries, and readers that still needed them end with `StreamOverflowError`.
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

  /**
   * Adds an event and gives it to the readers that wait for one.
   *
   * @param bytes - its size on the wire.
   */
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

  /** Marks the end. Readers finish after the last event; if there is an `error`, they throw it. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** The events that are still kept, adjacent deltas of one text as one. */
  *events(): Generator<TurnEvent, void, undefined> {
    for (const { last, run } of this.#entries) yield run === null ? last : withDelta(run.last, textFrom(run, 0));
  }

  /** A new reader, which begins at the first event. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return new LogReader(this);
  }

  /**
   * The next event at a reader's position, which it advances; undefined when the reader has to wait.
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

/** The text of the run from an offset on, in time linear in the length of the result. */
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

/** The position of a reader: an entry, counted from the first event, and how much of it was read. */
interface Position {
  index: number;
  pieces: number;
  /** The length of the text that was read of the run. */
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

  /** Settles waiting `next()` calls with what there is by now. */
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

  /** A parked reader has read everything, so it loses nothing by dropped entries. */
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
