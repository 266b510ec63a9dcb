/** What the program of the soak decides and does itself: its approval handler and its tool, and how often each ran. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Handlers, type Tool, tool } from "codex-embed";
import { numberIn, type TurnScript } from "./script.js";

/** The handlers and tools of all threads. */
export class Deciders {
  readonly handlers: Handlers;
  readonly tools: readonly Tool[];
  readonly #scriptOf: (number: number) => TurnScript;
  readonly #asked = new Map<number, number>();

  constructor(scriptOf: (number: number) => TurnScript) {
    this.#scriptOf = scriptOf;
    this.handlers = {
      approveCommand: async (_, { itemId }) => (await this.#ask(itemId)).decision,
    };
    this.tools = [
      tool({
        name: "lookup",
        description: "Looks something up.",
        parameters: { type: "object", properties: { number: { type: "number" } }, required: ["number"] },
        execute: async (_, { callId }) => `Found ${(await this.#ask(callId)).number}.`,
      }),
    ];
  }

  /** How often a turn's handler or tool was asked. */
  asked(number: number): number {
    return this.#asked.get(number) ?? 0;
  }

  async #ask(callId: string | null): Promise<TurnScript> {
    const script = this.#scriptOf(numberIn(callId ?? ""));
    this.#asked.set(script.number, this.asked(script.number) + 1);
    await sleep(script.thinkMs);
    return script;
  }
}
