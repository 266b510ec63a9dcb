/** The runtime's part of the conversation: what is answered at once, and what is kept back to be answered later. */

import { setImmediate as nextLoop } from "node:timers/promises";
import { RUNTIME_VERSION } from "../../packages/codex-embed/src/protocol/generated/tables.js";
import { isJson, type Json } from "./corpus.js";
import { FakeProcess } from "./fakeProcess.js";
import type { Random } from "./random.js";

/** A request of the client that waits for its answer. */
export interface Held {
  readonly id: number;
  readonly method: string;
  readonly threadId: string;
}

/** More turns of the event loop than anything here takes: what has not settled by then never does. */
const MOST_LOOPS = 100;

/** Speaks for the runtime. */
export class Peer {
  readonly process = new FakeProcess((message) => this.#hear(message));
  /** The threads that exist only for damage: one is now and then named as the parent of another. */
  readonly strangers: readonly string[];
  readonly #random: Random;
  readonly #replies: Json[] = [];
  readonly #held: Held[] = [];
  readonly #answers = new Map<unknown, Json[]>();
  #nextThreadId = "";

  constructor(random: Random, strangers: readonly string[]) {
    this.#random = random;
    this.strangers = strangers;
  }

  /** The id of the thread that is started next. */
  set nextThreadId(id: string) {
    this.#nextThreadId = id;
  }

  /** Writes lines, or parts of them. What the client's reader throws is thrown here. */
  write(bytes: Buffer): void {
    this.process.write(bytes);
  }

  /** Lets everything happen that can happen, until `isDone`. False when it never comes to that. */
  async settle(isDone: () => boolean): Promise<boolean> {
    for (let loops = 0; loops < MOST_LOOPS; loops++) {
      this.#reply();
      await nextLoop();
      if (this.#replies.length === 0 && isDone()) return true;
    }
    return isDone();
  }

  /** Takes the requests that wait for an answer. */
  takeHeld(): Held[] {
    return this.#held.splice(0);
  }

  get hasHeld(): boolean {
    return this.#held.length > 0;
  }

  /** What the client has answered to a request of the runtime so far; forgotten once it is taken. */
  takeAnswers(id: string): readonly Json[] {
    const answers = this.#answers.get(id) ?? [];
    this.#answers.delete(id);
    return answers;
  }

  /** Whether the client has answered a request of the runtime. */
  hasAnswer(id: string): boolean {
    return this.#answers.has(id);
  }

  #hear(message: Json): void {
    const { id, method } = message;
    const params = isJson(message["params"]) ? message["params"] : {};
    if (typeof method !== "string") {
      if (typeof id === "string" && id.startsWith("ask-"))
        this.#answers.set(id, [...(this.#answers.get(id) ?? []), message]);
    } else if (typeof id === "number") {
      const threadId = typeof params["threadId"] === "string" ? params["threadId"] : "";
      const isKept = method === "turn/start" || method === "thread/name/set";
      if (isKept) this.#held.push({ id, method, threadId });
      else this.#replies.push({ id, result: this.#resultOf(method, threadId) });
    }
  }

  #reply(): void {
    for (const reply of this.#replies.splice(0)) this.write(Buffer.from(`${JSON.stringify(reply)}\n`));
  }

  #resultOf(method: string, threadId: string): Json {
    switch (method) {
      case "initialize":
        return {
          userAgent: `fuzz/${RUNTIME_VERSION} (none)`,
          codexHome: "/",
          platformFamily: "unix",
          platformOs: "linux",
        };
      case "thread/start":
        return {
          thread: { id: this.#nextThreadId },
          cwd: "/",
          model: "m",
          approvalPolicy: "on-request",
          approvalsReviewer: "user",
        };
      case "thread/read": {
        const parentThreadId = this.#random.oneIn(4) ? this.#random.pick(this.strangers) : null;
        return { thread: { id: threadId, status: { type: "idle" }, turns: [], parentThreadId } };
      }
      default:
        return {};
    }
  }
}
