/** A transport in memory, for tests of what stands above one. */

import type { CloseReason } from "../../src/errors/connection.js";
import type { Transport, TransportReceiver } from "../../src/transport/transport.js";

/** Records what is sent, and plays the other side. */
export class FakeTransport implements Transport {
  maxSentBytes: number | undefined;
  readonly pid = undefined;
  readonly sent: { readonly id?: unknown; readonly method?: string; readonly [key: string]: unknown }[] = [];
  #receiver: TransportReceiver | undefined;
  #ended = false;

  open(receiver: TransportReceiver): void {
    this.#receiver = receiver;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  async close(): Promise<void> {
    this.end({ initiator: "client" });
  }

  async kill(): Promise<void> {
    this.end({ initiator: "client" });
  }

  /** Delivers a message of the runtime. */
  receive(message: unknown): void {
    this.receiveText(JSON.stringify(message));
  }

  receiveText(text: string): void {
    this.#receiver?.frame(text, Buffer.byteLength(text));
  }

  receiveOversize(head: string, bytes: number): void {
    this.#receiver?.oversize(head, bytes);
  }

  /** Answers the n-th message that was sent. */
  reply(index: number, result: unknown): void {
    this.receive({ id: this.sent[index]?.id, result });
  }

  end(reason: Partial<CloseReason>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#receiver?.closed({ initiator: "runtime", exitCode: null, signal: null, stderrTail: "", ...reason });
  }
}
