/** Owns the types of the events of a turn, as `codex exec` prints them, and the reading of one from its line. */

import type { ThreadItem } from "./items.js";

/** The thread of the turn; the first event. */
export type ThreadStartedEvent = {
  type: "thread.started";
  /** What `resumeThread` takes. */
  thread_id: string;
};

/** The turn has begun. */
export type TurnStartedEvent = {
  type: "turn.started";
};

/**
 * Token counts. The runtime counts over the whole thread, all its earlier turns included: the usage of one turn is the
 * difference to that of the turn before.
 */
export type Usage = {
  input_tokens: number;
  /** Part of `input_tokens`. */
  cached_input_tokens: number;
  cache_write_input_tokens: number;
  output_tokens: number;
  /** Part of `output_tokens`. */
  reasoning_output_tokens: number;
};

/** The turn is complete. */
export type TurnCompletedEvent = {
  type: "turn.completed";
  usage: Usage;
};

/** Why a turn failed. */
export type ThreadError = {
  message: string;
};

/** The turn has failed. The runtime exits with code 1 after it. */
export type TurnFailedEvent = {
  type: "turn.failed";
  error: ThreadError;
};

/** An item has begun. */
export type ItemStartedEvent = {
  type: "item.started";
  item: ThreadItem;
};

/** An item has changed: the steps of a to-do list. */
export type ItemUpdatedEvent = {
  type: "item.updated";
  item: ThreadItem;
};

/** An item has ended, well or not: its `status` tells. */
export type ItemCompletedEvent = {
  type: "item.completed";
  item: ThreadItem;
};

/**
 * Something went wrong. The end of the turn only when nothing else ends it: the runtime also says in this way that it
 * lost the connection to the model and tries again.
 */
export type ThreadErrorEvent = {
  type: "error";
  message: string;
};

/** Every kind of event that the pinned runtime prints. A newer one may print others: see {@link unknownEvent}. */
export type ThreadEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | ThreadErrorEvent;

/** An event of a kind that this version does not know, as it was printed. */
export type UnknownThreadEvent = {
  readonly type: string;
  readonly [key: string]: unknown;
};

type Shape = (event: object) => boolean;

/** An item of another runtime may lack anything; a reader of `@openai/codex-sdk` got it all the same. */
const withItem: Shape = (event) => isObject(memberOf(event, "item"));

/** The kinds of events, and what of each the SDK itself relies on. */
const SHAPES: Readonly<Record<ThreadEvent["type"], Shape>> = {
  "thread.started": (event) => isText(memberOf(event, "thread_id")),
  "turn.started": () => true,
  "turn.completed": (event) => isObject(memberOf(event, "usage")),
  "turn.failed": (event) => {
    const error = memberOf(event, "error");
    return isObject(error) && isText(memberOf(error, "message"));
  },
  "item.started": withItem,
  "item.updated": withItem,
  "item.completed": withItem,
  error: (event) => isText(memberOf(event, "message")),
};

/**
 * Gives the event back, as one that can be read, when its kind is none of {@link ThreadEvent}. The union does not name
 * such events, so that a `switch` over it narrows.
 */
export function unknownEvent(event: ThreadEvent): UnknownThreadEvent | undefined {
  return Object.hasOwn(SHAPES, event.type) ? undefined : event;
}

/** Reads one line of the runtime's output; undefined when it holds no event. An event of an unknown kind is one. */
export function parseEvent(line: string): ThreadEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isEvent(value)) return undefined;
  // Older runtimes do not report writes to the cache. As in `@openai/codex-sdk`, the key comes last then, and null is 0.
  if (value.type === "turn.completed") value.usage.cache_write_input_tokens ??= 0;
  return value;
}

/** Holds for unknown kinds as well, which the union leaves out on purpose. */
function isEvent(value: unknown): value is ThreadEvent {
  if (!isObject(value) || !("type" in value) || !isText(value.type)) return false;
  return !isKnown(value.type) || SHAPES[value.type](value);
}

function isKnown(type: string): type is ThreadEvent["type"] {
  return Object.hasOwn(SHAPES, type);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function memberOf(value: object, name: string): unknown {
  return Reflect.get(value, name);
}
