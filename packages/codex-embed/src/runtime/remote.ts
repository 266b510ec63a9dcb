import { validateHeaderName, validateHeaderValue } from "node:http";
import { messageOf, UsageError } from "../errors/base.js";
import { LaunchError } from "../errors/connection.js";
import { type Address, checkedToken, parseAddress } from "../transport/address.js";
import { DEFAULT_MAX_FRAME_BYTES } from "../transport/transport.js";
import type { WebSocketOptions, WebSocketTransport } from "../transport/websocket.js";
import { withLimits } from "../util/async.js";
import type { Endpoint, RecoveryPlan } from "./connectionManager.js";
import type { ConnectOptions, ReconnectOptions } from "./options.js";

const DEFAULT_PING_INTERVAL_MS = 20_000;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/**
 * The endpoint of a runtime at `ws://`, `wss://` or `unix://`.
 *
 * @throws UsageError for a malformed address, for headers or tokens that HTTP cannot carry, and for a token that would be
 * sent unencrypted to another machine.
 */
export function remoteEndpoint(address: string, options: ConnectOptions): Endpoint {
  const target = parseAddress(address);
  const hasToken = options.token !== undefined || options.tokenProvider !== undefined;
  const headers = checkedHeaders(options);
  if (options.token !== undefined && options.tokenProvider !== undefined) {
    throw new UsageError("token and tokenProvider are both set. Remove one of them.");
  }
  const isSecret =
    hasToken || Object.keys(headers).some((name) => /^(?:authorization|cookie|proxy-authorization)$/i.test(name));
  if (isSecret && target.isExposed && options.allowInsecureToken !== true) {
    throw new UsageError(
      `The token would be sent to ${target.shown} unencrypted. Use wss://, use a tunnel to a loopback address, or pass allowInsecureToken: true.`,
    );
  }
  return {
    recovery: reconnectPlan(options.reconnect ?? true),
    cwd: null,
    sharesFiles: false,
    isElsewhere: !target.isLoopback,
    async open(signal) {
      const token = options.tokenProvider === undefined ? options.token : await tokenOf(options.tokenProvider, signal);
      const transport = await reach(target, {
        headers: token === undefined ? headers : { ...headers, Authorization: `Bearer ${checkedToken(token)}` },
        ca: options.ca,
        signal,
        maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
        pingIntervalMs: options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS,
      });
      return { transport, codexBin: null, stderrTail: () => "", killOrphans: null };
    },
  };
}

function reconnectPlan(reconnect: boolean | ReconnectOptions): RecoveryPlan | null {
  if (reconnect === false) return null;
  const { initialDelayMs = 100, maxDelayMs = 5_000, giveUpAfterMs = 300_000 } = reconnect === true ? {} : reconnect;
  return { kind: "reconnect", initialDelayMs, maxDelayMs, giveUpAfterMs };
}

function checkedHeaders({ headers = {}, token, tokenProvider }: ConnectOptions): Record<string, string> {
  for (const [name, value] of Object.entries(headers)) {
    checkHeader(name, value);
    if (/^origin$/i.test(name)) {
      throw new UsageError("headers contain Origin, and the runtime refuses every connection with one. Remove it.");
    }
    if (/^authorization$/i.test(name) && (token !== undefined || tokenProvider !== undefined)) {
      throw new UsageError("headers contain Authorization, and so does the token option. Remove one of them.");
    }
  }
  return { ...headers };
}

function checkHeader(name: string, value: unknown): void {
  if (typeof value !== "string") throw new UsageError(`The header ${JSON.stringify(name)} must be a string.`);
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw new UsageError(
      `The header ${JSON.stringify(name)} contains a line break or another character that HTTP headers cannot carry. Remove it.`,
      { cause },
    );
  }
}

async function tokenOf(provider: () => string | Promise<string>, signal: AbortSignal): Promise<string> {
  try {
    return await withLimits(Promise.resolve(provider()), { signal });
  } catch (cause) {
    const why = messageOf(cause);
    throw new LaunchError("CONNECT_FAILED", `The tokenProvider returned no token: ${why}`, { cause });
  }
}

type Reach = Omit<WebSocketOptions, "url" | "socketPath">;

async function reach({ url, socketPath, shown }: Address, options: Reach): Promise<WebSocketTransport> {
  try {
    // Loaded on demand: programs that start their runtime need no WebSockets.
    const { connectWebSocket } = await import("../transport/websocket.js");
    return await connectWebSocket({ url: url.href, socketPath, ...options });
  } catch (cause) {
    const why = messageOf(cause);
    const status = statusOf(cause);
    if (status === UNAUTHORIZED) {
      throw new LaunchError(
        "UNAUTHORIZED",
        `The runtime at ${shown} rejected the token (${why}). Pass a valid token or tokenProvider`,
        {
          cause,
        },
      );
    }
    const message = `The runtime at ${shown} could not be reached: ${why}. ${adviceOn(cause, status)}`;
    throw new LaunchError("CONNECT_FAILED", message, { cause });
  }
}

/** The HTTP status of a refused upgrade, or null. */
function statusOf(cause: unknown): number | null {
  return cause instanceof Error && "status" in cause && typeof cause.status === "number" ? cause.status : null;
}

function adviceOn(cause: unknown, status: number | null): string {
  if (status === FORBIDDEN) {
    return "It refuses connections from browsers. Check that no proxy in between adds an Origin header";
  }
  if (status !== null) return "Check that the address is that of `codex app-server --listen`";
  if (isOutOfFiles(cause)) return "This program has too many open files. Close some, or raise its limit (ulimit -n)";
  return "Check the address, and that `codex app-server --listen` runs there";
}

function isOutOfFiles(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EMFILE" || cause.code === "ENFILE");
}
