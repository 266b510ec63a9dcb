import type { CloseReason } from "../errors/connection.js";
import type { Orphans } from "../process/processTree.js";

/** The largest message that a client takes when `maxFrameBytes` sets no other limit. */
export const DEFAULT_MAX_FRAME_BYTES = 128 * 1024 * 1024;

/** What a transport calls. All calls come from one reader, in the order of arrival. */
export interface TransportReceiver {
  /** One whole message, as text, and its size on the wire. */
  frame(text: string, bytes: number): void;
  /** A message that was larger than the limit and was skipped: its beginning, and its size on the wire. */
  oversize(head: string, bytes: number): void;
  /** The end. Called exactly once, after the last frame; nothing follows it. */
  closed(reason: CloseReason): void;
}

/** Carries whole messages to and from a runtime. Knows no method names. */
export interface Transport {
  /** The process behind it, when there is one on this machine. */
  readonly pid: number | undefined;
  /** The largest message that can be sent, in bytes; undefined for no limit. */
  readonly maxSentBytes: number | undefined;
  /** Begins delivery to the receiver. Called once. */
  open(receiver: TransportReceiver): void;
  /** Sends one message. Never throws; after the end it does nothing, for `closed` has told. */
  send(text: string): void;
  /** Ends the connection politely and resolves when nothing is left of it. Idempotent. */
  close(): Promise<void>;
  /** Ends it at once, without waiting for the other side, also in the middle of a {@link close}. */
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
