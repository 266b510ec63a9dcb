/** Owns the contract between a runtime's client and the place that the runtime is at. */

import type { Transport } from "../transport/transport.js";

/** A runtime that can be talked to. */
export interface OpenedEndpoint {
  readonly transport: Transport;
  /** The binary that was started, or null when there is none on this machine. */
  readonly codexBin: string | null;
  /** The last words of its process, or "". */
  readonly stderrTail: () => string;
}

/** Where a runtime is, and how to get to it. */
export interface Endpoint {
  /** The folder that the runtime resolves paths against, or null when only the runtime knows. */
  readonly cwd: string | null;
  /**
   * Starts or reaches it.
   *
   * @throws LaunchError, or UsageError for options that cannot work. Nothing is left behind then.
   */
  open(timeoutMs: number): Promise<OpenedEndpoint>;
}
