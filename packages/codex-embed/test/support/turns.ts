/** The small tools of the end-to-end tests: reading turns, catching errors, awaiting notifications. */

import type { Codex, NotificationMethod, NotificationOf, TurnEvent } from "codex-embed";
import type { ThreadItem } from "codex-embed/protocol";
import { type Part, rawEvent } from "codex-embed/testing";

/** Awaits a rejection with an error of the given class. */
export async function rejection<E extends Error>(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => E,
): Promise<E> {
  const reason: unknown = await promise.then(
    () => new Error("It did not reject."),
    (error: unknown) => error,
  );
  if (reason instanceof type) return reason;
  throw new Error(`A ${type.name} was expected, but it was: ${String(reason)}`, { cause: reason });
}

/** What is thrown after the last piece of something that is read to its end. */
export interface ReadToEnd<T> {
  readonly events: readonly T[];
  readonly error: unknown;
}

/** Reads to the end, which may be an error. */
export async function readAll<T>(source: AsyncIterable<T>): Promise<ReadToEnd<T>> {
  const events: T[] = [];
  try {
    for await (const event of source) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

/** The names of events. */
export function methodsOf(events: readonly TurnEvent[]): string[] {
  return events.map(({ method }) => method);
}

/** The events of one kind. */
export function eventsOf<M extends TurnEvent["method"]>(
  events: readonly TurnEvent[],
  method: M,
): Extract<TurnEvent, { method: M }>[] {
  return events.filter((event): event is Extract<TurnEvent, { method: M }> => event.method === method);
}

/** The items of one type. */
export function itemsOf<T extends ThreadItem["type"]>(
  { items }: { readonly items: readonly ThreadItem[] },
  type: T,
): Extract<ThreadItem, { type: T }>[] {
  return items.filter((item): item is Extract<ThreadItem, { type: T }> => item.type === type);
}

/** Reads a turn up to the first event that is wanted, and leaves it running. Throws when it ends before. */
export async function until(turn: AsyncIterable<TurnEvent>, wanted: (event: TurnEvent) => boolean): Promise<TurnEvent> {
  for await (const event of turn) if (wanted(event)) return event;
  throw new Error("The turn ended before the event came.");
}

/** Reads a turn until a command runs. What it prints before that comes as no event, only with the completed item. */
export function commandStarted(turn: AsyncIterable<TurnEvent>): Promise<TurnEvent> {
  return until(turn, (event) => event.method === "item/started" && event.params.item.type === "commandExecution");
}

/** Shell code that waits for a file. */
export function waitForFile(path: string): string {
  return `while ! [ -e ${path} ]; do sleep 0.01; done`;
}

/** Resolves with the next notification that is wanted. Subscribe before causing it. */
export function nextNotification<M extends NotificationMethod>(
  codex: Codex,
  method: M,
  wanted: (params: NotificationOf<M>["params"]) => boolean = () => true,
): Promise<NotificationOf<M>["params"]> {
  return new Promise((resolve) => {
    const subscription = codex.on(method, (notification) => {
      const params: NotificationOf<M>["params"] = notification.params;
      if (!wanted(params)) return;
      subscription[Symbol.dispose]();
      resolve(params);
    });
  });
}

/** The beginning of a message that the model never finishes: end the step with a failure. */
export function beginningOf(text: string): Part[] {
  const id = `cut_${text.length}`;
  const item = { type: "message", role: "assistant", id, status: "in_progress", content: [] };
  return [
    rawEvent({ type: "response.output_item.added", output_index: 0, item }),
    rawEvent({ type: "response.output_text.delta", item_id: id, output_index: 0, content_index: 0, delta: text }),
  ];
}

/** Passes on what the compiler would refuse, as a caller without a compiler can. */
export function untyped<T>(value: unknown): T {
  // The one cast of the tests: what is tested with it is how bad values are refused.
  return value as T;
}
