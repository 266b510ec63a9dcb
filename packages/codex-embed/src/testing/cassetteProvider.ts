import { readFile } from "node:fs/promises";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable, Transform } from "node:stream";
import zlib from "node:zlib";
import { isRecord } from "../util/json.js";
import { CassetteError, type CassetteProvider } from "./cassetteOptions.js";
import { parseJson } from "./recordedRequest.js";
import type { SseEvent } from "./script.js";

/** Where a recording sends its requests, with the credentials that only the proxy has. */
export interface Upstream {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** What must not be in a cassette. */
  readonly secrets: readonly string[];
}

/** Finds the provider and its credentials. Rejects with a `CassetteError` if nobody is logged in. */
export async function findUpstream(provider: CassetteProvider | undefined): Promise<Upstream> {
  if (provider !== undefined) {
    const { baseUrl, apiKeyEnv } = provider;
    if (!URL.canParse(baseUrl)) throw new CassetteError("provider.baseUrl is not a URL. Give https://…/v1.");
    if (apiKeyEnv === undefined) return upstream(baseUrl);
    const key = process.env[apiKeyEnv];
    if (key === undefined || key === "") throw new CassetteError(`${apiKeyEnv} is not set. It must hold the API key.`);
    return upstream(baseUrl, key);
  }
  const key = process.env["OPENAI_API_KEY"];
  if (key !== undefined && key !== "") return upstream(OPENAI, key);
  const home = process.env["CODEX_HOME"] ?? join(homedir(), ".codex");
  const login = parseJson(await readFile(join(home, "auth.json"), "utf8").catch(() => ""));
  if (isRecord(login)) {
    const { OPENAI_API_KEY: stored, tokens } = login;
    if (typeof stored === "string" && stored !== "") return upstream(OPENAI, stored);
    // The token is used and never refreshed here: that would log the user's own runtime out.
    if (isRecord(tokens) && typeof tokens["access_token"] === "string") {
      const { access_token: token, account_id: account } = tokens;
      return upstream(CHATGPT, token, typeof account === "string" ? account : undefined);
    }
  }
  throw new CassetteError(
    "There is no login to record with. Set OPENAI_API_KEY, or run: npx codex login. A login that is kept in the " +
      "system's keyring cannot be read: set OPENAI_API_KEY.",
  );
}

const OPENAI = "https://api.openai.com/v1";
const CHATGPT = "https://chatgpt.com/backend-api/codex";

function upstream(baseUrl: string, token?: string, account?: string): Upstream {
  return {
    url: new URL(`${baseUrl.replace(/\/$/, "")}/responses`),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(account !== undefined && { "chatgpt-account-id": account }),
    },
    secrets: [token, account].filter((secret) => secret !== undefined),
  };
}

/** The headers of a request that do not go further: those of the connection, and those of the body as it was sent. */
const OF_THE_HOP = new Set([
  "host",
  "connection",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "accept-encoding",
  "authorization",
]);

/** Sends a request to the provider. Resolves with its answer as it begins. */
export function forward(
  { url, headers }: Upstream,
  from: IncomingMessage,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const kept = Object.entries(from.headers).filter(([name]) => !OF_THE_HOP.has(name));
  const send = url.protocol === "http:" ? httpRequest : httpsRequest;
  const outgoing = send(url, {
    method: "POST",
    headers: { ...Object.fromEntries(kept), ...headers, "content-length": body.byteLength },
    signal,
  });
  outgoing.end(body);
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
  });
}

/** The bytes of a message without its compression. One that is cut off ends early: `message.complete` is false then. */
export function decoded(message: IncomingMessage): Readable {
  const encoding = message.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  const decoder = encoding === "identity" ? new PassThrough() : decoderOf(encoding);
  message.on("error", () => decoder.end());
  return message.pipe(decoder);
}

/** A flush at the end gives what there is of a stream that was cut off. */
function decoderOf(encoding: string): Transform {
  const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = zlib.constants;
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return zlib.createGunzip({ finishFlush: Z_SYNC_FLUSH });
    case "deflate":
      return zlib.createInflate({ finishFlush: Z_SYNC_FLUSH });
    case "br":
      return zlib.createBrotliDecompress({ finishFlush: BROTLI_OPERATION_FLUSH });
    case "zstd": {
      // Node.js has it from 22.15 on.
      const create: unknown = Reflect.get(zlib, "createZstdDecompress");
      const decoder: unknown = typeof create === "function" ? Reflect.apply(create, zlib, []) : null;
      if (decoder instanceof Transform) return decoder;
      throw new CassetteError("Node.js reads zstd from 22.15 on. Update Node.js, or turn the compression off.");
    }
    default:
      throw new CassetteError(`A body is compressed with ${encoding}, which a cassette cannot read.`);
  }
}

/** Reads a stream of server-sent events piece by piece. Linear in the length of the stream. */
export class SseReader {
  readonly #decoder = new TextDecoder();
  #line: string[] = [];
  #data: string[] = [];

  /** Adds bytes. Returns the events that they complete. Without bytes, the stream has ended. */
  push(bytes?: Uint8Array): SseEvent[] {
    const text = bytes === undefined ? `${this.#decoder.decode()}\n\n` : this.#decoder.decode(bytes, { stream: true });
    const [rest = "", ...starts] = text.split("\n");
    this.#line.push(rest);
    const events: SseEvent[] = [];
    for (const start of starts) {
      const event = this.#endLine();
      if (event !== null) events.push(event);
      this.#line = [start];
    }
    return events;
  }

  #endLine(): SseEvent | null {
    const line = this.#line.join("").replace(/\r$/, "");
    if (line.startsWith("data:")) this.#data.push(line.slice("data:".length));
    if (line !== "") return null;
    const event = parseJson(this.#data.join("\n"));
    this.#data = [];
    return isRecord(event) && typeof event["type"] === "string" ? { ...event, type: event["type"] } : null;
  }
}
