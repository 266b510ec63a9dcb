/** Owns the contract between a connection and whatever carries its messages. */

import type { CloseReason } from "../errors/connection.js";

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
