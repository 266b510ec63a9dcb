/** A provider that behaves like the real one, in front of a scripted model: random ids and pieces, gzip, 429. */

import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { constants, createGzip } from "node:zlib";
import type { ScriptedModel } from "codex-embed/testing";


/** The account that the provider names in its answers. */
export const ACCOUNT_ID = "acct_4f0c1a";

export interface Provider extends AsyncDisposable {
  readonly baseUrl: string;
  /** The headers of each request. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** Answers the next requests with 429, after which the runtime tries again. */
  limitNext(count: number): void;
}

/** Starts a provider whose answers are those of `model`. */
export async function startProvider(model: ScriptedModel): Promise<Provider> {
  const headers: IncomingHttpHeaders[] = [];
  let limited = 0;
  const server = createServer({ maxHeaderSize: 1024 * 1024 }, async (request, response) => {
    headers.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
    if (limited > 0) {
      limited -= 1;
      response.writeHead(429, { "content-type": "application/json", "retry-after": "0", "x-request-id": randomUUID() });
      response.end(JSON.stringify({ error: { type: "rate_limit_exceeded", message: "Slow down: try again in 0.01s" } }));
      return;
    }
    const body = Buffer.concat(chunks);
    const kept = Object.entries(request.headers).filter(([name]) => /^(?:thread-id|x-)/.test(name));
    const answer = await fetch(`${model.baseUrl}/responses`, {
      method: "POST",
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      body,
    });
    const type = answer.headers.get("content-type") ?? "";
    const text = likeTheRealOne(await answer.text());
    const length = Buffer.byteLength(text);
    response.writeHead(answer.status, { "content-type": type, "content-encoding": "gzip", "x-account": ACCOUNT_ID });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    const bytes = Buffer.from(text);
    for (let at = 0; at < length; ) {
      const size = randomInt(1, 400);
      gzip.write(bytes.subarray(at, at + size));
      at += size;
    }
    gzip.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    headers,
    limitNext: (count) => {
      limited = count;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Gives ids of the real form, cuts deltas anywhere, and repeats the request and the account in each response. */
function likeTheRealOne(text: string): string {
  const ids = new Map<string, string>();
  const realId = (id: string): string => {
    const real = ids.get(id) ?? `${id.split("_")[0]}_${randomBytes(24).toString("hex")}`;
    ids.set(id, real);
    return real;
  };
  const renamed = text.replace(/(?<=")(?:resp|msg|fc|rs|ctc|call)_\d+(?=")/g, realId);
  return renamed
    .split("\n\n")
    .flatMap((block) => {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data === undefined) return block === "" ? [] : [block];
      const event: unknown = JSON.parse(data.slice(6));
      return piecesOf(event).map((piece) => `event: ${piece["type"]}\ndata: ${JSON.stringify(piece)}`);
    })
    .map((block) => `${block}\n\n`)
    .join("");
}

function piecesOf(event: unknown): readonly Record<string, unknown>[] {
  if (typeof event !== "object" || event === null) return [];
  const members: Record<string, unknown> = { ...event };
  const { delta, response } = members;
  if (typeof response === "object" && response !== null) {
    return [{ ...members, response: { ...response, instructions: "…", user: ACCOUNT_ID, tools: [] } }];
  }
  if (typeof delta !== "string") return [members];
  const pieces: Record<string, unknown>[] = [];
  for (let at = 0; at < delta.length; ) {
    const size = randomInt(1, 9);
    pieces.push({ ...members, delta: delta.slice(at, at + size), obfuscation: randomBytes(randomInt(1, 9)).toString("hex") });
    at += size;
  }
  return pieces;
}
