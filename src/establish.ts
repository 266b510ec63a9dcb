/** Owns getting a connection that can be used: the endpoint is opened, and the runtime behind it has answered. */

import { onAbort } from "./abort.js";
import type { Endpoint } from "./endpoint/endpoint.js";
import { type CloseReason, TransportClosedError } from "./errors/index.js";
import { type RuntimeMetadata, shakeHands } from "./handshake.js";
import { type ClientOptions, DEFAULT_STARTUP_TIMEOUT_MS } from "./options.js";
import { Connection, type ConnectionReceiver } from "./rpc/connection.js";
import { DEFAULT_MAX_FRAME_BYTES } from "./transport/lines.js";

/** The reason of what was closed before there was anything to close. */
export const NEVER_STARTED: CloseReason = { initiator: "client", exitCode: null, signal: null, stderrTail: "" };

/** What a connection is made with. */
export interface EstablishOptions {
  readonly client: ClientOptions;
  readonly receiver: ConnectionReceiver;
  /** Aborts when the client is closed: what was opened is closed again. */
  readonly signal: AbortSignal;
  /** Told of the connection as soon as there is one, before anything is said on it. */
  readonly onOpen: (connection: Connection) => void;
  readonly warn: (message: string) => void;
}

/** A connection, and what the runtime has told of itself on it. */
export interface Established {
  readonly connection: Connection;
  readonly metadata: RuntimeMetadata;
}

/**
 * Opens the endpoint and shakes hands, both within `startupTimeoutMs`.
 *
 * @throws LaunchError; TransportClosedError when the client was closed meanwhile. Nothing is left behind then.
 */
export async function establish(endpoint: Endpoint, options: EstablishOptions): Promise<Established> {
  const { client, receiver, signal, onOpen, warn } = options;
  const began = performance.now();
  const timeoutMs = client.startupTimeoutMs ?? DEFAULT_STARTUP_TIMEOUT_MS;
  const { transport, codexBin, stderrTail } = await endpoint.open(timeoutMs, signal);
  const maxFrameBytes = client.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  const connection = new Connection(transport, receiver, { maxFrameBytes });
  onOpen(connection);
  const close = () => void connection.close();
  const stop = onAbort(signal, close);
  if (signal.aborted) close();
  try {
    const leftMs = Math.max(1, Math.ceil(timeoutMs - (performance.now() - began)));
    const metadata = await shakeHands(connection, client, { codexBin, timeoutMs: leftMs, stderrTail, warn });
    // The answer may have been on its way when close() was called.
    if (signal.aborted) throw new TransportClosedError(NEVER_STARTED);
    return { connection, metadata };
  } catch (error) {
    await connection.close();
    throw error;
  } finally {
    stop();
  }
}
