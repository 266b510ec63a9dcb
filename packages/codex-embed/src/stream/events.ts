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
import { isRecord } from "../util/json.js";
import { didYouMean, shownKey, text } from "../validate/kinds.js";

/** The method name of a notification of the protocol. */
export type NotificationMethod = keyof Notifications;

/** A notification, discriminated by `method`: `if (event.method === "item/completed") event.params.item`. */
export type Notification<M extends NotificationMethod = NotificationMethod> = {
  [K in M]: {
    readonly method: K;
    readonly params: Notifications[K];
    /** When the runtime sent it, in Unix milliseconds. */
    readonly emittedAtMs?: number;
  };
}[M];

/** A notification that this version of the protocol does not know. It comes from a newer runtime. */
export interface UnknownNotification {
  readonly method: string;
  readonly params: unknown;
  readonly emittedAtMs?: number;
}

/** A request of the runtime was declined, because it has no handler or its handler failed. */
export interface HandlerErrorEvent {
  readonly method: "handlerError";
  readonly params: {
    /** The method of the declined request. */
    readonly request: string;
    readonly threadId: string | null;
    readonly turnId: string | null;
    /** What the handler threw, or an error that says what is wrong with its answer. */
    readonly error: unknown;
  };
}

/**
 * The state of the client's runtime. `idle`: not started yet, or crashed and started again by the next call
 * (`restart: "on-crash"`). `reconnecting`: the connection was lost and is being established again.
 */
export type CodexStatus = "idle" | "starting" | "ready" | "reconnecting" | "closed";

/** The state of the client's runtime has changed. */
export interface StatusEvent {
  readonly method: "status";
  readonly params: {
    readonly status: CodexStatus;
    /** Why the previous process or connection is gone; null when nothing is gone. */
    readonly reason: CloseReason | null;
  };
}

/**
 * What `codex.on` subscribes to: a notification by its method, the client's own events (`handlerError`, `status`), `"*"` for
 * all of these, or `"unknown"` for notifications that this version of the protocol does not know.
 */
export type SubscriptionName = NotificationMethod | OwnEventName | "unknown" | "*";

type OwnEventName = "handlerError" | "status";

/** What a subscription to `K` receives. */
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

/** The methods of the notifications that belong to one turn. */
export type TurnEventMethod = {
  [M in NotificationMethod]: Scopes[M] extends { readonly scope: "turn" } ? M : never;
}[NotificationMethod];

/**
 * The connection to the runtime was lost and restored while the turn ran. Deltas may be missing at this point; the
 * completed item has the whole text. The completed items that were missed follow.
 */
export interface ReconnectedEvent {
  readonly method: "reconnected";
  readonly params: { readonly threadId: string; readonly turnId: string };
  readonly emittedAtMs?: number;
}

/** A notification that names a turn. */
export type TurnNotification = Notification<TurnEventMethod>;

/** What readers of a turn receive: every notification that names the turn, and `reconnected` after each gap. */
export type TurnEvent = TurnNotification | ReconnectedEvent;

/** The methods of the events that carry a piece of a growing text in `params.delta`. */
export type DeltaMethod = keyof typeof deltaNotifications & TurnEventMethod;

/** An event that carries a piece of a growing text. */
export type DeltaEvent = Notification<DeltaMethod>;

/** What the method of a notification tells. */
interface NotificationKind {
  readonly scope: NotificationScope;
  /** The params that say which text a delta extends; null for other notifications. */
  readonly textFields: readonly string[] | null;
}

const KINDS: ReadonlyMap<string, NotificationKind> = kinds();

/** Each notification is looked up several times, and the next one is mostly of the same kind. */
let latest: { readonly method: string; readonly kind: NotificationKind | undefined } = { method: "", kind: undefined };

/** Undefined when this version of the protocol does not know the notification. */
function kindOf({ method }: { readonly method: string }): NotificationKind | undefined {
  if (latest.method !== method) latest = { method, kind: KINDS.get(method) };
  return latest.kind;
}

function kinds(): Map<string, NotificationKind> {
  const textFields: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(deltaNotifications));
  const scopes = Object.entries(notificationScopes);
  return new Map(scopes.map(([method, scope]) => [method, { scope, textFields: textFields.get(method) ?? null }]));
}

/**
 * Whether this version of the protocol knows the notification. Its params are then taken to have the generated type, because
 * the handshake has compared the runtime's version.
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
 * Whether the params of a turn's event that this SDK reads itself have the right types. Only what would make a reader throw
 * is checked; everything else is passed on as it came.
 */
export function isReadable(event: TurnEvent): boolean {
  if (isDeltaEvent(event)) return typeof event.params.delta === "string";
  switch (event.method) {
    case "item/started":
    case "item/completed":
      return isReadableItem(event.params.item);
    case "thread/tokenUsage/updated": {
      const { tokenUsage } = event.params;
      return isRecord(tokenUsage) && isRecord(tokenUsage.total) && isRecord(tokenUsage.last);
    }
    default:
      return true;
  }
}

/** Whether an item has an id and a type, and names agents in a readable way. */
function isReadableItem(item: ThreadItem): boolean {
  if (!isRecord(item) || typeof item.id !== "string" || typeof item.type !== "string") return false;
  if (item.type === "subAgentActivity") return typeof item.agentThreadId === "string";
  if (item.type !== "collabAgentToolCall") return true;
  const { receiverThreadIds, agentsStates } = item;
  const areNamed = Array.isArray(receiverThreadIds) && receiverThreadIds.every((id) => typeof id === "string");
  return areNamed && isRecord(agentsStates);
}

/** The readable items of a turn's record. Damaged ones must not keep the turn from ending. */
export function itemsIn(turn: Turn | null): ThreadItem[] {
  const items: unknown = turn?.items;
  return turn !== null && Array.isArray(items) ? turn.items.filter(isReadableItem) : [];
}

/** The thread that a notification names, or null. */
export function threadOf(notification: Notification): string | null {
  const scope = kindOf(notification)?.scope;
  return scope !== undefined && "threadId" in scope ? stringAt(notification.params, scope.threadId) : null;
}

/** The turn that a notification names, or null. */
export function turnOf(notification: TurnNotification): string | null {
  const scope = kindOf(notification)?.scope;
  return scope?.scope === "turn" ? stringAt(notification.params, scope.turnId) : null;
}

/** The item that a notification names, or null. */
export function itemOf({ params }: TurnNotification): string | null {
  return stringAt(params, ["itemId"]) ?? stringAt(params, ["item", "id"]);
}

function stringAt(value: unknown, path: readonly string[]): string | null {
  let current = value;
  for (const key of path) {
    if (!isRecord(current)) return null;
    current = current[key];
  }
  return typeof current === "string" ? current : null;
}

/** Whether two adjacent events extend the same text. */
export function extendsSameText(first: DeltaEvent, second: DeltaEvent): boolean {
  if (first.method !== second.method) return false;
  const before: Readonly<Record<string, unknown>> = first.params;
  const after: Readonly<Record<string, unknown>> = second.params;
  return kindOf(second)?.textFields?.every((field) => before[field] === after[field]) ?? false;
}

/** A copy of the event with another piece of text. */
export function withDelta<E extends DeltaEvent>(event: E, delta: string): E {
  return { ...event, params: { ...event.params, delta } };
}

/**
 * Identifies an item. Its id alone does not, because the model chooses it: the id of a tool's item is that of the model's
 * call, and two threads can use the same one at once.
 */
export interface ItemRef {
  readonly threadId: string;
  readonly turnId: string;
  readonly itemId: string;
}

/** A key for maps. Different references have different keys, whatever characters their ids hold. */
export function itemKey({ threadId, turnId, itemId }: ItemRef): string {
  return JSON.stringify([threadId, turnId, itemId]);
}

const OWN_NAMES: readonly SubscriptionName[] = ["handlerError", "status", "unknown", "*"];

/** Throws `UsageError` for a subscription that would never receive anything: an unknown name, or one in `silenced`. */
export function checkSubscription(method: unknown, silenced: readonly string[]): void {
  text(method, { call: "on", path: "method" });
  const known: readonly string[] = [...KINDS.keys(), ...OWN_NAMES];
  if (typeof method !== "string" || (known.includes(method) && !silenced.includes(method))) return;
  const shown = shownKey(method);
  if (known.includes(method)) {
    throw new UsageError(
      `on: this client's optOutNotifications leave out ${shown}. Remove it from that list; [] leaves out nothing.`,
    );
  }
  const near = didYouMean(method, known);
  throw new UsageError(
    `on: the protocol has no notification ${shown}. ` +
      (near === null
        ? 'Use "*" for all notifications, or "unknown" for those of a newer runtime.'
        : `Did you mean "${near}"?`),
  );
}

type Listener = (notification: UnknownNotification) => void;

/** Delivers notifications to subscribers, in order and in a microtask of its own. One that throws does not affect others. */
export class Listeners {
  readonly #byMethod = new Map<string, Set<Listener>>();
  readonly #onThrow: (error: unknown, method: string) => void;

  /** @param onThrow - is given what a subscriber threw or rejected with. */
  constructor(onThrow: (error: unknown, method: string) => void) {
    this.#onThrow = onThrow;
  }

  /** Subscribes until the result is disposed. The listener is called in the async context of this call. */
  on<K extends SubscriptionName>(method: K, listener: (notification: NotificationOf<K>) => unknown): Disposable {
    const guarded = this.guard((notification: UnknownNotification) => {
      if (isNotificationOf(notification, method)) return listener(notification);
    });
    const listeners = this.#byMethod.get(method) ?? new Set();
    this.#byMethod.set(method, listeners.add(guarded));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(guarded);
        if (listeners.size === 0 && this.#byMethod.get(method) === listeners) this.#byMethod.delete(method);
      },
    };
  }

  /** Makes a listener that is called in the async context of this call, and whose errors are reported. */
  guard<N extends { readonly method: string }>(listener: (notification: N) => unknown): (notification: N) => void {
    const context = currentContext();
    const call = async (notification: N): Promise<void> => {
      try {
        await listener(notification);
      } catch (error) {
        this.#onThrow(error, notification.method);
      }
    };
    return (notification) => void context(() => call(notification));
  }

  /** @param known - whether this version of the protocol knows the notification, or it is an event of the client. */
  emit(notification: UnknownNotification, known: boolean): void {
    if (this.#byMethod.size === 0) return;
    this.#deliver(this.#byMethod.get(known ? notification.method : "unknown"), notification);
    if (known) this.#deliver(this.#byMethod.get("*"), notification);
  }

  #deliver(listeners: Set<Listener> | undefined, notification: UnknownNotification): void {
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
