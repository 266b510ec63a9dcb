/** Owns the growing value of an answer that is JSON. */

import type { TurnEvent } from "../events.js";
import { PartialJson } from "./partialJson.js";

/** The shortest time between two looks at the value. */
const THROTTLE_MS = 50;
/** A look costs a copy of the value; the copies of a large one are kept to a small part of the time. */
const COPY_SHARE = 0.05;

/** Yields what can be read of the agent's answer so far, and the whole of it when it is complete. */
export async function* partialOutputOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<unknown, void, undefined> {
  let growing: { readonly itemId: string; readonly json: PartialJson; text: string } | null = null;
  let nextMs = 0;
  for await (const event of events) {
    if (event.method === "item/started") {
      const { item } = event.params;
      const isAnswer = item.type === "agentMessage" && item.phase !== "commentary";
      if (isAnswer) growing = { itemId: item.id, json: new PartialJson(), text: "" };
    } else if (event.method === "item/agentMessage/delta") {
      const { itemId, delta } = event.params;
      if (growing?.itemId !== itemId) continue;
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
      if (item.type !== "agentMessage" || growing?.itemId !== item.id) continue;
      growing.json.push(item.text.slice(growing.text.length));
      yield growing.json.value();
      growing = null;
    }
  }
}
