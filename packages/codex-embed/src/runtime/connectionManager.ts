import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "../errors/base.js";
import { type CloseReason, LaunchError, TransportClosedError } from "../errors/connection.js";
import { type RuntimeFiles, workingDirectory } from "../process/paths.js";
import type { Connection } from "../rpc/connection.js";
import type { CodexStatus } from "../stream/events.js";
import type { OpenedTransport } from "../transport/transport.js";
import { onAbort, rootContext, timeLimit, withLimits } from "../util/async.js";
import type { ConnectContext, Connected, RuntimeMetadata } from "./handshake.js";
import type { CodexOptions } from "./options.js";

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
export interface Endpoint extends RuntimeFiles {
  /** Null when a connection that is lost is the end. */
  readonly recovery: RecoveryPlan | null;
  /**
   * Starts or reaches it. Rejects as soon as the signal aborts: because the client was closed, or with a
   * `TimeLimitError`.
   *
   * @throws LaunchError, or UsageError for options that cannot work. Nothing is left behind then.
   */
  open(signal: AbortSignal): Promise<OpenedTransport>;
}

/** The endpoint of a runtime that is started with these options. */
export function localEndpoint(options: CodexOptions): Endpoint {
  return {
    recovery: options.restart === "on-crash" ? { kind: "restart" } : null,
    cwd: options.cwd ?? workingDirectory(),
    sharesFiles: options.spawn === undefined,
    async open(signal) {
      // A program that never starts a runtime does not load what starts one.
      const { launchStdio } = await import("../transport/stdio.js");
      return launchStdio(options, signal);
    },
  };
}

/** What happens to those who use the link. */
export interface ConnectionListener extends Pick<ConnectContext, "client" | "receiver" | "warn"> {
  status(status: CodexStatus, reason: CloseReason | null): void;
  /** The connection is gone, and will be made anew. */
  suspend(): void;
  /** Takes up on a new connection what there was on the one before. Rejects when that is lost as well. */
  takeUp(connection: Connection, loss: CloseReason): Promise<void>;
  /** What was under way is over: nothing of it will be taken up. */
  over(reason: CloseReason): void;
}

/** The link to one runtime. Opened at its first use; once closed it stays closed. */
export class ConnectionManager {
  /** Resolves when the link is closed for good, with why. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #endpoint: Endpoint;
  readonly #receiver: ConnectionListener;
  readonly #stop = new AbortController();
  #status: CodexStatus = "idle";
  #ready: Connection | null = null;
  #opening: Promise<Connection> | null = null;
  #latest: Connection | null = null;
  /** Why the connection before is gone. */
  #loss: CloseReason | null = null;
  #metadata: RuntimeMetadata | null = null;
  #killOrphans: Connected["killOrphans"] = null;
  #closing: Promise<void> | null = null;
  #closeReason: CloseReason | null = null;
  #markClosed: (reason: CloseReason) => void = () => {};

  constructor(endpoint: Endpoint, receiver: ConnectionListener) {
    this.#endpoint = endpoint;
    this.#receiver = receiver;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
  }

  get status(): CodexStatus {
    return this.#status;
  }

  /** The connection that can be used, or null. */
  get ready(): Connection | null {
    return this.#ready;
  }

  /** Why the connection before is gone, while there is no other. */
  get loss(): CloseReason | null {
    return this.#loss;
  }

  /** The last connection, whatever has become of it. */
  get latest(): Connection | null {
    return this.#latest;
  }

  /** What the runtime told of itself at the last handshake, or null before the first. */
  get metadata(): RuntimeMetadata | null {
    return this.#metadata;
  }

  /** Kills what commands have left behind; null where that is not ours to do. */
  get killOrphans(): Connected["killOrphans"] {
    return this.#killOrphans;
  }

  /** Whether the link is closed or about to be. */
  get isClosed(): boolean {
    return this.#closeReason !== null || this.#closing !== null;
  }

  /** Why it is closed; for one that is about to be, that the client has done it. */
  get closeReason(): CloseReason {
    return this.#closeReason ?? NEVER_STARTED;
  }

  /** Resolves with a connection as soon as there is one. Concurrent calls open it once; after a failure a call tries anew. */
  open(): Promise<Connection> {
    if (this.isClosed) return Promise.reject(new TransportClosedError(this.closeReason));
    if (this.#opening === null) {
      this.#tell("starting", this.#loss);
      // All callers share the connection: it must not carry the context of the one who happened to be the first.
      this.#opening = rootContext(() => this.#connect(this.#loss, this.#stop.signal));
      this.#opening.catch(() => {
        if (this.isClosed) return;
        this.#opening = null;
        this.#tell("idle", this.#loss);
      });
    }
    return this.#opening;
  }

  /**
   * Awaits `open()`, but no longer than the signal allows. While reconnecting, also no longer than a request has: a
   * start has a limit of its own.
   */
  async opened(signal: AbortSignal | undefined, timeoutMs: number | null, onTimeout: () => Error): Promise<Connection> {
    signal?.throwIfAborted();
    const opening = this.open();
    return withLimits(opening, { signal, timeoutMs: this.#status === "reconnecting" ? timeoutMs : null, onTimeout });
  }

  /** Ends the link and resolves when nothing of it is left. Idempotent. */
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

  /** Makes a connection that can be used. The signal ends the attempt, taking up included. */
  async #connect(loss: CloseReason | null, signal: AbortSignal): Promise<Connection> {
    if (loss !== null) this.#receiver.suspend();
    const { client, receiver, warn } = this.#receiver;
    // A program that never starts a runtime does not load what speaks with one.
    const { connect } = await import("./handshake.js");
    const { connection, metadata, killOrphans } = await connect({
      client,
      receiver,
      warn,
      signal,
      open: (limited) => this.#endpoint.open(limited),
      onOpen: (opened) => {
        this.#latest = opened;
      },
    });
    this.#metadata = metadata;
    this.#killOrphans = killOrphans;
    if (loss !== null) {
      const stop = onAbort(signal, () => void (this.#closing === null ? connection.kill() : connection.close()));
      try {
        await this.#receiver.takeUp(connection, loss);
      } catch (error) {
        await connection.close();
        throw error;
      } finally {
        stop();
      }
    }
    this.#ready = connection;
    this.#loss = null;
    this.#tell("ready", null);
    void connection.closed.then((reason) => this.#lose(reason));
    return connection;
  }

  #lose(reason: CloseReason): void {
    const { recovery } = this.#endpoint;
    this.#ready = null;
    if (recovery === null || this.#closing !== null || reason.initiator === "client") return this.#end(reason);
    this.#loss = reason;
    if (recovery.kind === "reconnect") {
      this.#opening = this.#reconnect(reason, recovery);
      this.#opening.catch(() => {});
    } else {
      this.#opening = null;
      this.#receiver.over(reason);
      this.#tell("idle", reason);
    }
  }

  async #reconnect(reason: CloseReason, plan: Extract<RecoveryPlan, { kind: "reconnect" }>): Promise<Connection> {
    const { initialDelayMs, maxDelayMs, giveUpAfterMs } = plan;
    // What comes of handlers and of late frames meanwhile must not be told before what was missed.
    this.#receiver.suspend();
    this.#tell("reconnecting", reason);
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
          if (!isPassing(error)) break;
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

  #tell(status: CodexStatus, reason: CloseReason | null): void {
    this.#status = status;
    this.#receiver.status(status, reason);
  }

  #end(reason: CloseReason): void {
    if (this.#closeReason !== null) return;
    this.#closeReason = reason;
    this.#ready = null;
    this.#receiver.over(reason);
    this.#tell("closed", reason);
    this.#markClosed(reason);
  }
}

/** Whether another attempt may succeed where this one has failed. */
function isPassing(error: unknown): boolean {
  if (UsageError.isInstance(error)) return false;
  return !(LaunchError.isInstance(error) && ["UNAUTHORIZED", "VERSION_MISMATCH"].includes(error.code));
}

/** The reason of what was closed before there was anything to close. */
export const NEVER_STARTED: CloseReason = { initiator: "client", exitCode: null, signal: null, stderrTail: "" };
