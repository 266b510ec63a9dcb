import type { ThreadFate } from "../errors/connection.js";
import type {
  ActivePermissionProfile,
  JsonValue,
  SandboxMode,
  SandboxPolicy,
  TokenUsageBreakdown,
} from "../protocol/generated/protocol.js";
import type { Notification } from "./events.js";
/** How much is kept of what the other side names by ids of its own. */
export interface Limits {
  readonly entries: number;
  /** Keys and values together, as their sizes were given. */
  readonly bytes: number;
}
/** A map that keeps its newest entries, within a count and a size: a program that runs for years stays small. */
export declare class NewestMap<V> {
  #private;
  constructor(limits?: Limits);
  get size(): number;
  has(key: string): boolean;
  get(key: string): V | undefined;
  /** Sets an entry as the newest. What is too large by itself is not kept, and pushes nothing else out. */
  set(key: string, value: V, valueBytes?: number): void;
  delete(key: string): boolean;
  clear(): void;
  /** The entries, the oldest first. Those that are deleted meanwhile do no harm. */
  [Symbol.iterator](): Generator<[key: string, value: V], void, undefined>;
}
/** What a thread may do: by a policy, or by a named profile, which the runtime keeps with the thread. */
export type ThreadSandbox =
  | {
      readonly policy: SandboxPolicy;
    }
  | {
      readonly profileId: string;
    };
/** What a request has to say so that a thread, or its copy, stays in its sandbox. */
export interface SandboxFields {
  readonly sandbox?: SandboxMode;
  readonly config?: {
    [key: string]: JsonValue;
  };
}
/**
 * The runtime keeps with a thread that it is read-only or has full access; one that may write to its workspace gets the
 * configuration's `sandbox_mode` when it is resumed or forked, be that more or less.
 */
export declare class ThreadSandboxes {
  #private;
  /** The sandbox that a thread of this client is in now. */
  note(threadId: string, policy: SandboxPolicy, profile: ActivePermissionProfile | null | undefined): void;
  /** Takes note of changes, and forgets threads that are unloaded. */
  observe(notification: Notification): void;
  /** The thread may change without this client's knowledge from now on. */
  forget(threadId: string): void;
  /** The sandbox of a thread; undefined when this client does not know it. */
  of(threadId: string): ThreadSandbox | undefined;
  /** What a request has to say so that the thread stays in its sandbox, as far as this client knows it. */
  fieldsFor(threadId: string): SandboxFields;
}
/** What a request has to say so that a thread is in this sandbox; a profile stays without a word. */
export declare function sandboxFields(sandbox: ThreadSandbox): SandboxFields;
/** Remembers the last total of each thread that is this client's and loaded. */
export declare class ThreadTotals {
  #private;
  /** @param isOwn - whether a thread is this client's. */
  constructor(isOwn: (threadId: string) => boolean);
  /** Takes note of totals, and forgets threads that are unloaded. */
  observe(notification: Notification): void;
  /** A fork begins with what its thread had used. */
  inherit(threadId: string, fromThreadId: string): void;
  /** The thread's total as last heard, or null. */
  of(threadId: string): TokenUsageBreakdown | null;
}
/** What has become of threads, as the runtime has told all its clients. */
export declare class ThreadFates {
  #private;
  of(threadId: string): ThreadFate | undefined;
  /** What to do about a thread that is not heard of, as the end of a sentence about it. */
  advice(threadId: string): string;
  /** The thread was opened. */
  opened(threadId: string, isStored: boolean): void;
  /** A notification, or a request of this client that was carried out: it is told of after its reply. */
  observe(method: string, threadId: string | null): void;
}
