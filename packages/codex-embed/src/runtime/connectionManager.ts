import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "../errors/base.js";
import { type CloseReason, LaunchError, TransportClosedError } from "../errors/connection.js";
import { type RuntimeFiles, workingDirectory } from "../process/paths.js";
import type { Connection } from "../rpc/connection.js";
import type { CodexStatus } from "../stream/events.js";
import type { OpenedTransport } from "../transport/transport.js";
import { onAbort, rootContext, timeLimit, withLimits } from "../util/async.js";
import type { ConnectContext, Connected, RuntimeMetadata } from "./handshake.js";
import { type CodexOptions, startupLimitMs } from "./options.js";

/** What follows a lost connection: reconnect to the same runtime, or start another process at the next call. */
export type RecoveryPlan =
  | {
      readonly kind: "reconnect";
      readonly initialDelayMs: number;
      readonly maxDelayMs: number;
      readonly giveUpAfterMs: number;
    }
  | { readonly kind: "restart" };

/** Where a runtime is, and how to reach it. */
export interface Endpoint extends RuntimeFiles {
  /** Null when a lost connection closes the client. */
  readonly recovery: RecoveryPlan | null;
  /** Whether its address is on another machine. Default false. */
  readonly isElsewhere?: boolean | undefined;
  /**
   * Starts or reaches the runtime. Rejects as soon as the signal aborts.
   *
   * @throws LaunchError; UsageError for options that cannot work. Nothing is left behind then.
   */
  open(signal: AbortSignal): Promise<OpenedTransport>;
}

/** The endpoint of a runtime that this program starts. Throws `UsageError` when the working directory was deleted. */
export function localEndpoint(options: CodexOptions): Endpoint {
  return {
    recovery: options.restart === "on-crash" ? { kind: "restart" } : null,
    cwd: options.cwd ?? workingDirectory(),
    sharesFiles: options.spawn === undefined,
    async open(signal) {
      // Loaded on demand, to keep the import of the main entry small.
      const { launchStdio } = await import("../transport/stdio.js");
      return launchStdio(options, signal);
    },
  };
}

/** What a {@link ConnectionManager} reports, and hands to the connections it makes. */
export interface ConnectionListener extends Pick<ConnectContext, "client" | "receiver" | "warn"> {
  status(status: CodexStatus, reason: CloseReason | null): void;
  /** Called before each attempt to start or reach the runtime. A rejection fails the attempt. */
  prepare(): Promise<void>;
  /** The connection is lost. The manager is about to reconnect. */
  suspend(): void;
  /** Subscribes again to what the lost connection carried. Rejects when the new connection is lost too. */
  resubscribe(connection: Connection, loss: CloseReason): Promise<void>;
  /** The connection ended for good. Whatever it carried fails. */
  ended(reason: CloseReason): void;
}

/** Holds the connection to one runtime. Opens it at the first use, and recovers it as the endpoint plans. Once closed it stays closed. */
export class ConnectionManager {
  /** Resolves with the reason when the manager is closed for good. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #endpoint: Endpoint;
  readonly #listener: ConnectionListener;
  readonly #stop = new AbortController();
  #status: CodexStatus = "idle";
  #ready: Connection | null = null;
  #opening: Promise<Connection> | null = null;
  #latest: Connection | null = null;
  /** Why the last connection was lost. */
  #loss: CloseReason | null = null;
  #metadata: RuntimeMetadata | null = null;
  #killOrphans: Connected["killOrphans"] = null;
  #closing: Promise<void> | null = null;
  #closeReason: CloseReason | null = null;
  #markClosed: (reason: CloseReason) => void = () => {};

  constructor(endpoint: Endpoint, listener: ConnectionListener) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
  }

  get status(): CodexStatus {
    return this.#status;
  }

  /** The connection to send on, or null. */
  get ready(): Connection | null {
    return this.#ready;
  }

  /** Why the last connection was lost, while there is no new one. */
  get loss(): CloseReason | null {
    return this.#loss;
  }

  /** The last connection, open or closed. */
  get latest(): Connection | null {
    return this.#latest;
  }

  /** What the runtime said about itself at the last handshake, or null before the first. */
  get metadata(): RuntimeMetadata | null {
    return this.#metadata;
  }

  /** Kills what commands left behind. Null for a runtime that this program did not start. */
  get killOrphans(): Connected["killOrphans"] {
    return this.#killOrphans;
  }

  /** Whether the manager is closed or closing. */
  get isClosed(): boolean {
    return this.#closeReason !== null || this.#closing !== null;
  }

  /** Why it is closed. While it is closing, the reason is the client. */
  get closeReason(): CloseReason {
    return this.#closeReason ?? NEVER_STARTED;
  }

  /** Resolves with a ready connection. Concurrent calls share one attempt; a call after a failure tries again. */
  open(): Promise<Connection> {
    if (this.isClosed) return Promise.reject(new TransportClosedError(this.closeReason));
    if (this.#opening === null) {
      this.#setStatus("starting", this.#loss);
      // All callers share the connection, so it must not carry the async context of the first.
      this.#opening = rootContext(() => this.#connect(this.#loss, this.#stop.signal));
      this.#opening.catch(() => {
        if (this.isClosed) return;
        this.#opening = null;
        this.#setStatus("idle", this.#loss);
      });
    }
    return this.#opening;
  }

  /**
   * Awaits `open()` within the limits of a request. The timeout only counts while reconnecting, because a start has its
   * own limit.
   */
  async opened(signal: AbortSignal | undefined, timeoutMs: number | null, onTimeout: () => Error): Promise<Connection> {
    signal?.throwIfAborted();
    const opening = this.open();
    return withLimits(opening, { signal, timeoutMs: this.#status === "reconnecting" ? timeoutMs : null, onTimeout });
  }

  /** Closes the connection and resolves when nothing of it is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort(new TransportClosedError(NEVER_STARTED));
    if (this.#ready === null) await this.#opening?.catch(() => {});
    const connection = this.#latest;
    const wasOpen = connection !== null && connection.closeReason === null;
    await connection?.close();
    this.#end((wasOpen ? connection.closeReason : null) ?? NEVER_STARTED);
  }

  /** Makes a ready connection. The signal ends the attempt, including the resubscription. */
  async #connect(loss: CloseReason | null, signal: AbortSignal): Promise<Connection> {
    if (loss !== null) this.#listener.suspend();
    const { connection, metadata, killOrphans } = await this.#open(signal);
    this.#metadata = metadata;
    this.#killOrphans = killOrphans;
    if (loss !== null) {
      const stop = onAbort(signal, () => void (this.#closing === null ? connection.kill() : connection.close()));
      try {
        await this.#listener.resubscribe(connection, loss);
      } catch (error) {
        await connection.close();
        throw error;
      } finally {
        stop();
      }
    }
    this.#ready = connection;
    this.#loss = null;
    this.#setStatus("ready", null);
    void connection.closed.then((reason) => this.#onClosed(reason));
    return connection;
  }

  /** Opens the endpoint and runs the handshake, within `startupTimeoutMs` for both. */
  async #open(signal: AbortSignal): Promise<Connected> {
    const { client, receiver, warn } = this.#listener;
    const limit = timeLimit("startupTimeoutMs", startupLimitMs(client), signal);
    const onOpen = (connection: Connection): void => {
      this.#latest = connection;
    };
    try {
      await this.#listener.prepare();
      limit.signal.throwIfAborted();
      const opening = this.#endpoint.open(limit.signal);
      opening.catch(() => {});
      // Loaded on demand, to keep the import of the main entry small, and while the process starts.
      const { connect } = await import("./handshake.js");
      return await connect(await opening, { client, receiver, signal: limit.signal, onOpen, warn });
    } catch (error) {
      throw TransportClosedError.isInstance(signal.reason) ? signal.reason : error;
    } finally {
      limit.stop();
    }
  }

  #onClosed(reason: CloseReason): void {
    const { recovery } = this.#endpoint;
    this.#ready = null;
    if (recovery === null || this.#closing !== null || reason.initiator === "client") return this.#end(reason);
    this.#loss = reason;
    if (recovery.kind === "reconnect") {
      this.#opening = this.#reconnect(reason, recovery);
      this.#opening.catch(() => {});
    } else {
      this.#opening = null;
      this.#listener.ended(reason);
      this.#setStatus("idle", reason);
    }
  }

  async #reconnect(reason: CloseReason, plan: Extract<RecoveryPlan, { kind: "reconnect" }>): Promise<Connection> {
    const { initialDelayMs, maxDelayMs, giveUpAfterMs } = plan;
    // Results of handlers and late frames must not be reported before the events that were missed.
    this.#listener.suspend();
    this.#setStatus("reconnecting", reason);
    const limit = timeLimit("reconnect.giveUpAfterMs", giveUpAfterMs, this.#stop.signal);
    let failure: unknown;
    try {
      for (let delayMs = initialDelayMs; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
        await sleep(delayMs * (1 - Math.random() / 2), undefined, { signal: limit.signal }).catch(() => {});
        if (limit.signal.aborted) break;
        try {
          return await this.#connect(reason, limit.signal);
        } catch (error) {
          failure = error;
          if (!isTransient(error)) break;
        }
      }
    } finally {
      limit.stop();
    }
    if (this.#closing !== null) throw new TransportClosedError(NEVER_STARTED);
    failure ??= limit.signal.reason;
    this.#end({ ...reason, error: failure instanceof Error ? failure : new Error(String(failure)) });
    throw failure;
  }

  #setStatus(status: CodexStatus, reason: CloseReason | null): void {
    this.#status = status;
    this.#listener.status(status, reason);
  }

  #end(reason: CloseReason): void {
    if (this.#closeReason !== null) return;
    this.#closeReason = reason;
    this.#ready = null;
    this.#listener.ended(reason);
    this.#setStatus("closed", reason);
    this.#markClosed(reason);
  }
}

/** Whether another attempt may succeed. */
function isTransient(error: unknown): boolean {
  if (UsageError.isInstance(error)) return false;
  return !(LaunchError.isInstance(error) && ["UNAUTHORIZED", "VERSION_MISMATCH"].includes(error.code));
}

/** The reason of a client that was closed before it had a connection. */
const NEVER_STARTED: CloseReason = { initiator: "client", exitCode: null, signal: null, stderrTail: "" };
