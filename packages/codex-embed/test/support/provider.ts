/** A provider that behaves like the real one, in front of a scripted model: random ids and pieces, gzip, 429. */

import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
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
  const answerOne = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    headers.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
    if (limited > 0) {
      limited -= 1;
      response.writeHead(429, { "content-type": "application/json", "retry-after": "0", "x-request-id": randomUUID() });
      response.end(
        JSON.stringify({ error: { type: "rate_limit_exceeded", message: "Slow down: try again in 0.01s" } }),
      );
      return;
    }
    const body = Buffer.concat(chunks);
    const kept = Object.entries(request.headers).filter(([name]) => /^(?:thread-id|x-)/.test(name));
    const gone = new AbortController();
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    response.once("close", () => gone.abort());
    try {
      const answer = await fetch(`${model.baseUrl}/responses`, {
        method: "POST",
        headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
        body,
        signal: gone.signal,
      });
      const type = answer.headers.get("content-type") ?? "";
      response.writeHead(answer.status, { "content-type": type, "content-encoding": "gzip", "x-account": ACCOUNT_ID });
      gzip.pipe(response);
      const { rename, pieces } = likeTheRealOne();
      const write = (text: string): void => {
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; ) {
          const size = randomInt(1, 400);
          gzip.write(bytes.subarray(at, at + size));
          at += size;
        }
      };
      let left = "";
      for await (const chunk of answer.body ?? []) {
        left += Buffer.from(chunk).toString("utf8");
        const blocks = left.split("\n\n");
        left = blocks.pop() ?? "";
        for (const block of blocks) for (const piece of pieces(rename(block))) write(`${piece}\n\n`);
      }
      write(left);
      gzip.end();
    } catch {
      // The model dropped the stream, or the runtime hung up. What was written before arrives.
      gzip.flush(() => setImmediate(() => response.socket?.end()));
    }
  };
  const server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => void answerOne(request, response));
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
function likeTheRealOne(): { rename: (text: string) => string; pieces: (block: string) => readonly string[] } {
  const ids = new Map<string, string>();
  const realId = (id: string): string => {
    const real = ids.get(id) ?? `${id.split("_")[0]}_${randomBytes(24).toString("hex")}`;
    ids.set(id, real);
    return real;
  };
  return {
    rename: (text) => text.replace(/(?<=")(?:resp|msg|fc|rs|ctc|call)_\d+(?=")/g, realId),
    pieces: (block) => {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data === undefined) return [block];
      return piecesOf(JSON.parse(data.slice(6))).map(
        (piece) => `event: ${String(piece["type"])}\ndata: ${JSON.stringify(piece)}`,
      );
    },
  };
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
    pieces.push({
      ...members,
      delta: delta.slice(at, at + size),
      obfuscation: randomBytes(randomInt(1, 9)).toString("hex"),
    });
    at += size;
  }
  return pieces;
}
