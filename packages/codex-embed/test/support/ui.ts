/** Reads what a page gets, with the parsers of the AI SDK and of AG-UI. */

import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type BaseEvent, verifyEvents } from "@ag-ui/client";
import { EventSchemas } from "@ag-ui/core/schemas";
import { EventSchemas as OldEventSchemas } from "agui0";
import * as ai6 from "ai6";
import * as ai7 from "ai7";
import {
  type AgUiEvent,
  type CodexUIMessageChunk,
  toAgUi,
  toUIMessageStream,
  type UiStreamOptions,
  type UiTurn,
} from "codex-embed/ui";
import { from, lastValueFrom, toArray } from "rxjs";
import { readAll } from "./turns.js";

/** What a page makes of a turn with the AI SDK. */
export interface Page {
  readonly chunks: readonly CodexUIMessageChunk[];
  readonly message: ai6.UIMessage;
  readonly errors: readonly unknown[];
}

/** Reads a turn as a page with ai 6 and one with ai 7 do. Throws when a chunk is invalid or they differ. */
export async function readPage(turn: UiTurn, options?: UiStreamOptions): Promise<Page> {
  const { events: chunks } = await readAll(toUIMessageStream(turn, options));
  const [six, seven] = await Promise.all([
    readWith(chunks, ai6.uiMessageChunkSchema(), (stream, onError) => ai6.readUIMessageStream({ stream, onError })),
    readWith(chunks, ai7.uiMessageChunkSchema(), (stream, onError) => ai7.readUIMessageStream({ stream, onError })),
  ]);
  if (JSON.stringify(parts(six.message)) !== JSON.stringify(parts(seven.message))) {
    throw new Error("ai 6 and ai 7 read the same stream in two ways.");
  }
  return { chunks, message: six.message, errors: six.errors };
}

/** ai 7 notes the id of a reasoning part too. */
function parts({ parts: all }: { readonly parts: readonly object[] }): object[] {
  return all.map((part) => {
    const { id: _, ...rest } = { id: undefined, ...part };
    return rest;
  });
}

type Chunks = readonly CodexUIMessageChunk[];
type ChunkSchema = ReturnType<typeof ai6.uiMessageChunkSchema> | ReturnType<typeof ai7.uiMessageChunkSchema>;

async function readWith<M extends object>(
  chunks: Chunks,
  schema: ChunkSchema,
  read: (stream: ReadableStream<CodexUIMessageChunk>, onError: (error: unknown) => void) => AsyncIterable<M>,
): Promise<{ readonly message: M; readonly errors: readonly unknown[] }> {
  for (const chunk of chunks) {
    const result = await schema.validate?.(chunk);
    if (result?.success !== true) throw new Error(`No chunk of the AI SDK: ${JSON.stringify(chunk)}`);
  }
  const errors: unknown[] = [];
  let message: M | undefined;
  for await (const state of read(ReadableStream.from(chunks), (error) => errors.push(error))) message = state;
  if (message === undefined) throw new Error("The stream made no message.");
  return { message, errors };
}

/** Reads a turn as AG-UI. Throws when an event is invalid, or comes out of order. */
export async function readAgUi(turn: UiTurn, options?: UiStreamOptions): Promise<readonly AgUiEvent[]> {
  const { events } = await readAll(toAgUi(turn, options));
  for (const event of events) {
    EventSchemas.parse(event);
    OldEventSchemas.parse(event);
  }
  const sent: BaseEvent[] = JSON.parse(JSON.stringify(events));
  await lastValueFrom(from(sent).pipe(verifyEvents(), toArray()));
  return events;
}

/** The text of a page. */
export function textsOf({ message }: Page): string[] {
  return message.parts.flatMap((part) => (part.type === "text" ? part.text : []));
}

/** An event of a stream of server-sent events. */
export interface SentEvent {
  readonly id: string;
  readonly data: string;
}

/** Reads server-sent events, up to the first for which `enough` says so. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  enough: (event: SentEvent) => boolean = () => false,
): Promise<SentEvent[]> {
  const events: SentEvent[] = [];
  let rest = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = { id: fieldOf(block, "id"), data: fieldOf(block, "data") };
      if (block.startsWith(":")) continue;
      events.push(event);
      if (enough(event)) return events;
    }
  }
  return events;
}

function fieldOf(block: string, name: string): string {
  const line = block.split("\n").find((each) => each.startsWith(`${name}: `));
  return line?.slice(name.length + 2) ?? "";
}

/** The chunks in events, without the mark of the end. */
export function chunksIn(events: readonly SentEvent[]): { readonly type: string; readonly delta?: string }[] {
  return events.flatMap(({ data }) => (data === "" || data === "[DONE]" ? [] : JSON.parse(data)));
}

/** The text of all pieces. */
export function textIn(events: readonly SentEvent[]): string {
  return chunksIn(events)
    .map(({ type, delta }) => (type === "text-delta" || type === "TEXT_MESSAGE_CONTENT" ? delta : ""))
    .join("");
}

/** Sends a web response by `node:http`. */
export async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body), response).catch(() => {});
}
