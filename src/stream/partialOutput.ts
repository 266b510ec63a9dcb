/** Owns the growing value of an answer that is JSON. */

import type { TurnEvent } from "../events.js";
import { PartialJson } from "./partialJson.js";

/** The shortest time between two looks at the value. */
const THROTTLE_MS = 50;
/** A look costs a copy of the value; the copies of a large one are kept to a small part of the time. */
const COPY_SHARE = 0.05;

/** Yields what can be read of the agent's answer so far, and the whole of it when it is complete. */
export async function* partialOutputOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<unknown, void, undefined> {
  let growing: Growing | null = null;
  let nextMs = 0;
  for await (const event of events) {
    if (event.method === "item/started") {
      const { item } = event.params;
      const isAnswer = item.type === "agentMessage" && item.phase !== "commentary";
      if (isAnswer) growing = grow(item.id);
    } else if (event.method === "item/agentMessage/delta") {
      const { itemId, delta } = event.params;
      if (growing?.itemId !== itemId || growing.isCut) continue;
      growing.json.push(delta);
      growing.text += delta;
      const beganMs = performance.now();
      if (beganMs < nextMs) continue;
      const value: unknown = structuredClone(growing.json.value());
      const endedMs = performance.now();
      nextMs = endedMs + Math.max(THROTTLE_MS, (endedMs - beganMs) / COPY_SHARE);
      yield value;
    } else if (event.method === "item/completed") {
      const { item } = event.params;
      if (item.type !== "agentMessage" || item.phase === "commentary") continue;
      if (growing?.itemId !== item.id) growing = grow(item.id);
      growing.json.push(item.text.slice(growing.text.length));
      yield growing.json.value();
      growing = null;
    } else if (event.method === "reconnected" && growing !== null) {
      growing.isCut = true;
    }
  }
}

interface Growing {
  readonly itemId: string;
  readonly json: PartialJson;
  text: string;
  /** Whether pieces of it were missed, so that only the whole adds to it. */
  isCut: boolean;
}

function grow(itemId: string): Growing {
  return { itemId, json: new PartialJson(), text: "", isCut: false };
}
