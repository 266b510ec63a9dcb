import { isAbsolute } from "node:path";
import { UsageError } from "../errors/base.js";

/** Where a runtime listens. */
export interface Address {
  readonly url: URL;
  /** The path of a Unix socket. Then `url` is only for the HTTP handshake. */
  readonly socketPath?: string;
  /** The address without what may be secret in it. */
  readonly shown: string;
  /** Whether others can read the traffic. */
  readonly isExposed: boolean;
  /** Whether it is on this machine. */
  readonly isLoopback: boolean;
}

/** Reads the address of a runtime. Throws `UsageError` unless it is `ws://`, `wss://` or `unix://` with an absolute path. */
export function parseAddress(address: string): Address {
  if (address.startsWith("unix://")) {
    const socketPath = address.slice("unix://".length);
    if (!isAbsolute(socketPath)) {
      throw new UsageError(`${address} names no socket. Give an absolute path, such as unix:///run/codex.sock.`);
    }
    return { url: new URL("ws://localhost/"), socketPath, shown: address, isExposed: false, isLoopback: true };
  }
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new UsageError("The address of the runtime is not a URL. Give ws://…, wss://… or unix:///….", { cause });
  }
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new UsageError(`The address ${shown} has the scheme ${url.protocol} Give ws://…, wss://… or unix:///….`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(`The address ${shown} contains a user name or a password. Pass token instead.`);
  }
  if (url.hash !== "")
    throw new UsageError(`The address ${shown} has a fragment, which is never sent to a server. Remove it.`);
  const isLocal = isLoopback(url.hostname);
  return { url, shown, isExposed: url.protocol === "ws:" && !isLocal, isLoopback: isLocal };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** The token without surrounding whitespace, such as the line break of its file. Throws `UsageError` for what a header cannot carry. */
export function checkedToken(token: unknown): string {
  if (typeof token !== "string") throw new UsageError("The token must be a string.");
  const trimmed = token.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new UsageError(
    "The token is empty, or contains blanks or characters that HTTP headers cannot carry. Give the token alone.",
  );
}
