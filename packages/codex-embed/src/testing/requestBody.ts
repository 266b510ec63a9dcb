/** Owns the reading of a request's JSON body within a size limit. */

import type { IncomingMessage } from "node:http";
import { type JsonObject, isObject, parseJson } from "./json.js";

/** What reading a body came to. */
export type BodyRead =
  | { readonly outcome: "read"; readonly body: JsonObject }
  | { readonly outcome: "refused"; readonly status: number; readonly message: string }
  | { readonly outcome: "gone" };

/** Reads a body of at most `limitBytes`. It never rejects; `gone` means that the client hung up. */
export async function readJsonBody(incoming: IncomingMessage, limitBytes: number): Promise<BodyRead> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of incoming) {
      if (!(chunk instanceof Uint8Array)) continue;
      sizeBytes += chunk.byteLength;
      // What is too much is read and dropped: leaving the loop would destroy the connection that has to carry the answer.
      if (sizeBytes <= limitBytes) chunks.push(chunk);
    }
  } catch {
    return { outcome: "gone" };
  }
  if (sizeBytes > limitBytes) {
    return refused(413, `ScriptedModel accepts requests of at most ${limitBytes} bytes (maxRequestBytes).`);
  }
  const encoding = incoming.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return refused(415, `ScriptedModel cannot read a body encoded with ${encoding}.`);
  const body = parseJson(Buffer.concat(chunks).toString("utf8"));
  return isObject(body) ? { outcome: "read", body } : refused(400, "ScriptedModel got a body that is no JSON object.");
}

function refused(status: number, message: string): BodyRead {
  return { outcome: "refused", status, message };
}
