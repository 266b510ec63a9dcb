import { type CloseReason } from "../errors/connection.js";
import type { ThreadItem, Turn } from "../protocol/generated/protocol.js";
import {
  deltaNotifications,
  type NotificationScope,
  type Notifications,
  notificationScopes,
} from "../protocol/generated/tables.js";
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
  [M in NotificationMethod]: Scopes[M] extends {
    readonly scope: "turn";
  }
    ? M
    : never;
}[NotificationMethod];
/**
 * The connection to the runtime was lost and has been made anew while the turn ran. Pieces of text may be missing here
 * (the completed item has all of it); completed items that were missed come next.
 */
export interface ReconnectedEvent {
  readonly method: "reconnected";
  readonly params: {
    readonly threadId: string;
    readonly turnId: string;
  };
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
/** Throws `UsageError` for a subscription that nothing would ever come for. */
export declare function checkSubscription(method: unknown, silenced: readonly string[]): void;
/** The kind of a notification; undefined when the protocol of this version does not know it. */
export declare function kindOf({ method }: { readonly method: string }): NotificationKind | undefined;
/**
 * Whether the protocol of this version knows the notification. Its parameters are then taken to be as generated: the
 * runtime's version was compared at the handshake.
 */
export declare function isKnownNotification(notification: UnknownNotification): notification is Notification;
/** Whether an event belongs to a turn. */
export declare function isTurnEvent(event: Notification | ReconnectedEvent): event is TurnEvent;
/** Whether a notification names a turn. */
export declare function isTurnNotification(notification: Notification): notification is TurnNotification;
/** Whether an event carries a piece of a growing text. */
export declare function isDeltaEvent(event: TurnEvent): event is DeltaEvent;
/**
 * Whether the parts of a turn's event that this SDK reads itself are of the kind that they should be. Only what a reader
 * would stumble over is looked at; all else is passed on as it came.
 */
export declare function isReadable(event: TurnEvent): boolean;
/** The items of a record, which must not keep the turn from its end when they are none. */
export declare function itemsIn(turn: Turn | null): ThreadItem[];
/** Whether two adjacent events extend the same text. */
export declare function extendsSameText(first: DeltaEvent, second: DeltaEvent): boolean;
/** The same event with another piece of text. */
export declare function withDelta<E extends DeltaEvent>(event: E, delta: string): E;
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
export declare function itemKey({ threadId, turnId, itemId }: ItemRef): string;
/** Delivers notifications to subscribers, off the reader and in order. A subscriber that throws harms nobody else. */
export declare class Listeners {
  #private;
  /** @param onThrow - told of what a subscriber threw or rejected with. */
  constructor(onThrow: (error: unknown, method: string) => void);
  /**
   * Subscribes to one notification, to all of them, or to those that this version of the protocol does not know. The listener
   * is called in the async context of this call.
   */
  on<K extends SubscriptionName>(method: K, listener: (notification: NotificationOf<K>) => unknown): Disposable;
  /** Hands a notification to its subscribers. */
  emit(notification: UnknownNotification, known: boolean): void;
}
export {};
