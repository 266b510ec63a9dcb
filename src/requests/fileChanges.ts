/** Owns the join of a file-change request with its item: the request itself does not say what would change. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Notification } from "../events.js";
import type { FileUpdateChange } from "../generated/protocol.js";

/** The item precedes its request on the pinned runtime; the wait is for one that sends them the other way round. */
const ITEM_WAIT_MS = 2_000;

interface Known {
  readonly turnId: string;
  readonly changes: readonly FileUpdateChange[];
}

/** Remembers what the file changes under way would change. */
export class FileChanges {
  readonly #byItem = new Map<string, Known>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Takes note of items that start, grow and end. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "item/started": {
        const { item, turnId } = notification.params;
        if (item.type === "fileChange") this.#learn(item.id, { turnId, changes: item.changes });
        break;
      }
      case "item/fileChange/patchUpdated":
        this.#learn(notification.params.itemId, notification.params);
        break;
      case "item/completed":
        this.#byItem.delete(notification.params.item.id);
        break;
      case "turn/completed":
        for (const [itemId, { turnId }] of this.#byItem) {
          if (turnId === notification.params.turn.id) this.#byItem.delete(itemId);
        }
        break;
      default:
        break;
    }
  }

  /** The changes of an item, as soon as they are known; none when they do not come in time. */
  async of(itemId: string, signal: AbortSignal): Promise<readonly FileUpdateChange[]> {
    if (!this.#byItem.has(itemId)) {
      const known = new Promise<void>((resolve) => {
        this.#waiting.set(itemId, [...(this.#waiting.get(itemId) ?? []), resolve]);
      });
      const cancel = new AbortController();
      const timeout = sleep(ITEM_WAIT_MS, undefined, { signal: AbortSignal.any([signal, cancel.signal]) }).catch(
        () => {},
      );
      await Promise.race([known, timeout]);
      cancel.abort();
      this.#waiting.delete(itemId);
    }
    return this.#byItem.get(itemId)?.changes ?? [];
  }

  #learn(itemId: string, known: Known): void {
    this.#byItem.set(itemId, known);
    for (const resolve of this.#waiting.get(itemId) ?? []) resolve();
  }
}
