/** Owns which threads may write to their workspace: what the runtime forgets of a thread when it loads or copies it. */

import type { Notification } from "../events.js";
import type { SandboxMode, SandboxPolicy } from "../generated/protocol.js";
import { NewestMap } from "./remember.js";

/**
 * The runtime keeps with a thread that it is read-only or has full access; one that may write to its workspace gets the
 * configuration's `sandbox_mode` when it is resumed or forked, be that more or less.
 */
export class ThreadSandboxes {
  readonly #writable = new NewestMap<true>();
  readonly #isOwn: (threadId: string) => boolean;

  /** @param isOwn - whether a thread is this client's. No other is kept, so that no flood of others displaces one. */
  constructor(isOwn: (threadId: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** The sandbox that a thread is in now, if the runtime says so. */
  note(threadId: string, policy: SandboxPolicy | undefined): void {
    if (policy?.type === "workspaceWrite") this.#writable.set(threadId, true);
    else this.#writable.delete(threadId);
  }

  /** Takes note of changes, and forgets threads that are unloaded. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "thread/settings/updated": {
        const { threadId, threadSettings } = notification.params;
        if (this.#isOwn(threadId)) this.note(threadId, threadSettings.sandboxPolicy);
        break;
      }
      case "thread/closed":
      case "thread/archived":
      case "thread/deleted":
        this.#writable.delete(notification.params.threadId);
        break;
      default:
        break;
    }
  }

  /** What a request has to say so that the thread, or its copy, stays in its sandbox. */
  fieldsFor(threadId: string): { sandbox?: SandboxMode } {
    return this.#writable.has(threadId) ? { sandbox: "workspace-write" } : {};
  }
}
