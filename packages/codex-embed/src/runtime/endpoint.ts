import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors/base.js";
import type { Orphans } from "../process/agentProcess.js";
import { expandHome } from "../process/environment.js";
import { existingFolder } from "../process/launch.js";
import type { Transport } from "../transport/transport.js";

/** A runtime that can be talked to. */
export interface OpenedEndpoint {
  readonly transport: Transport;
  /** The binary that was started, or null when there is none on this machine. */
  readonly codexBin: string | null;
  /** The last words of its process, or "". */
  readonly stderrTail: () => string;
  /** Kills what its commands have left behind. Null for a runtime that this program did not start. */
  readonly killOrphans: ((orphans: Orphans) => Promise<void>) | null;
}

/** What is done when the connection is lost: it is made anew, or the next call starts another process. */
export type RecoveryPlan =
  | {
      readonly kind: "reconnect";
      readonly initialDelayMs: number;
      readonly maxDelayMs: number;
      readonly giveUpAfterMs: number;
    }
  | { readonly kind: "restart" };

/** Where a runtime is, and how to get to it. */
export interface Endpoint {
  /** Null when a connection that is lost is the end. */
  readonly recovery: RecoveryPlan | null;
  /** The folder that the runtime resolves paths against, or null when only the runtime knows. */
  readonly cwd: string | null;
  /** Whether it sees the files that this program sees, so that a path can be looked at before it is sent. */
  readonly sharesFiles: boolean;
  /**
   * Starts or reaches it. Rejects as soon as the signal aborts: because the client was closed, or with a
   * `TimeLimitError`.
   *
   * @throws LaunchError, or UsageError for options that cannot work. Nothing is left behind then.
   */
  open(signal: AbortSignal): Promise<OpenedEndpoint>;
}

/** The paths that a program gives, as a runtime understands them. */
export class RuntimePaths {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Whether the runtime was started by this program, and so resolves paths as this program does. */
  get isLocal(): boolean {
    return this.#endpoint.cwd !== null;
  }

  /**
   * The absolute form of a path as the runtime resolves it: against the working directory of its process.
   *
   * Throws `UsageError` for a relative path where that directory is not known.
   */
  resolve(path: string): string {
    const { cwd } = this.#endpoint;
    if (cwd !== null) return resolve(cwd, expandHome(path, "cwd"));
    if (isAbsolute(path)) return path;
    throw new UsageError(
      `The path ${JSON.stringify(path)} is relative, but the runtime runs elsewhere: give an absolute one.`,
    );
  }

  /**
   * The field `cwd` of a thread or a turn as the wire takes it, with `~` as the user's home; none when it is left out.
   *
   * Throws `UsageError` for a URL other than `file:`, and for a path that is not an existing folder where the runtime sees
   * the same files as this program.
   */
  cwdField(cwd: string | URL | null | undefined): { readonly cwd?: string | null } {
    if (cwd === undefined) return {};
    const given = cwd instanceof URL ? filePath(cwd) : cwd;
    const path = given?.startsWith("~") ? this.resolve(given) : given;
    const { sharesFiles, cwd: base } = this.#endpoint;
    if (path !== null && sharesFiles) existingFolder(path, base ?? undefined);
    return { cwd: path };
  }
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new UsageError(`cwd is a ${url.protocol} URL that names no local path. Give a path or a file: URL.`, {
      cause,
    });
  }
}
