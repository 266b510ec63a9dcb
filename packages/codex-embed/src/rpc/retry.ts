import { setTimeout as sleep } from "node:timers/promises";
import { JsonRpcError, RetryLimitExceededError, ServerBusyError } from "../errors/connection.js";
import { TurnFailedError } from "../errors/turn.js";
import { callback, integer, numberFrom, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";

/** How `retryOnOverload` repeats. */
export interface RetryOptions {
  /** How often the function is called at most. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Wait before the second attempt, in milliseconds; it doubles with each further one. Default 250. */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait, in milliseconds. Default 2000. */
  readonly maxDelayMs?: number | undefined;
  /** The part of each wait that is random, 0 to 1, so that clients do not come back all at once. Default 0.2. */
  readonly jitter?: number | undefined;
  /** Ends the waiting: rejects with its reason. */
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
 * Whether the same call may succeed when it is made again: the runtime was overloaded and did not accept it (by its class,
 * or by `data` that says `server_overloaded`), or a turn failed for a reason that passes. False for what may have been
 * accepted and for a retry that was already given up.
 */
export function isRetryableError(error: unknown): boolean {
  if (RetryLimitExceededError.isInstance(error)) return false;
  if (TurnFailedError.isInstance(error)) return error.retryable;
  if (ServerBusyError.isInstance(error)) return true;
  return JsonRpcError.isInstance(error) && saysOverloaded(error.data);
}

/** What a server names an overload, in the spellings of its languages. */
const OVERLOADED = new Set(["server_overloaded", "serveroverloaded"]);
/** How much of an error's data is looked at: it comes from outside. */
const MAX_VALUES = 1_000;

/** Whether a text anywhere in the data of an error says that the server was overloaded. */
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
 * Calls `fn` until it succeeds, fails in a way that a repetition does not mend, or `maxAttempts` are used.
 *
 * Rejects with the last failure; an overload that outlasts all attempts rejects with `RetryLimitExceededError`.
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
