import { isRecord } from "../util/json.js";
import type { Entry } from "./cassetteFile.js";
import { type Difference, firstDifference } from "./cassetteWorld.js";

/** A request that the cassette has no answer for. */
export interface Drift {
  /** The thread, by its number in the cassette, and the kind of request. */
  readonly where: string;
  /** The first difference from the call that was due; null if none was. */
  readonly difference: Difference | null;
}

/**
 * The recorded calls of a cassette, each of which answers one request. A request gets the answer to an equal conversation
 * of the same kind, so that concurrent threads and agents find their own whatever the order; among equal ones, that of
 * the same thread, the oldest first.
 */
export class Tape {
  readonly #left = new Set<Entry>();
  readonly #byConversation = new Map<string, Entry[]>();
  /** The recorded threads by the ids of the live ones. */
  readonly #threads = new Map<string, number>();
  #lastThread = 0;

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) {
      this.#left.add(entry);
      this.#lastThread = Math.max(this.#lastThread, entry.thread);
      const key = keyOf(entry.kind, entry.conversation);
      const equal = this.#byConversation.get(key);
      if (equal === undefined) this.#byConversation.set(key, [entry]);
      else equal.push(entry);
    }
  }

  /** The calls that no request was equal to, in order. */
  get left(): readonly Entry[] {
    return [...this.#left];
  }

  /** Takes the call for a request, or returns null if none is equal. */
  take(threadId: string, kind: string, conversation: readonly unknown[]): Entry | null {
    const equal = this.#byConversation.get(keyOf(kind, conversation)) ?? [];
    const entry = this.#nearest(threadId, equal);
    if (entry === undefined) return null;
    equal.splice(equal.indexOf(entry), 1);
    this.#left.delete(entry);
    this.#threads.set(threadId, entry.thread);
    return entry;
  }

  /** The number of a live thread: that of the recorded one that it replays, or a new one. */
  threadOf(threadId: string): number {
    const known = this.#threads.get(threadId);
    if (known !== undefined) return known;
    this.#lastThread += 1;
    this.#threads.set(threadId, this.#lastThread);
    return this.#lastThread;
  }

  /** Compares a request with the call that was due in its thread. */
  drift(threadId: string, kind: string, conversation: readonly unknown[]): Drift {
    const due = this.#nearest(
      threadId,
      this.left.filter((entry) => entry.kind === kind),
    );
    const thread = due?.thread ?? this.#threads.get(threadId);
    const where = `${thread === undefined ? "a new thread" : `thread ${thread}`}, ${kind}`;
    return { where, difference: due === undefined ? null : firstDifference(due.conversation, conversation) };
  }

  /** The entry of the thread's own recording, else of one that no live thread replays, else the first. */
  #nearest(threadId: string, entries: readonly Entry[]): Entry | undefined {
    const own = this.#threads.get(threadId);
    const taken = new Set(this.#threads.values());
    return (
      entries.find(({ thread }) => thread === own) ?? entries.find(({ thread }) => !taken.has(thread)) ?? entries[0]
    );
  }
}

/** Runtimes of different versions write the members of an item in different orders. */
function keyOf(kind: string, conversation: readonly unknown[]): string {
  const sorted = (_: string, value: unknown): unknown =>
    isRecord(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value;
  return `${kind} ${JSON.stringify(conversation, sorted)}`;
}
