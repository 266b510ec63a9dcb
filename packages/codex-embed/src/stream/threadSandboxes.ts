/** Owns which sandbox each thread is in: what the runtime forgets of a thread when it loads or copies it. */

import type { Notification } from "../events.js";
import type { ActivePermissionProfile, JsonValue, SandboxMode, SandboxPolicy } from "../generated/protocol.js";

/** What a thread may do: by a policy, or by a named profile, which the runtime keeps with the thread. */
export type ThreadSandbox = { readonly policy: SandboxPolicy } | { readonly profileId: string };

/** What a request has to say so that a thread, or its copy, stays in its sandbox. */
export interface SandboxFields {
  readonly sandbox?: SandboxMode;
  readonly config?: { [key: string]: JsonValue };
}

/**
 * The runtime keeps with a thread that it is read-only or has full access; one that may write to its workspace gets the
 * configuration's `sandbox_mode` when it is resumed or forked, be that more or less.
 */
export class ThreadSandboxes {
  /** Those of the threads that this client has opened. */
  readonly #known = new Map<string, ThreadSandbox>();

  /** The sandbox that a thread of this client is in now. */
  note(threadId: string, policy: SandboxPolicy, profile: ActivePermissionProfile | null | undefined): void {
    this.#known.set(threadId, profile ? { profileId: profile.id } : { policy });
  }

  /** Takes note of changes, and forgets threads that are unloaded. */
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

  /** The thread may change without this client's knowledge from now on. */
  forget(threadId: string): void {
    this.#known.delete(threadId);
  }

  /** The sandbox of a thread; undefined when this client does not know it. */
  of(threadId: string): ThreadSandbox | undefined {
    return this.#known.get(threadId);
  }

  /** What a request has to say so that the thread stays in its sandbox, as far as this client knows it. */
  fieldsFor(threadId: string): SandboxFields {
    const known = this.of(threadId);
    return known === undefined ? {} : sandboxFields(known);
  }
}

/** What a request has to say so that a thread is in this sandbox; a profile stays without a word. */
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
      // The runtime restricts nothing then, and no request can ask for that: any other sandbox is narrower.
      return {};
  }
}
