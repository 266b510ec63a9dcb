import type { ThreadFate } from "../errors/index.js";
import { NewestMap } from "./remember.js";

const ADVICE: Readonly<Record<ThreadFate, string>> = {
  deleted: "was deleted. Start a new one",
  archived: "is archived. Call unarchiveThread(id), then resumeThread(id)",
  ephemeral: "is ephemeral and not stored. Start a new one",
};

const FATES: ReadonlyMap<string, ThreadFate | null> = new Map([
  ["thread/deleted", "deleted"],
  ["thread/delete", "deleted"],
  ["thread/archived", "archived"],
  ["thread/archive", "archived"],
  ["thread/unarchived", null],
  ["thread/unarchive", null],
]);

/** What has become of threads, as the runtime has told all its clients. */
export class ThreadFates {
  readonly #fates = new NewestMap<ThreadFate>();

  of(threadId: string): ThreadFate | undefined {
    return this.#fates.get(threadId);
  }

  /** What to do about a thread that is not heard of, as the end of a sentence about it. */
  advice(threadId: string): string {
    const fate = this.of(threadId);
    return fate === undefined ? "is not heard of: resume it first" : ADVICE[fate];
  }

  /** The thread was opened. */
  opened(threadId: string, isStored: boolean): void {
    if (isStored) this.#fates.delete(threadId);
    else this.#fates.set(threadId, "ephemeral");
  }

  /** A notification, or a request of this client that was carried out: it is told of after its reply. */
  observe(method: string, threadId: string | null): void {
    const fate = FATES.get(method);
    if (fate === undefined || threadId === null) return;
    if (fate === null) this.#fates.delete(threadId);
    else this.#fates.set(threadId, fate);
  }
}
