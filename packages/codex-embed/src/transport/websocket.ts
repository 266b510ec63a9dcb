import { connect as connectSocket } from "node:net";
import { WebSocket } from "ws";
import { type CloseReason, FrameTooLargeError } from "../errors/connection.js";
import { redactSecrets } from "../process/stderr.js";
import { onAbort } from "../util/async.js";
import type { Transport, TransportReceiver } from "./transport.js";

/** The runtime drops a connection that sends it more in one message (measured). */
const MAX_SENT_BYTES = 16 * 1024 * 1024;
/** How much of the body of a refusal to read. */
const MAX_REFUSAL_BYTES = 4_096;
/** How long to wait for the close frame of the other side. */
const CLOSE_GRACE_MS = 1_000;

/** Options of {@link connectWebSocket}. */
export interface WebSocketOptions {
  /** The URL of the upgrade request. Its host is ignored for a unix socket. */
  readonly url: string;
  readonly socketPath?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Ends the attempt when it aborts. */
  readonly signal: AbortSignal;
  readonly maxFrameBytes: number;
  /** Milliseconds between two pings. The other side has as long to answer. */
  readonly pingIntervalMs: number;
}

/** The other side refused the connection. */
class UpgradeRefusedError extends Error {
  override readonly name: string = "UpgradeRefusedError";
  readonly status: number;

  constructor(status: number, body: string) {
    super(`HTTP ${status}${body === "" ? "" : `: ${body}`}`);
    this.status = status;
  }
}

/**
 * Connects over a WebSocket, with one JSON message in each text frame. Rejects with {@link UpgradeRefusedError}, the system's
 * error, or the signal's reason; no socket is left open then. The signal is the only time limit: the timeouts of `ws` and
 * `node:http` restart with every byte, and ignore a socket from `createConnection`.
 */
export function connectWebSocket(options: WebSocketOptions): Promise<WebSocketTransport> {
  const { url, socketPath, headers, ca, signal, maxFrameBytes } = options;
  const socket = new WebSocket(url, {
    headers,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    ...(ca === undefined
      ? {}
      : { ca: [ca].flat().map((each) => (typeof each === "string" ? each : Buffer.from(each))) }),
    ...(socketPath === undefined ? {} : { createConnection: () => connectSocket({ path: socketPath }) }),
  });
  let stop = (): void => {};
  return new Promise<WebSocketTransport>((resolve, reject) => {
    let giveUp = (): void => {
      reject(signal.reason);
      socket.terminate();
    };
    stop = onAbort(signal, () => giveUp());
    if (signal.aborted) giveUp();
    socket.once("open", () => {
      socket.off("error", reject);
      resolve(new WebSocketTransport(socket, options));
    });
    // Never removed: a destroyed socket may emit one more error.
    socket.on("error", reject);
    socket.once("unexpected-response", (request, response) => {
      // The connection may still be reset after its response has ended, when no request handles its errors.
      response.socket.on("error", () => {});
      const body: Buffer[] = [];
      let bytes = 0;
      const refuse = (): void => {
        const text = withoutSecrets(Buffer.concat(body).toString("utf8"), headers);
        reject(new UpgradeRefusedError(response.statusCode ?? 0, oneLine(text)));
        request.destroy();
      };
      response.on("data", (chunk: Buffer) => {
        body.push(chunk);
        bytes += chunk.length;
        if (bytes > MAX_REFUSAL_BYTES) refuse();
      });
      response.once("end", refuse);
      response.once("error", refuse);
      // The status is known, so do not wait for a body that never ends.
      giveUp = refuse;
    });
  }).finally(stop);
}

/** A server may quote what it refuses. Removes what was sent to it, and anything that looks like a credential. */
function withoutSecrets(text: string, headers: WebSocketOptions["headers"]): string {
  const sent = Object.entries(headers)
    .filter(([name]) => /authorization|cookie|token|secret|key/i.test(name))
    .flatMap(([, value]) => [value, ...value.split(/\s+/).slice(1)]);
  return redactSecrets(
    sent.reduce((result, secret) => (secret === "" ? result : result.replaceAll(secret, "[redacted]")), text),
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 200);
}

/** JSON messages over an open WebSocket. Closes it when the other side no longer answers pings. */
export class WebSocketTransport implements Transport {
  readonly pid = undefined;
  readonly maxSentBytes = MAX_SENT_BYTES;
  readonly #socket: WebSocket;
  readonly #maxFrameBytes: number;
  readonly #pingIntervalMs: number;
  readonly #closed: Promise<void>;
  #markClosed: () => void = () => {};
  #isClosing = false;
  #isAlive = true;
  #fault: Error | undefined;

  constructor(socket: WebSocket, { maxFrameBytes, pingIntervalMs }: WebSocketOptions) {
    this.#socket = socket;
    this.#maxFrameBytes = maxFrameBytes;
    this.#pingIntervalMs = pingIntervalMs;
    this.#closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    // For errors between the upgrade and `open`.
    socket.on("error", (error) => this.#fail(error));
  }

  open(receiver: TransportReceiver): void {
    const socket = this.#socket;
    const pinging = setInterval(() => this.#ping(), this.#pingIntervalMs);
    pinging.unref();
    const end = (code: number): void => {
      clearInterval(pinging);
      receiver.closed(this.#reason(code));
      this.#markClosed();
    };
    socket.on("message", (data: Buffer, isBinary) => {
      this.#isAlive = true;
      if (!isBinary) receiver.frame(data.toString("utf8"), data.length);
    });
    socket.on("pong", () => {
      this.#isAlive = true;
    });
    if (socket.readyState === WebSocket.CLOSED) end(1006);
    else socket.once("close", end);
  }

  send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#socket.close(1000);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#isClosing = true;
    this.#socket.terminate();
    await this.#closed;
  }

  /** A connection whose other side has vanished shows no sign of it on its own. */
  #ping(): void {
    if (!this.#isAlive) {
      // A program that was busy or asleep has unread data, which it reads before an immediate.
      setImmediate(() => {
        if (!this.#isAlive) this.#giveUp();
      });
      return;
    }
    this.#isAlive = false;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  #giveUp(): void {
    this.#fail(new Error(`nothing was heard for ${this.#pingIntervalMs} ms after a ping`));
    this.#socket.terminate();
  }

  #fail(error: Error): void {
    const tooLarge = "code" in error && error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    this.#fault ??= tooLarge ? new FrameTooLargeError(this.#maxFrameBytes) : error;
  }

  #reason(code: number): CloseReason {
    const initiator = this.#isClosing ? "client" : "runtime";
    const error =
      this.#fault ?? (this.#isClosing ? undefined : new Error(`the WebSocket was closed with code ${code}`));
    return { initiator, exitCode: null, signal: null, stderrTail: "", ...(error === undefined ? {} : { error }) };
  }
}
