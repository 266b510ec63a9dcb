import { setTimeout as sleep } from "node:timers/promises";
import { JsonRpcError, RetryLimitExceededError, ServerBusyError } from "../errors/connection.js";
import { TurnFailedError } from "../errors/turn.js";
import { callback, integer, numberFrom, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";

/** Options of `retryOnOverload`. */
export interface RetryOptions {
  /** How often to call the function at most. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds before the second attempt. They double with each further one. Default 250. */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. Default 2000. */
  readonly maxDelayMs?: number | undefined;
  /** The random part of each wait, from 0 to 1, so that clients do not return all at once. Default 0.2. */
  readonly jitter?: number | undefined;
  /** When it aborts between two attempts, the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const RETRY: OptionTable<RetryOptions> = {
  maxAttempts: integer(1),
  initialDelayMs: numberFrom(0),
  maxDelayMs: numberFrom(0),
  jitter: numberFrom(0, 1),
  signal,
};

/**
 * Whether the same call may succeed when repeated: the runtime was overloaded and did not accept it (`ServerBusyError`, or
 * `data` that contains `server_overloaded`), or a turn failed for a transient reason. False for calls that may have been
 * accepted, and for a retry that has already given up.
 */
export function isRetryableError(error: unknown): boolean {
  if (RetryLimitExceededError.isInstance(error)) return false;
  if (TurnFailedError.isInstance(error)) return error.retryable;
  if (ServerBusyError.isInstance(error)) return true;
  return JsonRpcError.isInstance(error) && saysOverloaded(error.data);
}

/** How servers spell an overload. */
const OVERLOADED = new Set(["server_overloaded", "serveroverloaded"]);
/** How many values of an error's data to examine, because it comes from outside. */
const MAX_VALUES = 1_000;

/** Whether any string in the data of an error names an overload. */
function saysOverloaded(data: unknown): boolean {
  const values: unknown[] = [data];
  for (let index = 0; index < values.length && index < MAX_VALUES; index++) {
    const value = values[index];
    if (typeof value === "string" && OVERLOADED.has(value.toLowerCase())) return true;
    if (typeof value === "object" && value !== null) values.push(...Object.values(value).slice(0, MAX_VALUES));
  }
  return false;
}

/**
 * Calls `fn` until it succeeds, fails with an error that is not retryable, or has used `maxAttempts`.
 *
 * Rejects with the last error, or with `RetryLimitExceededError` when the runtime was overloaded at every attempt.
 */
export async function retryOnOverload<T>(fn: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  callback(fn, { call: "retryOnOverload", path: "fn" });
  const checked = checkOptions(options, "retryOnOverload", RETRY);
  const { maxAttempts = 3, initialDelayMs = 250, maxDelayMs = 2_000, jitter = 0.2, signal } = checked;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      if (!isRetryableError(error)) throw error;
      if (attempt === maxAttempts) {
        throw maxAttempts > 1 && ServerBusyError.isInstance(error)
          ? new RetryLimitExceededError(attempt, error)
          : error;
      }
      const delayMs = Math.min(initialDelayMs * 2 ** (attempt - 1), maxDelayMs);
      await sleepUnlessAborted(delayMs * (1 - jitter * Math.random()), signal);
    }
  }
}

async function sleepUnlessAborted(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch {
    signal?.throwIfAborted();
  }
}
