/** Owns the way between Node's HTTP messages and the web's, which the MCP library speaks. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** The body of a request. Null when it is larger than the limit; the rest of it is not read then. */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const data: unknown = chunk;
    if (!Buffer.isBuffer(data)) continue;
    bytes += data.length;
    if (bytes > maxBytes) return null;
    chunks.push(data);
  }
  return Buffer.concat(chunks);
}

/** The request as the library takes it. Its signal aborts when the response can no longer arrive. */
export function toRequest(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Request {
  const lost = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) lost.abort(new Error("The client has gone."));
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) headers.append(name, each);
  }
  return new Request(`http://${incoming.headers.host ?? "localhost"}${incoming.url ?? "/"}`, {
    method: incoming.method ?? "GET",
    headers,
    body: body.length === 0 ? null : new Uint8Array(body),
    signal: lost.signal,
  });
}

/** Sends the response, a stream of events as it comes. Resolves when it is sent, or its client has gone. */
export async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  if (reader === undefined) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  const onClose = (): void => void reader.cancel().catch(() => {});
  outgoing.once("close", onClose);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || outgoing.destroyed) break;
      if (!outgoing.write(value)) await drained(outgoing);
    }
    outgoing.end();
  } catch {
    // The exchange was ended under the stream; half a response must not look like a whole one.
    outgoing.destroy();
  } finally {
    outgoing.off("close", onClose);
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.once("drain", done);
    outgoing.once("close", done);
  });
}

/** A refusal below the protocol, as its clients read it. */
export function refusal(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = { jsonrpc: "2.0", error: { code: -32_000, message }, id: null };
  return Response.json(body, { status, headers });
}
