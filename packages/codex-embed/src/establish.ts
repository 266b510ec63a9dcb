/** Owns getting a connection that can be used: the endpoint is opened, and the runtime behind it has answered. */

import { TimeLimitError, timeLimit } from "./abort.js";
import type { Endpoint, OpenedEndpoint } from "./endpoint/endpoint.js";
import { type CloseReason, TransportClosedError } from "./errors/index.js";
import { type RuntimeMetadata, shakeHands } from "./handshake.js";
import { type ClientOptions, startupLimitMs } from "./options.js";
import { Connection, type ConnectionReceiver } from "./rpc/connection.js";
import { DEFAULT_MAX_FRAME_BYTES } from "./transport/lines.js";

/** The reason of what was closed before there was anything to close. */
export const NEVER_STARTED: CloseReason = { initiator: "client", exitCode: null, signal: null, stderrTail: "" };

/** What a connection is made with. */
export interface EstablishOptions {
  readonly client: ClientOptions;
  readonly receiver: ConnectionReceiver;
  /** Aborts when the client is closed, with `TransportClosedError`, or gives up: what was opened is closed again. */
  readonly signal: AbortSignal;
  /** Told of the connection as soon as there is one, before anything is said on it. */
  readonly onOpen: (connection: Connection) => void;
  readonly warn: (message: string) => void;
}

/** A connection, and what the runtime has told of itself on it. */
export interface Established {
  readonly connection: Connection;
  readonly metadata: RuntimeMetadata;
  readonly killOrphans: OpenedEndpoint["killOrphans"];
}

/**
 * Opens the endpoint and shakes hands. One timer, `startupTimeoutMs`, limits all of it; what it ends is killed, since a
 * runtime that hangs does not answer a polite end either.
 *
 * @throws LaunchError; TransportClosedError when the client was closed meanwhile. Nothing is left behind then.
 */
export async function establish(endpoint: Endpoint, options: EstablishOptions): Promise<Established> {
  const { client, signal } = options;
  const limit = timeLimit("startupTimeoutMs", startupLimitMs(client), signal);
  try {
    return await connectWithin(endpoint, options, limit.signal);
  } catch (error) {
    throw TransportClosedError.isInstance(signal.reason) ? signal.reason : error;
  } finally {
    limit.stop();
  }
}

async function connectWithin(
  endpoint: Endpoint,
  { client, receiver, onOpen, warn }: EstablishOptions,
  signal: AbortSignal,
): Promise<Established> {
  signal.throwIfAborted();
  const { transport, codexBin, stderrTail, killOrphans } = await endpoint.open(signal);
  const maxFrameBytes = client.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  const connection = new Connection(transport, receiver, { maxFrameBytes });
  onOpen(connection);
  try {
    const metadata = await shakeHands(connection, client, { codexBin, signal, stderrTail, warn });
    // The answer may have been on its way when the signal aborted.
    signal.throwIfAborted();
    return { connection, metadata, killOrphans };
  } catch (error) {
    await (signal.reason instanceof TimeLimitError ? connection.kill() : connection.close());
    throw error;
  }
}
