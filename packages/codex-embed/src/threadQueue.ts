/** Owns the queue of a thread: inputs that each become a turn of their own, one after another. */

import type { QueuedSubmission } from "./generated/protocol.js";
import { type Input, toUserInput } from "./input.js";
import type { Runtime } from "./runtime.js";
import { listOf, text } from "./usage/kinds.js";

/** Inputs that wait for their turn. The runtime starts each by itself; follow them with `codex.on`. */
export class ThreadQueue {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  readonly #cwd: () => string;

  /** @internal */
  constructor(runtime: Runtime, threadId: string, cwd: () => string) {
    this.#runtime = runtime;
    this.#threadId = threadId;
    this.#cwd = cwd;
  }

  /** Adds an input to the end (`thread/queue/add`); it runs at once when the thread is idle. */
  async add(input: Input): Promise<QueuedSubmission> {
    await this.#runtime.login.check(this.#threadId, "thread/queue/add");
    const { queuedSubmission } = await this.#runtime.request("thread/queue/add", {
      threadId: this.#threadId,
      input: await toUserInput(input, this.#cwd()),
      clientUserMessageId: crypto.randomUUID(),
    });
    return queuedSubmission;
  }

  /** What waits, in order (`thread/queue/list`, all pages). */
  async list(): Promise<QueuedSubmission[]> {
    const waiting: QueuedSubmission[] = [];
    let cursor: string | null = null;
    do {
      const page: { data: QueuedSubmission[]; nextCursor: string | null } = await this.#runtime.request(
        "thread/queue/list",
        { threadId: this.#threadId, cursor },
      );
      waiting.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return waiting;
  }

  /** Takes an input out (`thread/queue/delete`); false when it is not there any more. */
  async remove(id: string): Promise<boolean> {
    text(id, { call: "queue.remove", path: "id" });
    const params = { threadId: this.#threadId, queuedSubmissionId: id };
    return (await this.#runtime.request("thread/queue/delete", params)).deleted;
  }

  /** Puts the waiting inputs into this order (`thread/queue/reorder`); name all of them. */
  async reorder(ids: readonly string[]): Promise<void> {
    listOf(text)(ids, { call: "queue.reorder", path: "ids" });
    const params = { threadId: this.#threadId, queuedSubmissionIds: [...ids] };
    await this.#runtime.request("thread/queue/reorder", params);
  }
}
