/** A small client of the Responses API, for tests that query a scripted model without a runtime. */

import type { JsonObject } from "../../../src/testing/recordedRequest.js";
import { isRecord } from "../../../src/util/json.js";

/** What an answer was. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The data of the SSE events, in order. */
  readonly events: readonly JsonObject[];
}

/** The body of a request as a thread of the runtime would send it. */
export function requestBody(text: string, threadId = "thread-1"): JsonObject {
  const content = [{ type: "input_text", text }];
  return { model: "mock-model", prompt_cache_key: threadId, input: [{ type: "message", role: "user", content }] };
}

/** Sends a request and settles with the response once its head is there. */
export function open(baseUrl: string, body: JsonObject | string = requestBody("hi")): Promise<Response> {
  return fetch(`${baseUrl}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Sends a request and reads the answer to its end. */
export async function ask(baseUrl: string, body?: JsonObject | string): Promise<Answer> {
  const response = await open(baseUrl, body);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, events: parseEvents(text) };
}

/** The data of the SSE events in a text. */
function parseEvents(text: string): JsonObject[] {
  return text
    .split("\n\n")
    .flatMap((block) => block.split("\n").filter((line) => line.startsWith("data: ")))
    .map((line): unknown => JSON.parse(line.slice("data: ".length)))
    .filter(isRecord);
}

/** The types of events, in order. */
export function types(events: readonly JsonObject[]): unknown[] {
  return events.map(({ type }) => type);
}

/** Reads a stream until `wanted` is in it; rejects when it ends before. */
export async function readUntil(
  response: Response,
  wanted: string,
): Promise<{ text: string; rest: () => Promise<string> }> {
  if (response.body === null) throw new Error("The response has no body.");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended without ${wanted}: ${text}`);
    text += value;
  }
  const rest = async (): Promise<string> => {
    let more = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return more;
      more += value;
    }
  };
  return { text, rest };
}
