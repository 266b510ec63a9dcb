/** Owns a map that is mostly asked for the same key as the time before. */

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
