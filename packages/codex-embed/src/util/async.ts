/** Listening to abort signals, and signals that abort when their time is up. */

import { AsyncResource } from "node:async_hooks";
import { setMaxListeners } from "node:events";

/**
 * Calls `listener` when the signal aborts; the result stops that. One signal may stand behind any number of calls, so
 * Node's warning about many listeners is switched off for it.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** Settles as the promise does, or rejects with the signal's reason if it aborts first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stop();
  }
}

/** Why a signal of {@link timeLimit} aborted: the time was up. */
export class TimeLimitError extends Error {
  override readonly name: string = "TimeLimitError";
  /** The option that set the limit, and its value: `startupTimeoutMs (30000 ms)`. */
  readonly limit: string;
  readonly limitMs: number;

  constructor(option: string, limitMs: number) {
    const limit = `${option} (${limitMs} ms)`;
    super(`no answer within ${limit}`);
    this.limit = limit;
    this.limitMs = limitMs;
  }
}

/** Node runs a timer that is set for longer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A signal that aborts with the reason of `parent`, or with a {@link TimeLimitError} after `limitMs` (never, if that is
 * more than a timer takes). Call `stop` when the work that it limits has ended.
 */
export function timeLimit(
  option: string,
  limitMs: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; readonly stop: () => void } {
  const limit = new AbortController();
  const forget = onAbort(parent, () => limit.abort(parent?.reason));
  if (parent?.aborted) limit.abort(parent.reason);
  const timer =
    limitMs <= MAX_TIMER_MS ? setTimeout(() => limit.abort(new TimeLimitError(option, limitMs)), limitMs) : undefined;
  return {
    signal: limit.signal,
    stop: () => {
      forget();
      clearTimeout(timer);
    },
  };
}

/** Resolves after `timeoutMs`, or as soon as `cut` settles. */
export function pause(timeoutMs: number, cut?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    cut?.then(end, end);
  });
}

/** A promise together with the function that resolves it; later calls of that have no effect. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Runs a function in an async context: what it reads from an `AsyncLocalStorage`, at once and later, is what was set there. */
export type AsyncContext = <T>(work: () => T) => T;

/** The context of the caller, to run something in later. */
export function currentContext(): AsyncContext {
  const resource = new AsyncResource("codex-embed");
  return (work) => resource.runInAsyncScope(work);
}

/** The context that this package was loaded in: for what belongs to no caller, such as the connection that all share. */
export const rootContext: AsyncContext = currentContext();

const pending = new Set<() => void>();

function clearAway(): void {
  for (const action of pending) action();
}

/** Runs `action`, synchronously, when this program exits, unless the returned function was called before. */
export function atExit(action: () => void): () => void {
  if (pending.size === 0) process.on("exit", clearAway);
  pending.add(action);
  return () => {
    if (pending.delete(action) && pending.size === 0) process.removeListener("exit", clearAway);
  };
}
