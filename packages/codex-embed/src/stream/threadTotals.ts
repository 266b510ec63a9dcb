/** Owns what each thread has used so far, so that a turn's part can be told from it. */

import type { Notification } from "../events.js";
import type { TokenUsageBreakdown } from "../generated/protocol.js";
import { NewestMap } from "./remember.js";

/** What an entry takes: a handful of numbers. */
const ENTRY_BYTES = 100;

/** Remembers the last total of each thread that is this client's and loaded. */
export class ThreadTotals {
  readonly #byThread = new NewestMap<TokenUsageBreakdown>();
  readonly #isOwn: (threadId: string) => boolean;

  /** @param isOwn - whether a thread is this client's. */
  constructor(isOwn: (threadId: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** Takes note of totals, and forgets threads that are unloaded. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "thread/tokenUsage/updated": {
        const { threadId, tokenUsage } = notification.params;
        if (this.#isOwn(threadId)) this.#set(threadId, tokenUsage.total);
        break;
      }
      case "thread/closed":
      case "thread/archived":
      case "thread/deleted":
        this.#byThread.delete(notification.params.threadId);
        break;
      default:
        break;
    }
  }

  /** A fork begins with what its thread had used. */
  inherit(threadId: string, fromThreadId: string): void {
    const total = this.#byThread.get(fromThreadId);
    if (total !== undefined) this.#set(threadId, total);
  }

  /** The thread's total as last heard, or null. */
  of(threadId: string): TokenUsageBreakdown | null {
    return this.#byThread.get(threadId) ?? null;
  }
  /** Keeps the numbers alone, whatever else came with them. */
  #set(threadId: string, total: TokenUsageBreakdown): void {
    const { totalTokens, inputTokens, cachedInputTokens, cacheWriteInputTokens, outputTokens, reasoningOutputTokens } =
      total;
    const kept = {
      totalTokens,
      inputTokens,
      cachedInputTokens,
      cacheWriteInputTokens,
      outputTokens,
      reasoningOutputTokens,
    };
    this.#byThread.set(threadId, kept, ENTRY_BYTES);
  }
}
