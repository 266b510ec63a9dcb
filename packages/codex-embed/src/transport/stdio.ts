/** Owns the transport over a child process: JSON lines on its stdin and stdout. */

import type { CloseReason } from "../errors/index.js";
import type { AgentProcess } from "../process/agentProcess.js";
import { LineFramer } from "./lines.js";
import type { Transport, TransportReceiver } from "./transport.js";

/** Speaks JSON lines with a child process and owns it: when one ends, so does the other. */
export class StdioTransport implements Transport {
  readonly maxSentBytes = undefined;
  readonly #process: AgentProcess;
  readonly #maxFrameBytes: number;
  #closing = false;
  #ended = false;
  #fault: Error | undefined;

  constructor(process: AgentProcess, maxFrameBytes: number) {
    this.#process = process;
    this.#maxFrameBytes = maxFrameBytes;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  open(receiver: TransportReceiver): void {
    const framer = new LineFramer(
      {
        line: (text, bytes) => receiver.frame(text, bytes),
        oversize: (head, bytes) => receiver.oversize(head, bytes),
      },
      this.#maxFrameBytes,
    );
    const { stdin, stdout } = this.#process;
    stdout.on("data", (chunk: Buffer) => framer.push(chunk));
    stdout.once("end", () => this.#break(undefined));
    stdout.on("error", (error) => this.#break(error));
    stdin.on("error", (error) => this.#break(error));
    void this.#process.exited.then(async (exit) => {
      this.#ended = true;
      await this.#process.shutdown();
      framer.end();
      const error = this.#fault ?? exit.error;
      receiver.closed({
        initiator: this.#closing ? "client" : "runtime",
        exitCode: exit.exitCode,
        signal: exit.signal,
        stderrTail: this.#process.stderrTail(),
        ...(error === undefined ? {} : { error }),
      } satisfies CloseReason);
    });
  }

  send(text: string): void {
    if (!this.#ended && this.#process.stdin.writable) this.#process.stdin.write(`${text}\n`);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#process.shutdown();
  }

  async kill(): Promise<void> {
    this.#closing = true;
    await this.#process.kill();
  }

  /** A half of the pipe is gone. A dying process shows that before its exit; a living one is of no more use. */
  #break(error: Error | undefined): void {
    this.#fault ??= error;
    void this.#process.shutdown();
  }
}
