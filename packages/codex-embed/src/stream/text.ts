import type { TurnEvent } from "../events.js";
import type { ThreadItem } from "../generated/protocol.js";

/**
 * Yields the text of the agent's messages piece by piece, commentary left out. What a message's deltas did not bring
 * comes from the completed item: all of the rest, when some were missed. Between two messages there is an empty line.
 */
export async function* textOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<string, void, undefined> {
  const seen = new Map<string, string>();
  let isGapped = false;
  /** The messages that began after the gap, so that no piece of them was missed. */
  const whole = new Set<string>();
  const commentary = new Set<string>();
  let current: string | null = null;
  const piece = (itemId: string, text: string): string => {
    const separator = current !== null && current !== itemId ? "\n\n" : "";
    current = itemId;
    return separator + text;
  };
  for await (const event of events) {
    if (event.method === "item/started") {
      const { item } = event.params;
      if (item.type !== "agentMessage") continue;
      seen.set(item.id, "");
      whole.add(item.id);
      // A retry may begin the message anew under the same id.
      if (current === item.id) current = "";
      if (item.phase === "commentary") commentary.add(item.id);
      else commentary.delete(item.id);
    } else if (event.method === "item/agentMessage/delta") {
      const { itemId, delta } = event.params;
      if (commentary.has(itemId) || delta === "" || (isGapped && !whole.has(itemId))) continue;
      seen.set(itemId, (seen.get(itemId) ?? "") + delta);
      yield piece(itemId, delta);
    } else if (event.method === "item/completed") {
      const { item } = event.params;
      if (item.type !== "agentMessage" || item.phase === "commentary") continue;
      const before = seen.get(item.id) ?? "";
      if (item.text.length > before.length && item.text.startsWith(before)) {
        yield piece(item.id, item.text.slice(before.length));
      }
      seen.delete(item.id);
    } else if (event.method === "reconnected") {
      isGapped = true;
      whole.clear();
    }
  }
}

/** The agent's completed messages without commentary. */
export function messagesIn(items: readonly ThreadItem[]): string[] {
  return items.flatMap((item) =>
    item.type === "agentMessage" && item.phase !== "commentary" && item.text !== "" ? item.text : [],
  );
}

/** What arrived of the message that the agent had not completed; empty when there is none, or when it is commentary. */
export function unfinishedText(events: Iterable<TurnEvent>): string {
  let itemId: string | null = null;
  let isCommentary = false;
  let text = "";
  for (const event of events) {
    if (event.method === "item/started" && event.params.item.type === "agentMessage") {
      itemId = event.params.item.id;
      isCommentary = event.params.item.phase === "commentary";
      text = "";
    } else if (event.method === "item/agentMessage/delta") {
      // The log of a long turn may have dropped how the message began.
      if (event.params.itemId !== itemId) {
        itemId = event.params.itemId;
        isCommentary = false;
        text = "";
      }
      text += event.params.delta;
    } else if (event.method === "item/completed" && event.params.item.id === itemId) {
      text = "";
    }
  }
  return isCommentary ? "" : text;
}
