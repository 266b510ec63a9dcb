/** Who decides for a thread, and for the sub-agents that it has started. */

import type { DynamicToolCallParams, DynamicToolCallResponse } from "../protocol/generated/protocol.js";
import type { Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import type { HandlerContext, Handlers } from "./handlers.js";

/** Runs the tools of a thread. */
export interface ToolRunner {
  has(params: DynamicToolCallParams): boolean;
  call(params: DynamicToolCallParams, context: HandlerContext): Promise<DynamicToolCallResponse>;
}

/** Who decides for a thread, and the working directory that this client has set for it. */
export interface ThreadDeciders {
  readonly handlers?: Handlers | undefined;
  readonly tools?: ToolRunner | undefined;
  readonly cwd?: string | undefined;
}

/** Who decides for a thread or sub-agent. */
export interface FoundDeciders extends ThreadDeciders {
  /** The nearest thread of this client that it is, or belongs to; null when none is known. */
  readonly ownerId: string | null;
}

/** Keeps the deciders of threads, and finds those of a sub-agent. */
export class Deciders {
  readonly #parentOf: (threadId: string) => Promise<string | null>;
  readonly #threads = new Map<string, ThreadDeciders>();
  readonly #parents = new NewestMap<Promise<string | null>>();

  constructor(parentOf: (threadId: string) => Promise<string | null>) {
    this.#parentOf = parentOf;
  }

  /** What is left out stays as it was. */
  attach(threadId: string, { handlers, tools, cwd }: ThreadDeciders): void {
    const before = this.#threads.get(threadId);
    this.#threads.set(threadId, {
      handlers: handlers ?? before?.handlers,
      tools: tools ?? before?.tools,
      cwd: cwd ?? before?.cwd,
    });
  }

  /** A fork is decided for as its source is. */
  inherit(threadId: string, fromThreadId: string): void {
    const deciders = this.#threads.get(fromThreadId);
    if (deciders !== undefined) this.attach(threadId, deciders);
  }

  detach(threadId: string): void {
    this.#threads.delete(threadId);
    this.#parents.delete(threadId);
  }

  /** Learns of a thread's new working directory. */
  observe(notification: Notification): void {
    if (notification.method !== "thread/settings/updated") return;
    const { threadId, threadSettings } = notification.params;
    if (this.#threads.has(threadId)) this.attach(threadId, { cwd: threadSettings.cwd });
  }

  /** A sub-agent asks on a thread of its own: who decides for the thread that began it decides for it, in its folder. */
  async of(threadId: string): Promise<FoundDeciders> {
    const someDecide = [...this.#threads.values()].some((each) => decides(each));
    const asked = new Set<string>();
    let cwd: string | undefined;
    let ownerId: string | null = null;
    for (let id: string | null = threadId; id !== null && this.#threads.size > 0; ) {
      const deciders = this.#threads.get(id);
      cwd ??= deciders?.cwd;
      if (deciders !== undefined) ownerId ??= id;
      if (deciders !== undefined && decides(deciders)) return { ...deciders, cwd, ownerId };
      // Answers come from elsewhere: going around in a circle would never let the event loop go.
      if (asked.has(id) || (cwd !== undefined && !someDecide)) break;
      asked.add(id);
      const parent: Promise<string | null> = this.#parentIdOf(id);
      // Without it the folder is unknown; who decides must not be.
      id = await (someDecide ? parent : parent.catch(() => null));
    }
    return { cwd, ownerId };
  }

  #parentIdOf(threadId: string): Promise<string | null> {
    let parent = this.#parents.get(threadId);
    if (parent === undefined) {
      parent = this.#parentOf(threadId);
      this.#parents.set(threadId, parent);
      parent.catch(() => this.#parents.delete(threadId));
    }
    return parent;
  }
}

function decides({ handlers, tools }: ThreadDeciders): boolean {
  return handlers !== undefined || tools !== undefined;
}
