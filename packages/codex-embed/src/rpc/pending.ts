/** One request that has no answer yet: its id, timer and signal in one place. */

import { MAX_TIMER_MS, onAbort } from "../abort.js";
import type { CodexError, ThreadFate } from "../errors/index.js";

/** How a request is watched. */
export interface CallOptions {
  /** Rejects with its reason when it aborts. A request that was already sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until `RequestTimeoutError`; none when undefined. */
  readonly timeoutMs?: number | undefined;
  /** `long` for a request that is answered only when its work is done. Default `short`. */
  readonly kind?: "short" | "long" | undefined;
  /** What has become of the thread that the request names, asked for when the runtime does not find it. */
  readonly threadFate?: (() => ThreadFate | undefined) | undefined;
  /** Called when the request goes out. */
  readonly onSent?: (() => void) | undefined;
  /** Called with the result while the reader still stands at this message, before anything after it is read. */
  readonly onResult?: ((result: unknown) => void) | undefined;
}

/** One request that was made and has not settled. */
export class PendingCall {
  readonly id: number;
  readonly method: string;
  readonly text: string;
  readonly promise: Promise<unknown>;
  #sent = false;
  readonly #options: CallOptions;
  readonly #stopWatching: () => void;
  #resolve: (result: unknown) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #settled = false;

  /**
   * @param abandon - called when the caller stops waiting (abort or timeout), to free what the call holds.
   */
  constructor(
    call: { id: number; method: string; text: string },
    options: CallOptions,
    abandon: (call: PendingCall, timedOutMs: number | undefined) => void,
  ) {
    this.id = call.id;
    this.method = call.method;
    this.text = call.text;
    this.#options = options;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, timeoutMs } = options;
    const stopListening = onAbort(signal, () => abandon(this, undefined));
    const isTimed = timeoutMs !== undefined && timeoutMs <= MAX_TIMER_MS;
    const timer = isTimed ? setTimeout(() => abandon(this, timeoutMs), timeoutMs) : undefined;
    this.#stopWatching = () => {
      stopListening();
      clearTimeout(timer);
    };
  }

  /** Whether it went out. */
  get sent(): boolean {
    return this.#sent;
  }

  /** It goes out now. */
  markSent(): void {
    this.#sent = true;
    this.#options.onSent?.();
  }

  get kind(): "short" | "long" {
    return this.#options.kind ?? "short";
  }

  get threadFate(): ThreadFate | undefined {
    return this.#options.threadFate?.();
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether the caller's signal has aborted, if perhaps this call has not heard of it yet. */
  get isAborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  succeed(result: unknown): void {
    if (!this.#settle()) return;
    try {
      this.#options.onResult?.(result);
      this.#resolve(result);
    } catch (error) {
      this.#reject(error);
    }
  }

  fail(error: CodexError): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Rejects with the reason of the caller's own signal, as it is. */
  abort(): void {
    if (this.#settle()) this.#reject(this.#options.signal?.reason);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#stopWatching();
    return true;
  }
}
