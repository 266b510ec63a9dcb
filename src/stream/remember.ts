/** Owns what is remembered of threads beyond their use: the newest, so that a program that runs for years stays small. */

/** A thread that was not heard of while so many others were is forgotten. */
const MOST_THREADS = 10_000;

/** Sets an entry as the newest one, and drops the oldest when there are too many. */
export function remember<V>(map: Map<string, V>, threadId: string, value: V): void {
  map.delete(threadId);
  map.set(threadId, value);
  if (map.size <= MOST_THREADS) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
