/** How much is kept of what the other side names by ids of its own. */
export interface Limits {
  readonly entries: number;
  /** Keys and values together, as their sizes were given. */
  readonly bytes: number;
}

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
}

const DEFAULT_LIMITS: Limits = { entries: 10_000, bytes: 4 * 1024 * 1024 };

/** A map that keeps its newest entries, within a count and a size: a program that runs for years stays small. */
export class NewestMap<V> {
  readonly #limits: Limits;
  readonly #entries = new Map<string, Entry<V>>();
  #bytes = 0;

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Sets an entry as the newest. What is too large by itself is not kept, and pushes nothing else out. */
  set(key: string, value: V, valueBytes = 0): void {
    this.delete(key);
    const bytes = key.length + valueBytes;
    if (bytes > this.#limits.bytes) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** The entries, the oldest first. Those that are deleted meanwhile do no harm. */
  *[Symbol.iterator](): Generator<[key: string, value: V], void, undefined> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }
}
