/** Owns what a turn comes to: the result of a whole one, and what there is of one that was cut short. */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { InferOutput } from "../schema/index.js";
import type { ThreadError, ThreadEvent, Usage } from "./events.js";
import type { ThreadItem } from "./items.js";

/** What `parsed` is for an `outputSchema` of type `S`: `never` stands for no `parsed` at all. */
export type ParsedOf<S> = [S] extends [StandardSchemaV1] ? InferOutput<S> : never;

/** A turn that is complete. */
export type Turn<P = never> = {
  /** The completed items, in order. */
  items: ThreadItem[];
  /** The text of the last message of the agent; empty when there was none. */
  finalResponse: string;
  /** Token counts of the whole thread so far. */
  usage: Usage | null;
} & ([P] extends [never]
  ? unknown
  : {
      /** The final answer, checked against the `outputSchema`. */
      parsed: P;
    });

/** What there is of a turn that was cut short. */
export type PartialTurn = Turn & {
  /** The items that had begun and were not completed, as they were last seen. */
  unfinished: ThreadItem[];
};

/** Adds the events of a turn up. */
export class TurnRecord {
  readonly #items: ThreadItem[] = [];
  readonly #unfinished = new Map<string, ThreadItem>();
  #finalResponse = "";
  #usage: Usage | null = null;
  #threadId: string | null = null;
  #failure: ThreadError | null = null;
  #lastError: string | null = null;
  #isCompleted = false;

  /** Takes the next event. */
  add(event: ThreadEvent): void {
    switch (event.type) {
      case "thread.started":
        this.#threadId = event.thread_id;
        break;
      case "item.started":
      case "item.updated":
        this.#unfinished.set(event.item.id, event.item);
        break;
      case "item.completed":
        this.#unfinished.delete(event.item.id);
        this.#items.push(event.item);
        if (event.item.type === "agent_message") this.#finalResponse = event.item.text;
        break;
      case "turn.completed":
        this.#isCompleted = true;
        this.#usage = event.usage;
        break;
      case "turn.failed":
        this.#failure ??= event.error;
        break;
      case "error":
        this.#lastError = event.message;
        break;
      case "turn.started":
        break;
    }
  }

  /** The thread that the runtime named. */
  get threadId(): string | null {
    return this.#threadId;
  }

  /** Whether the runtime said that the turn is complete. */
  get isCompleted(): boolean {
    return this.#isCompleted;
  }

  /** Why the turn failed, when the runtime said that it did. */
  get failure(): ThreadError | null {
    return this.#failure;
  }

  /** The message of the last `error` event. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** The result, for a turn that is complete. */
  turn(): Turn {
    return { items: this.#items, finalResponse: this.#finalResponse, usage: this.#usage };
  }

  /** What there is. */
  partial(): PartialTurn {
    return { ...this.turn(), unfinished: [...this.#unfinished.values()] };
  }
}
