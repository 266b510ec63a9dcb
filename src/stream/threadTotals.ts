/** Owns what each thread has used so far, so that a turn's part can be told from it. */

import type { Notification } from "../events.js";
import type { TokenUsageBreakdown } from "../generated/protocol.js";
import { remember } from "./remember.js";

/** Remembers the last total of each thread that is loaded. */
export class ThreadTotals {
  readonly #byThread = new Map<string, TokenUsageBreakdown>();

  /** Takes note of totals, and forgets threads that are unloaded. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "thread/tokenUsage/updated":
        remember(this.#byThread, notification.params.threadId, notification.params.tokenUsage.total);
        break;
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
    if (total !== undefined) remember(this.#byThread, threadId, total);
  }

  /** The thread's total as last heard, or null. */
  of(threadId: string): TokenUsageBreakdown | null {
    return this.#byThread.get(threadId) ?? null;
  }
}
