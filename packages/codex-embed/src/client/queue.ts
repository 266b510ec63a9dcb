import type { QueuedSubmission } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { listOf, text } from "../validate/kinds.js";
import { type Input, toUserInput } from "./turn.js";

/**
 * Inputs that wait for a turn of their own. The runtime starts each by itself when the thread is idle; follow those
 * turns with `codex.on`. Methods reject as `codex.request` does.
 */
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

  /**
   * Appends an input (`thread/queue/add`) and resolves when the runtime has stored it. It runs at once when the thread
   * is idle.
   *
   * @throws UsageError for an input that cannot be sent; AuthRequiredError when the model provider needs a login and
   * there is none.
   */
  async add(input: Input): Promise<QueuedSubmission> {
    await this.#runtime.login.check(this.#threadId, "thread/queue/add");
    const { queuedSubmission } = await this.#runtime.request("thread/queue/add", {
      threadId: this.#threadId,
      input: await toUserInput(input, this.#cwd()),
      clientUserMessageId: crypto.randomUUID(),
    });
    return queuedSubmission;
  }

  /** The waiting inputs, in order (`thread/queue/list`, all pages). */
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

  /** Removes an input (`thread/queue/delete`). Resolves with false when it is no longer waiting. */
  async remove(id: string): Promise<boolean> {
    text(id, { call: "queue.remove", path: "id" });
    const params = { threadId: this.#threadId, queuedSubmissionId: id };
    return (await this.#runtime.request("thread/queue/delete", params)).deleted;
  }

  /** Reorders the waiting inputs (`thread/queue/reorder`). `ids` must name all of them. */
  async reorder(ids: readonly string[]): Promise<void> {
    listOf(text)(ids, { call: "queue.reorder", path: "ids" });
    const params = { threadId: this.#threadId, queuedSubmissionIds: [...ids] };
    await this.#runtime.request("thread/queue/reorder", params);
  }
}
