import { UsageError } from "../errors/base.js";
import type { CloseReason } from "../errors/connection.js";
import type { ThreadItem, Turn } from "../protocol/generated/protocol.js";
import {
  deltaNotifications,
  type NotificationScope,
  type Notifications,
  notificationScopes,
} from "../protocol/generated/tables.js";
import { currentContext } from "../util/async.js";
import { MAX_KEY_CHARS, nearest, shownKey, text } from "../validate/kinds.js";

/** The name of a notification that the protocol knows. */
export type NotificationMethod = keyof Notifications;

/** A notification, with its name as the discriminant: `if (event.method === "item/completed") event.params.item`. */
export type Notification<M extends NotificationMethod = NotificationMethod> = {
  [K in M]: {
    readonly method: K;
    readonly params: Notifications[K];
    /** When the runtime sent it, in Unix milliseconds. */
    readonly emittedAtMs?: number;
  };
}[M];

/** A notification that the protocol of this version does not know: it comes from a newer runtime. */
export interface UnknownNotification {
  readonly method: string;
  readonly params: unknown;
  readonly emittedAtMs?: number;
}

/** A request of the runtime that was declined because nothing handles it, or because its handler failed. */
export interface HandlerErrorEvent {
  readonly method: "handlerError";
  readonly params: {
    /** The request that was declined. */
    readonly request: string;
    readonly threadId: string | null;
    readonly turnId: string | null;
    /** What the handler threw, or an error that says what was wrong with its answer. */
    readonly error: unknown;
  };
}

/**
 * How the client stands with its runtime. `idle`: it has not been started, or has crashed and is started again by the next
 * call (`restart: "on-crash"`). `reconnecting`: the connection was lost, and is being made anew.
 */
export type CodexStatus = "idle" | "starting" | "ready" | "reconnecting" | "closed";

/** The client stands in another way with its runtime than before. */
export interface StatusEvent {
  readonly method: "status";
  readonly params: {
    readonly status: CodexStatus;
    /** Why what was there before is gone; null when nothing is. */
    readonly reason: CloseReason | null;
  };
}

/**
 * What can be subscribed to: every notification by its name, the ones that this version does not know, the client's own
 * events, and with `"*"` everything but what it does not know.
 */
export type SubscriptionName = NotificationMethod | OwnEventName | "unknown" | "*";

type OwnEventName = "handlerError" | "status";

/** What a subscription to `K` delivers. */
export type NotificationOf<K extends SubscriptionName> = K extends NotificationMethod
  ? Notification<K>
  : K extends "handlerError"
    ? HandlerErrorEvent
    : K extends "status"
      ? StatusEvent
      : K extends "*"
        ? Notification | HandlerErrorEvent | StatusEvent
        : UnknownNotification;

type Scopes = typeof notificationScopes;

/** The names of the notifications that belong to one turn. */
export type TurnEventMethod = {
  [M in NotificationMethod]: Scopes[M] extends { readonly scope: "turn" } ? M : never;
}[NotificationMethod];

/**
 * The connection to the runtime was lost and has been made anew while the turn ran. Pieces of text may be missing here
 * (the completed item has all of it); completed items that were missed come next.
 */
export interface ReconnectedEvent {
  readonly method: "reconnected";
  readonly params: { readonly threadId: string; readonly turnId: string };
  readonly emittedAtMs?: number;
}

/** A notification that names a turn. */
export type TurnNotification = Notification<TurnEventMethod>;

/** What a turn's readers see: every notification that names the turn, and where the client was cut off from it. */
export type TurnEvent = TurnNotification | ReconnectedEvent;

/** The names of the events that carry a piece of a growing text in `params.delta`. */
export type DeltaMethod = keyof typeof deltaNotifications & TurnEventMethod;

/** An event that carries a piece of a growing text. */
export type DeltaEvent = Notification<DeltaMethod>;

/** What is known of a notification by its name. */
export interface NotificationKind {
  readonly scope: NotificationScope;
  /** The params that say which text it extends; null when it carries no piece of one. */
  readonly textFields: readonly string[] | null;
}

const KINDS: ReadonlyMap<string, NotificationKind> = kinds();
const OWN_NAMES: readonly SubscriptionName[] = ["handlerError", "status", "unknown", "*"];

/** Throws `UsageError` for a subscription that nothing would ever come for. */
export function checkSubscription(method: unknown, silenced: readonly string[]): void {
  text(method, { call: "on", path: "method" });
  const known: readonly string[] = [...KINDS.keys(), ...OWN_NAMES];
  if (typeof method !== "string" || (known.includes(method) && !silenced.includes(method))) return;
  const shown = shownKey(method);
  if (known.includes(method)) {
    throw new UsageError(
      `on: ${shown} does not come with this client's optOutNotifications. Leave it out there; [] opts out of nothing.`,
    );
  }
  const near = method.length > MAX_KEY_CHARS ? null : nearest(method, known);
  throw new UsageError(
    `on: the protocol has no notification ${shown}. ` +
      (near === null
        ? 'Use "*" for all of them, or "unknown" for those of a newer runtime.'
        : `Did you mean "${near}"?`),
  );
}

/** Several ask of the same notification, and the next one is mostly of the same kind. */
let latest: { readonly method: string; readonly kind: NotificationKind | undefined } = { method: "", kind: undefined };

/** The kind of a notification; undefined when the protocol of this version does not know it. */
export function kindOf({ method }: { readonly method: string }): NotificationKind | undefined {
  if (latest.method !== method) latest = { method, kind: KINDS.get(method) };
  return latest.kind;
}

function kinds(): Map<string, NotificationKind> {
  const textFields: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(deltaNotifications));
  const scopes = Object.entries(notificationScopes);
  return new Map(scopes.map(([method, scope]) => [method, { scope, textFields: textFields.get(method) ?? null }]));
}

/**
 * Whether the protocol of this version knows the notification. Its parameters are then taken to be as generated: the
 * runtime's version was compared at the handshake.
 */
export function isKnownNotification(notification: UnknownNotification): notification is Notification {
  return kindOf(notification) !== undefined;
}

/** Whether an event belongs to a turn. */
export function isTurnEvent(event: Notification | ReconnectedEvent): event is TurnEvent {
  return event.method === "reconnected" || isTurnNotification(event);
}

/** Whether a notification names a turn. */
export function isTurnNotification(notification: Notification): notification is TurnNotification {
  return kindOf(notification)?.scope.scope === "turn";
}

/** Whether an event carries a piece of a growing text. */
export function isDeltaEvent(event: TurnEvent): event is DeltaEvent {
  return (kindOf(event)?.textFields ?? null) !== null;
}

/**
 * Whether the parts of a turn's event that this SDK reads itself are of the kind that they should be. Only what a reader
 * would stumble over is looked at; all else is passed on as it came.
 */
export function isReadable(event: TurnEvent): boolean {
  if (isDeltaEvent(event)) return typeof event.params.delta === "string";
  switch (event.method) {
    case "item/started":
    case "item/completed":
      return isReadableItem(event.params.item);
    case "thread/tokenUsage/updated": {
      const { tokenUsage } = event.params;
      return isObject(tokenUsage) && isObject(tokenUsage.total) && isObject(tokenUsage.last);
    }
    default:
      return true;
  }
}

/** Whether an item has what tells it from others, and names agents in the way that it should. */
function isReadableItem(item: ThreadItem): boolean {
  if (!isObject(item) || typeof item.id !== "string" || typeof item.type !== "string") return false;
  if (item.type === "subAgentActivity") return typeof item.agentThreadId === "string";
  if (item.type !== "collabAgentToolCall") return true;
  const { receiverThreadIds, agentsStates } = item;
  const areNamed = Array.isArray(receiverThreadIds) && receiverThreadIds.every((id) => typeof id === "string");
  return areNamed && isObject(agentsStates);
}

/** The items of a record, which must not keep the turn from its end when they are none. */
export function itemsIn(turn: Turn | null): ThreadItem[] {
  const items: unknown = turn?.items;
  return turn !== null && Array.isArray(items) ? turn.items.filter(isReadableItem) : [];
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** Whether two adjacent events extend the same text. */
export function extendsSameText(first: DeltaEvent, second: DeltaEvent): boolean {
  if (first.method !== second.method) return false;
  const before: Readonly<Record<string, unknown>> = first.params;
  const after: Readonly<Record<string, unknown>> = second.params;
  return kindOf(second)?.textFields?.every((field) => before[field] === after[field]) ?? false;
}

/** The same event with another piece of text. */
export function withDelta<E extends DeltaEvent>(event: E, delta: string): E {
  return { ...event, params: { ...event.params, delta } };
}

/**
 * What an item is found by: its thread, its turn and its id, together. The id alone tells nothing apart, because the model
 * chooses it: the id of a tool's item is the id of the model's call, and two threads can have the same one at once.
 */
export interface ItemRef {
  readonly threadId: string;
  readonly turnId: string;
  readonly itemId: string;
}

/** The reference as a key. No two references have the same one, whatever their ids hold. */
export function itemKey({ threadId, turnId, itemId }: ItemRef): string {
  return JSON.stringify([threadId, turnId, itemId]);
}

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
