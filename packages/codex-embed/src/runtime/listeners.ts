/** Owns the subscriptions to notifications across all threads. */

import type { NotificationOf, SubscriptionName, UnknownNotification } from "../stream/events.js";
import { currentContext } from "../util/async.js";

type Listener = (notification: UnknownNotification) => void;

/** Delivers notifications to subscribers, off the reader and in order. A subscriber that throws harms nobody else. */
export class Listeners {
  readonly #byMethod = new Map<string, Set<Listener>>();
  readonly #onThrow: (error: unknown, method: string) => void;

  /** @param onThrow - told of what a subscriber threw or rejected with. */
  constructor(onThrow: (error: unknown, method: string) => void) {
    this.#onThrow = onThrow;
  }

  /**
   * Subscribes to one notification, to all of them, or to those that this version of the protocol does not know. The listener
   * is called in the async context of this call.
   */
  on<K extends SubscriptionName>(method: K, listener: (notification: NotificationOf<K>) => unknown): Disposable {
    const context = currentContext();
    const call = async (notification: UnknownNotification): Promise<void> => {
      try {
        if (isNotificationOf(notification, method)) await listener(notification);
      } catch (error) {
        this.#onThrow(error, notification.method);
      }
    };
    const guarded: Listener = (notification) => void context(() => call(notification));
    const listeners = this.#byMethod.get(method) ?? new Set();
    this.#byMethod.set(method, listeners.add(guarded));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(guarded);
        if (listeners.size === 0 && this.#byMethod.get(method) === listeners) this.#byMethod.delete(method);
      },
    };
  }

  /** Hands a notification to its subscribers. */
  emit(notification: UnknownNotification, known: boolean): void {
    if (this.#byMethod.size === 0) return;
    this.#tell(this.#byMethod.get(known ? notification.method : "unknown"), notification);
    if (known) this.#tell(this.#byMethod.get("*"), notification);
  }

  #tell(listeners: Set<Listener> | undefined, notification: UnknownNotification): void {
    if (listeners === undefined) return;
    for (const listener of listeners) {
      queueMicrotask(() => {
        if (listeners.has(listener)) listener(notification);
      });
    }
  }
}

function isNotificationOf<K extends SubscriptionName>(
  notification: UnknownNotification,
  method: K,
): notification is UnknownNotification & NotificationOf<K> {
  return method === "unknown" || method === "*" || notification.method === method;
}
