/** Owns the growing value of an answer that is JSON. */

import type { TurnEvent } from "../events.js";
import { PartialJson } from "./partialJson.js";

/** The shortest time between two looks at the value. */
const THROTTLE_MS = 50;
/** A look costs a copy of the value; the copies of a large one are kept to a small part of the time. */
const COPY_SHARE = 0.05;

/** Yields what can be read of the agent's answer so far, and the whole of it when it is complete. */
export async function* partialOutputOf(events: AsyncIterable<TurnEvent>): AsyncGenerator<unknown, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  const pace = new Pace();
  let growing: Growing | null = null;
  let coming = iterator.next();
  try {
    for (;;) {
      const result = await (pace.due === null ? coming : Promise.race([coming, pace.due]));
      if (result === "due") {
        if (growing !== null) yield pace.look(growing);
        continue;
      }
      if (result.done) return;
      const event = result.value;
      if (event.method === "item/started") {
        const { item } = event.params;
        const isAnswer = item.type === "agentMessage" && item.phase !== "commentary";
        if (isAnswer) {
          pace.cancel();
          growing = grow(item.id);
        }
      } else if (event.method === "item/agentMessage/delta") {
        const { itemId, delta } = event.params;
        if (growing?.itemId === itemId && !growing.isCut) {
          growing.json.push(delta);
          growing.text += delta;
          if (pace.mayLook()) yield pace.look(growing);
        }
      } else if (event.method === "item/completed") {
        const { item } = event.params;
        if (item.type === "agentMessage" && item.phase !== "commentary") {
          if (growing?.itemId !== item.id) growing = grow(item.id);
          growing.json.push(item.text.slice(growing.text.length));
          pace.cancel();
          yield growing.json.value();
          growing = null;
        }
      } else if (event.method === "reconnected" && growing !== null) {
        growing.isCut = true;
      }
      coming = iterator.next();
    }
  } finally {
    pace.cancel();
    // Who stops reading does not care how the turn ends.
    coming.catch(() => {});
    await iterator.return?.();
  }
}

/** How often the value is looked at; what has grown since the last look is seen when the next one is due. */
class Pace {
  /** Resolves when the next look is due; null when nothing waits for it. */
  due: Promise<"due"> | null = null;
  #nextMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Whether it is time; if not, a look falls due. */
  mayLook(): boolean {
    const leftMs = this.#nextMs - performance.now();
    if (leftMs <= 0) return true;
    this.due ??= new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve("due"), leftMs);
    });
    return false;
  }

  look({ json }: Growing): unknown {
    this.cancel();
    const beganMs = performance.now();
    const value: unknown = structuredClone(json.value());
    const endedMs = performance.now();
    this.#nextMs = endedMs + Math.max(THROTTLE_MS, (endedMs - beganMs) / COPY_SHARE);
    return value;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.due = null;
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
