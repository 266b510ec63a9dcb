import { isRecord } from "../util/json.js";
import { pause } from "../util/async.js";

/**
 * A place in a sequence of events. Adjacent events that differ only in `delta` are pieces of one text and share an index:
 * a reader that lags gets them as one, so only the length of the text so far is the same for all readers.
 */
export interface Position {
  readonly index: number;
  /** Of a text: how many of its characters came before. */
  readonly length: number;
}

/** Before the first event. */
export const START: Position = { index: -1, length: 0 };

/** The id after the last event. */
export const END_ID = "end";

/** The position that an id stands for; null for what is no id. */
export function positionOf(id: string): Position | null {
  const [, index, length = "0"] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(id) ?? [];
  return index === undefined ? null : { index: Number(index), length: Number(length) };
}

/** How events are sent. */
export interface SseOptions {
  /** The first event to send is the one behind this position. */
  readonly after: Position;
  readonly heartbeatMs: number;
  /** Whether `[DONE]` follows the last event, as the AI SDK expects. */
  readonly done: boolean;
}

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(":\n\n");

/** The bytes of server-sent events, with an id each, and a comment after each silence. */
export async function* sseBytes(
  events: AsyncIterator<object>,
  { after, heartbeatMs, done }: SseOptions,
  gone: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const numbering = new Numbering(after);
  for (;;) {
    const next = events.next();
    while (await isSilent(next, heartbeatMs)) yield HEARTBEAT;
    const result = await next;
    if (gone.aborted) return;
    if (result.done === true) break;
    const numbered = numbering.next(result.value);
    if (numbered !== null) yield encoder.encode(`id: ${numbered.id}\ndata: ${JSON.stringify(numbered.event)}\n\n`);
  }
  // A block without data sets the id of an EventSource, and is no event.
  yield encoder.encode(`id: ${END_ID}\n${done ? "data: [DONE]\n" : ""}\n`);
}

/** Whether a promise takes longer. */
function isSilent(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return Promise.race([promise.then(() => false), pause(timeoutMs, promise).then(() => true)]);
}

/** Numbers events, and leaves out what came before a position. */
class Numbering {
  readonly #after: Position;
  #index = -1;
  /** The event of the last text without its piece. */
  #text: string | null = null;
  #length = 0;

  constructor(after: Position) {
    this.#after = after;
  }

  next(event: object): { readonly id: string; readonly event: object } | null {
    const { index, length } = this.#after;
    const piece = pieceOf(event);
    if (piece === null || piece.text !== this.#text) {
      this.#index += 1;
      this.#length = 0;
    }
    this.#text = piece?.text ?? null;
    if (piece === null) return this.#index <= index ? null : { id: String(this.#index), event };
    const start = this.#length;
    this.#length += piece.delta.length;
    if (this.#index < index) return null;
    const seen = this.#index === index ? length - start : 0;
    if (seen >= piece.delta.length && seen > 0) return null;
    const id = `${this.#index}.${this.#length}`;
    return { id, event: seen > 0 ? { ...event, delta: piece.delta.slice(seen) } : event };
  }
}

function pieceOf(event: object): { readonly text: string; readonly delta: string } | null {
  if (!isRecord(event) || typeof event["delta"] !== "string") return null;
  const { delta, ...rest } = event;
  return typeof delta === "string" ? { text: JSON.stringify(rest), delta } : null;
}
