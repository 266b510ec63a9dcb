/** Owns the contract between a runtime's client and the place that the runtime is at. */

import type { Orphans } from "../process/agentProcess.js";
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
