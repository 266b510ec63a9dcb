import type { ThreadFate } from "../errors/connection.js";
import type {
  ActivePermissionProfile,
  JsonValue,
  SandboxMode,
  SandboxPolicy,
  ThreadSettingsUpdateParams,
  TokenUsageBreakdown,
} from "../protocol/generated/protocol.js";
import type { Notification } from "./events.js";

/** The bounds of a map whose keys come from the wire. */
export interface Limits {
  readonly entries: number;
  /** Keys and values together, by the sizes given to `set`. */
  readonly bytes: number;
}

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
}

const DEFAULT_LIMITS: Limits = { entries: 10_000, bytes: 4 * 1024 * 1024 };

/** A map that keeps its newest entries, within a count and a size, so that a program that runs for years stays small. */
export class NewestMap<V> {
  readonly #limits: Limits;
  readonly #entries = new Map<string, Entry<V>>();
  #bytes = 0;

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Sets an entry as the newest. An entry over the limit by itself is not kept, and evicts no other. */
  set(key: string, value: V, valueBytes = 0): void {
    this.delete(key);
    const bytes = key.length + valueBytes;
    if (bytes > this.#limits.bytes) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** The entries, the oldest first. Entries may be deleted while it runs. */
  *[Symbol.iterator](): Generator<[key: string, value: V], void, undefined> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }
}

/**
 * A map by ids from the wire that remembers its last lookup. Each message brings its ids as new strings, and hashing one
 * takes longer than comparing it with the last.
 */
export class RecentMap<V> extends Map<string, V> {
  #key: string | null = null;
  #value: V | undefined;

  /** Starts empty: a Map would fill itself before the fields here exist. */
  constructor() {
    super();
  }

  override get(key: string): V | undefined {
    if (key !== this.#key) {
      this.#value = super.get(key);
      this.#key = key;
    }
    return this.#value;
  }

  override set(key: string, value: V): this {
    this.#key = null;
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    this.#key = null;
    this.#value = undefined;
    return super.delete(key);
  }

  override clear(): void {
    this.#key = null;
    this.#value = undefined;
    super.clear();
  }
}

/** The sandbox of a thread: a policy, or a named profile, which the runtime stores with the thread. */
export type ThreadSandbox = { readonly policy: SandboxPolicy } | { readonly profileId: string };

/** The params that keep a thread, or its fork, in its sandbox. */
export interface SandboxFields {
  readonly sandbox?: SandboxMode;
  readonly config?: { [key: string]: JsonValue };
}

/**
 * The sandboxes of this client's threads. The runtime stores with a thread that it is read-only or has full access. One that
 * may write to its workspace gets the configuration's `sandbox_mode` when it is resumed or forked, wider or narrower.
 */
export class ThreadSandboxes {
  readonly #known = new Map<string, ThreadSandbox>();

  /** Records the sandbox that a thread of this client is in now. */
  note(threadId: string, policy: SandboxPolicy, profile: ActivePermissionProfile | null | undefined): void {
    this.set(threadId, profile ? { profileId: profile.id } : { policy });
  }

  /** Records the sandbox that a thread of this client was put into. */
  set(threadId: string, sandbox: ThreadSandbox): void {
    this.#known.set(threadId, sandbox);
  }

  /** Follows changes, and forgets threads that are unloaded. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "thread/settings/updated": {
        const { threadId, threadSettings } = notification.params;
        if (!this.#known.has(threadId)) break;
        this.note(threadId, threadSettings.sandboxPolicy, threadSettings.activePermissionProfile);
        break;
      }
      case "thread/closed":
      case "thread/archived":
      case "thread/deleted":
        this.forget(notification.params.threadId);
        break;
      default:
        break;
    }
  }

  /** This client no longer follows the thread, so its sandbox may change unnoticed. */
  forget(threadId: string): void {
    this.#known.delete(threadId);
  }

  /** The sandbox of a thread; undefined when this client does not know it. */
  of(threadId: string): ThreadSandbox | undefined {
    return this.#known.get(threadId);
  }

  /** The params that keep the thread in its sandbox; none if this client does not know it. */
  fieldsFor(threadId: string): SandboxFields {
    const known = this.of(threadId);
    return known === undefined ? {} : sandboxFields(known);
  }
}

/** The params that put a thread into this sandbox. A profile needs none: the runtime keeps it. */
export function sandboxFields(sandbox: ThreadSandbox): SandboxFields {
  if ("profileId" in sandbox) return {};
  const { policy } = sandbox;
  switch (policy.type) {
    case "dangerFullAccess":
      return { sandbox: "danger-full-access" };
    case "readOnly":
      return { sandbox: "read-only" };
    case "workspaceWrite":
      return {
        sandbox: "workspace-write",
        config: {
          sandbox_workspace_write: {
            writable_roots: [...policy.writableRoots],
            network_access: policy.networkAccess,
            exclude_tmpdir_env_var: policy.excludeTmpdirEnvVar,
            exclude_slash_tmp: policy.excludeSlashTmp,
          },
        },
      };
    case "externalSandbox":
      // The runtime restricts nothing in it. No request can ask for that, and any other sandbox is narrower.
      return {};
  }
}

/**
 * The settings that this client has changed between two turns (`thread/settings/update`). The runtime may still have to
 * store them when it has answered, and a crash loses them then (measured). The record of the next turn has them.
 */
export class ThreadUpdates {
  readonly #pending = new Map<string, ThreadSettingsUpdateParams>();

  /** The runtime has accepted an update. */
  note(update: ThreadSettingsUpdateParams): void {
    this.#pending.set(update.threadId, { ...this.#pending.get(update.threadId), ...update });
  }

  /** Forgets updates that are stored, and threads that are unloaded. */
  observe({ method, params }: Notification): void {
    switch (method) {
      case "turn/started":
      case "thread/closed":
      case "thread/archived":
      case "thread/deleted":
        this.#pending.delete(params.threadId);
        break;
      default:
        break;
    }
  }

  forget(threadId: string): void {
    this.#pending.delete(threadId);
  }

  /** The updates of a thread that may be lost, as one. */
  of(threadId: string): ThreadSettingsUpdateParams | undefined {
    return this.#pending.get(threadId);
  }
}

/** About what six numbers take. */
const TOTAL_BYTES = 100;

/** The tokens that each loaded thread of this client has used. */
export class ThreadTotals {
  readonly #byThread = new NewestMap<TokenUsageBreakdown>();
  readonly #isOwn: (threadId: string) => boolean;

  /** @param isOwn - whether a thread is this client's. */
  constructor(isOwn: (threadId: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** Follows `thread/tokenUsage/updated`, and forgets threads that are unloaded. */
  observe(notification: Notification): void {
    switch (notification.method) {
      case "thread/tokenUsage/updated": {
        const { threadId, tokenUsage } = notification.params;
        if (this.#isOwn(threadId)) this.#set(threadId, tokenUsage.total);
        break;
      }
      case "thread/closed":
      case "thread/archived":
      case "thread/deleted":
        this.#byThread.delete(notification.params.threadId);
        break;
      default:
        break;
    }
  }

  /** A fork starts with the total of its source. */
  inherit(threadId: string, fromThreadId: string): void {
    const total = this.#byThread.get(fromThreadId);
    if (total !== undefined) this.#set(threadId, total);
  }

  /** The last total of the thread, or null. */
  of(threadId: string): TokenUsageBreakdown | null {
    return this.#byThread.get(threadId) ?? null;
  }

  /** Keeps the numbers alone, whatever else came with them. */
  #set(threadId: string, total: TokenUsageBreakdown): void {
    const { totalTokens, inputTokens, cachedInputTokens, cacheWriteInputTokens, outputTokens, reasoningOutputTokens } =
      total;
    const kept = {
      totalTokens,
      inputTokens,
      cachedInputTokens,
      cacheWriteInputTokens,
      outputTokens,
      reasoningOutputTokens,
    };
    this.#byThread.set(threadId, kept, TOTAL_BYTES);
  }
}

const FATES: ReadonlyMap<string, ThreadFate | null> = new Map([
  ["thread/deleted", "deleted"],
  ["thread/delete", "deleted"],
  ["thread/archived", "archived"],
  ["thread/archive", "archived"],
  ["thread/unarchived", null],
  ["thread/unarchive", null],
]);

/** Which threads were deleted or archived, by this or another client, and which are ephemeral. */
export class ThreadFates {
  readonly #fates = new NewestMap<ThreadFate>();

  of(threadId: string): ThreadFate | undefined {
    return this.#fates.get(threadId);
  }

  /** How to get the events of a lost thread again. */
  advice(threadId: string): string {
    switch (this.of(threadId)) {
      case "deleted":
        return "It was deleted. Start a new one with codex.startThread().";
      case "archived":
        return "It is archived. Call codex.unarchiveThread(id), then codex.resumeThread(id).";
      case "ephemeral":
        return "It is ephemeral and was not stored. Start a new one with codex.startThread().";
      case undefined:
        return "Call codex.resumeThread(id) first.";
    }
  }

  /** The thread was opened here. */
  opened(threadId: string, isStored: boolean): void {
    if (isStored) this.#fates.delete(threadId);
    else this.#fates.set(threadId, "ephemeral");
  }

  /** @param method - of a notification, or of a request of this client that succeeded: its notification comes after the reply. */
  observe(method: string, threadId: string | null): void {
    const fate = FATES.get(method);
    if (fate === undefined || threadId === null) return;
    if (fate === null) this.#fates.delete(threadId);
    else this.#fates.set(threadId, fate);
  }
}
