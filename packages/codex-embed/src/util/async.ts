import { AsyncResource } from "node:async_hooks";
import { setMaxListeners } from "node:events";

/**
 * Calls `listener` when the signal aborts; the returned function removes it. One signal may stand behind any number of
 * calls, so Node's warning about many listeners is switched off for it.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** Node fires a timer that is set for longer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What can end a wait before its promise settles. */
export interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. Null, undefined, and more than a timer takes mean no limit. */
  readonly timeoutMs?: number | null | undefined;
}

/**
 * Calls `onLimit` when the signal aborts or the time is up, and at once for a signal that has already aborted. The
 * returned function removes the listener and the timer. The caller makes sure that it acts only once.
 */
export function watchLimits({ signal, timeoutMs }: Limits, onLimit: (limit: "signal" | "timeout") => void): () => void {
  const stopListening = onAbort(signal, () => onLimit("signal"));
  const isTimed = typeof timeoutMs === "number" && timeoutMs <= MAX_TIMER_MS;
  const timer = isTimed ? setTimeout(onLimit, timeoutMs, "timeout") : undefined;
  if (signal?.aborted) onLimit("signal");
  return () => {
    stopListening();
    clearTimeout(timer);
  };
}

/**
 * Settles as the promise does, or rejects when a limit is reached first: with the signal's reason, or with what
 * `onTimeout` returns. Leaves no listener and no timer behind.
 */
export async function withLimits<T>(
  promise: Promise<T>,
  { onTimeout, ...limits }: Limits & { readonly onTimeout?: (() => unknown) | undefined },
): Promise<T> {
  let stop = (): void => {};
  const limited = new Promise<never>((_, reject) => {
    stop = watchLimits(limits, (limit) => reject(limit === "signal" ? limits.signal?.reason : onTimeout?.()));
  });
  try {
    return await Promise.race([promise, limited]);
  } finally {
    stop();
  }
}

/** Why a signal of {@link timeLimit} aborted: the time is up. */
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

/**
 * A signal that aborts with the reason of `parent`, or with a {@link TimeLimitError} after `limitMs`. Call `stop` when
 * the limited work has ended.
 */
export function timeLimit(
  option: string,
  limitMs: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const stop = watchLimits({ signal: parent, timeoutMs: limitMs }, (limit) =>
    controller.abort(limit === "signal" ? parent?.reason : new TimeLimitError(option, limitMs)),
  );
  return { signal: controller.signal, stop };
}

/** Resolves after `timeoutMs`, or as soon as `until` settles. Never rejects. */
export function pause(timeoutMs: number, until?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    until?.then(end, end);
  });
}

/** A promise with the function that resolves it. Later calls of that function have no effect. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Runs a function in an async context: it reads, at once and later, what that context's `AsyncLocalStorage` holds. */
export type AsyncContext = <T>(work: () => T) => T;

/** The caller's context, to run something in later. */
export function currentContext(): AsyncContext {
  const resource = new AsyncResource("codex-embed");
  return (work) => resource.runInAsyncScope(work);
}

/** The context that loaded this package, for work that no caller owns, such as the shared connection. */
export const rootContext: AsyncContext = currentContext();

const exitActions = new Set<() => void>();

function runExitActions(): void {
  for (const action of exitActions) action();
}

/** Runs `action`, synchronously, when this program exits. The returned function takes it back. */
export function atExit(action: () => void): () => void {
  if (exitActions.size === 0) process.on("exit", runExitActions);
  exitActions.add(action);
  return () => {
    if (exitActions.delete(action) && exitActions.size === 0) process.removeListener("exit", runExitActions);
  };
}
