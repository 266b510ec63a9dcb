import { isAscii } from "node:buffer";
import type { CloseReason } from "../errors/connection.js";
import { type AgentProcess, type AgentProcessOptions, startProcess } from "../process/agentProcess.js";
import { launchEnvironment, newMark } from "../process/environment.js";
import { type LaunchOptions, planLaunch } from "../process/launch.js";
import { locateRuntime } from "../process/locate.js";
import { withProfile } from "../process/profile.js";
import { DEFAULT_MAX_FRAME_BYTES, type OpenedTransport, type Transport, type TransportReceiver } from "./transport.js";

/** Options of {@link launchStdio}. */
export interface StdioOptions extends LaunchOptions, Pick<AgentProcessOptions, "spawn" | "onStderr"> {
  readonly codexBin?: string | undefined;
  /** The largest message taken from the runtime. Default 128 MiB. */
  readonly maxFrameBytes?: number | undefined;
}

/**
 * Finds the runtime and starts it. Rejects when the signal aborts first.
 *
 * @throws LaunchError `BINARY_NOT_FOUND` or `SPAWN_FAILED`; UsageError for options that cannot work. No process is left
 * behind then.
 */
export async function launchStdio(options: StdioOptions, signal: AbortSignal): Promise<OpenedTransport> {
  const located = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
  const plan = planLaunch({ ...(await withProfile(options)), located, mark: newMark() });
  const child = await startProcess(plan, options, signal);
  return {
    transport: new StdioTransport(child, options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES),
    codexBin: located.path,
    stderrTail: () => child.stderrTail(),
    killOrphans: (orphans) => child.killOrphans(orphans),
  };
}

/** JSON lines over the pipes of a child process. Owns the process: when one ends, so does the other. */
class StdioTransport implements Transport {
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

  /** One of the pipes broke: the process is about to exit, or has become useless. */
  #break(error: Error | undefined): void {
    this.#fault ??= error;
    void this.#process.shutdown();
  }
}

const LINE_FEED = 0x0a;
const HEAD_BYTES = 512;

/** Receives the lines of a {@link LineFramer}. */
export interface LineSink {
  /** Called with a non-empty line without its line feed, and its size in bytes. */
  line(text: string, bytes: number): void;
  /** Called for a skipped line over the limit, with its beginning and its size in bytes. */
  oversize(head: string, bytes: number): void;
}

/**
 * Splits a byte stream at LF only: U+2028 and the like are ordinary characters in JSON. Decodes whole lines, so a character
 * may be split over two chunks. Takes linear time, for one long line and for many short ones.
 */
export class LineFramer {
  readonly #sink: LineSink;
  readonly #maxLineBytes: number;
  #parts: Buffer[] = [];
  #pendingBytes = 0;
  #head: string | null = null;

  /** @param maxLineBytes - a longer line is skipped and reported with `oversize`. */
  constructor(sink: LineSink, maxLineBytes: number) {
    this.#sink = sink;
    this.#maxLineBytes = maxLineBytes;
  }

  /** Adds a chunk and reports every line that it completes. */
  push(chunk: Buffer): void {
    const whole = chunk.lastIndexOf(LINE_FEED) + 1;
    if (whole > 0) this.#split(chunk, whole);
    if (whole < chunk.length) this.#keep(whole === 0 ? chunk : chunk.subarray(whole));
  }

  /** Reports the last line when the stream ended without a line feed. */
  end(): void {
    this.#complete(Buffer.alloc(0), 0, 0);
  }

  /** Reports the lines that end before `whole`, which follows a line feed. */
  #split(chunk: Buffer, whole: number): void {
    let start = 0;
    if (this.#pendingBytes > 0) {
      start = chunk.indexOf(LINE_FEED) + 1;
      this.#complete(chunk, 0, start - 1);
    }
    const lines = chunk.subarray(start, whole);
    if (isAscii(lines) && lines.length <= this.#maxLineBytes) {
      this.#splitText(lines.toString("latin1"));
      return;
    }
    for (let end = chunk.indexOf(LINE_FEED, start); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#complete(chunk, start, end);
      start = end + 1;
    }
  }

  /** The same for ASCII lines within the limit: decodes all of them at once. */
  #splitText(lines: string): void {
    let start = 0;
    for (let end = lines.indexOf("\n"); end !== -1; end = lines.indexOf("\n", start)) {
      if (end > start) this.#sink.line(lines.slice(start, end), end - start);
      start = end + 1;
    }
  }

  #complete(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#pendingBytes + end - start;
    if (this.#pendingBytes === 0 && bytes <= this.#maxLineBytes) {
      if (bytes > 0) this.#sink.line(chunk.toString("utf8", start, end), bytes);
      return;
    }
    if (end > start) this.#keep(chunk.subarray(start, end));
    const parts = this.#parts;
    const head = this.#head;
    this.#parts = [];
    this.#pendingBytes = 0;
    this.#head = null;
    if (head !== null) this.#sink.oversize(head, bytes);
    else this.#sink.line(Buffer.concat(parts, bytes).toString("utf8"), bytes);
  }

  #keep(part: Buffer): void {
    this.#pendingBytes += part.length;
    if (this.#head !== null) return;
    this.#parts.push(part);
    if (this.#pendingBytes > this.#maxLineBytes) {
      this.#head = Buffer.concat(this.#parts).toString("utf8", 0, HEAD_BYTES);
      this.#parts = [];
    }
  }
}
