import type { CloseReason } from "../errors/connection.js";
import type { Orphans } from "../process/processTree.js";

/** The largest message that a client takes when `maxFrameBytes` sets no other limit. */
export const DEFAULT_MAX_FRAME_BYTES = 128 * 1024 * 1024;

/** Receives what a transport reads, in the order of arrival. */
export interface TransportReceiver {
  /** Called with one whole message and its size on the wire. */
  frame(text: string, bytes: number): void;
  /** Called for a skipped message over the limit, with its beginning and its size on the wire. */
  oversize(head: string, bytes: number): void;
  /** Called exactly once, after the last frame. Nothing follows. */
  closed(reason: CloseReason): void;
}

/** Carries whole messages to and from a runtime. Does not know their methods. */
export interface Transport {
  /** The id of the process, if it runs on this machine. */
  readonly pid: number | undefined;
  /** The largest message that can be sent, in bytes. Undefined for no limit. */
  readonly maxSentBytes: number | undefined;
  /** Starts the delivery to the receiver. Called once. */
  open(receiver: TransportReceiver): void;
  /** Sends one message. Never throws. Does nothing after the end, which `closed` has reported. */
  send(text: string): void;
  /** Closes the connection politely and resolves when nothing of it is left. Idempotent. */
  close(): Promise<void>;
  /** Closes it at once without waiting for the other side, also during a {@link close}. */
  kill(): Promise<void>;
}

/** A transport to a runtime, and what is known of the process behind it. */
export interface OpenedTransport {
  readonly transport: Transport;
  /** The binary that was started, or null for a runtime that this program did not start. */
  readonly codexBin: string | null;
  /** The last stderr output of the process; "" when this program did not start it. */
  readonly stderrTail: () => string;
  /** Kills what the runtime's commands have left behind. Null for a runtime that this program did not start. */
  readonly killOrphans: ((orphans: Orphans) => Promise<void>) | null;
}
