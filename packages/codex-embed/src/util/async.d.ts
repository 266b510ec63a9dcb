/** Listening to abort signals, and signals that abort when their time is up. */
/**
 * Calls `listener` when the signal aborts; the result stops that. One signal may stand behind any number of calls, so
 * Node's warning about many listeners is switched off for it.
 */
export declare function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void;
/** Settles as the promise does, or rejects with the signal's reason if it aborts first. */
export declare function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T>;
/** Why a signal of {@link timeLimit} aborted: the time was up. */
export declare class TimeLimitError extends Error {
  readonly name: string;
  /** The option that set the limit, and its value: `startupTimeoutMs (30000 ms)`. */
  readonly limit: string;
  readonly limitMs: number;
  constructor(option: string, limitMs: number);
}
/** Node runs a timer that is set for longer at once. */
export declare const MAX_TIMER_MS: number;
/**
 * A signal that aborts with the reason of `parent`, or with a {@link TimeLimitError} after `limitMs` (never, if that is
 * more than a timer takes). Call `stop` when the work that it limits has ended.
 */
export declare function timeLimit(
  option: string,
  limitMs: number,
  parent?: AbortSignal,
): {
  readonly signal: AbortSignal;
  readonly stop: () => void;
};
/** Resolves after `timeoutMs`, or as soon as `cut` settles. */
export declare function pause(timeoutMs: number, cut?: Promise<unknown>): Promise<void>;
/** A promise together with the function that resolves it; later calls of that have no effect. */
export declare function deferred<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
};
/** Runs a function in an async context: what it reads from an `AsyncLocalStorage`, at once and later, is what was set there. */
export type AsyncContext = <T>(work: () => T) => T;
/** The context of the caller, to run something in later. */
export declare function currentContext(): AsyncContext;
/** The context that this package was loaded in: for what belongs to no caller, such as the connection that all share. */
export declare const rootContext: AsyncContext;
/** Runs `action`, synchronously, when this program exits, unless the returned function was called before. */
export declare function atExit(action: () => void): () => void;
