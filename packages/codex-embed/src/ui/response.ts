import { UsageError } from "../errors/base.js";
import { onAbort } from "../util/async.js";
import { isRecord } from "../util/json.js";
import { milliseconds, oneOf, recordOf, shownKey, text, wrongKind } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { agUiEvents } from "./agUi.js";
import { included, isTurn, STREAM, type UiStreamOptions, type UiTurn } from "./options.js";
import { END_ID, positionOf, START, sseBytes } from "./sse.js";
import { streamOf } from "./stream.js";
import { uiMessageChunks } from "./uiMessages.js";

/** Options of `toResponse`. */
export interface UiResponseOptions extends UiStreamOptions {
  /** `ui`: the AI SDK's UI message stream. `ag-ui`: the events of AG-UI. Default `ui`. */
  readonly format?: "ui" | "ag-ui" | undefined;
  /** After this many milliseconds of silence, a comment line keeps proxies from closing the connection. Default 15,000. */
  readonly heartbeatMs?: number | undefined;
  /** Further headers, or other values of those that are set. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * `interrupt`: interrupt the turn once nobody has read a response of it for `graceMs`. Default `continue`: the turn runs
   * to its end, and a reader can come back to it.
   */
  readonly onDisconnect?: "continue" | "interrupt" | undefined;
  /** How long a reader may take to come back, in milliseconds, with `onDisconnect: "interrupt"`. Default 10,000. */
  readonly graceMs?: number | undefined;
}

/** The request of the page: a web `Request`, or the `IncomingMessage` of `node:http`. */
export interface UiRequest {
  readonly headers: Pick<Headers, "get"> | Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** Events of a program's own, in the place of a turn. */
export interface OwnEvents {
  /**
   * Objects to send as JSON, whole: nothing is left out of them. They are read from the first on for every response, and
   * have to come in the same order each time. Let the last one say that it is the last, and catch errors: one that is
   * thrown breaks the connection.
   */
  readonly events: AsyncIterable<object, unknown, undefined>;
}

const RESPONSE: OptionTable<UiResponseOptions> = {
  ...STREAM,
  format: oneOf(["ui", "ag-ui"]),
  heartbeatMs: milliseconds,
  headers: recordOf(text),
  onDisconnect: oneOf(["continue", "interrupt"]),
  graceMs: milliseconds,
};

const CALL = "toResponse";

/**
 * A turn as a response of server-sent events. Every event has an id. A request with `Last-Event-ID`, which `EventSource`
 * sends by itself, gets what followed that event, each character once. One that has seen the end gets 204, at which
 * `EventSource` stops; one with an id that is none of these gets 400.
 *
 * The turn is read only as fast as the response is. Leaving the response ends its reader, and the turn only if
 * `onDisconnect` says so.
 *
 * @param source - the handle of a turn, or `{ events }` with objects of your own, which are sent as they are.
 * @param request - for its `Last-Event-ID` and its signal. Without it the response starts with the first event.
 * @throws UsageError for a source or a request of another kind, and for unknown options.
 *
 * @example
 * export function GET(request: Request): Response {
 *   return toResponse(turn, request);
 * }
 */
export function toResponse(source: UiTurn | OwnEvents, request?: UiRequest, options: UiResponseOptions = {}): Response {
  checkSource(source);
  checkRequest(request);
  const checked = checkOptions(options, CALL, RESPONSE);
  const { format = "ui", heartbeatMs = 15_000, onDisconnect = "continue", graceMs = 10_000 } = checked;
  const turn = isTurn(source) ? source : null;
  if (turn === null && onDisconnect === "interrupt") {
    throw new UsageError(`${CALL}: onDisconnect: "interrupt" needs a turn. Leave it out for events of your own.`);
  }
  const isUi = turn !== null && format === "ui";
  const headers = headersOf(isUi, checked.headers);

  const lastId = headerOf(request, "last-event-id");
  if (lastId === END_ID) return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
  const after = lastId === "" ? START : positionOf(lastId);
  if (after === null) return new Response("Last-Event-ID is not an id of this stream.\n", { status: 400 });

  const include = included(checked.include);
  const eventsFor = (gone: AbortSignal): AsyncIterator<object> => {
    if (!isTurn(source)) return ownEvents(source.events, gone);
    return isUi ? uiMessageChunks(source, include, gone) : agUiEvents(source, include, gone);
  };
  const bytesFor = (gone: AbortSignal): AsyncGenerator<Uint8Array> => {
    const bytes = sseBytes(eventsFor(gone), { after, heartbeatMs, done: isUi }, gone);
    const attended = turn !== null && onDisconnect === "interrupt";
    return attended ? withViewer(bytes, () => enter(turn, graceMs), gone) : bytes;
  };
  return new Response(streamOf(bytesFor, request?.signal), { headers });
}

function headersOf(isUi: boolean, given: Readonly<Record<string, string>> = {}): Headers {
  const headers = new Headers({
    "content-type": "text/event-stream",
    // A proxy that compresses collects events until they are worth it; nginx buffers unless told not to.
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
  });
  if (isUi) headers.set("x-vercel-ai-ui-message-stream", "v1");
  for (const [name, value] of Object.entries(given)) {
    try {
      headers.set(name, value);
    } catch (cause) {
      throw new UsageError(`${CALL}: headers.${shownKey(name)} is not a header of HTTP. Remove line breaks.`, {
        cause,
      });
    }
  }
  return headers;
}

/** A header of a request, or an empty string. */
function headerOf(request: UiRequest | undefined, name: string): string {
  if (request === undefined) return "";
  const { headers } = request;
  const value = isHeaders(headers) ? headers.get(name) : headers[name];
  return (typeof value === "string" ? value : value?.[0]) ?? "";
}

function isHeaders(headers: UiRequest["headers"]): headers is Pick<Headers, "get"> {
  return typeof headers.get === "function";
}

/** A plain stream of a turn's events is refused: it would be sent with all that `include` leaves out. */
function checkSource(source: unknown): void {
  if (isTurn(source) || (isRecord(source) && isIterable(source["events"]))) return;
  const advice =
    "Give the handle of a turn (await thread.startTurn(…)), or { events } for an async iterable of your own.";
  throw wrongKind(source, { call: CALL, path: "source" }, advice);
}

function isIterable(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function checkRequest(request: unknown): void {
  if (request === undefined || (isRecord(request) && isRecord(request["headers"]))) return;
  const advice = "Give the Request or the IncomingMessage, or leave it out. Options come third.";
  throw wrongKind(request, { call: CALL, path: "request" }, advice);
}

/** Events of the caller's own. */
async function* ownEvents(
  source: AsyncIterable<object, unknown, undefined>,
  gone: AbortSignal,
): AsyncGenerator<object> {
  const iterator = source[Symbol.asyncIterator]();
  // Not awaited: the return() of a generator waits for its next event.
  const stopListening = onAbort(gone, () => void iterator.return?.().then(undefined, () => {}));
  try {
    yield* { [Symbol.asyncIterator]: () => iterator };
  } finally {
    stopListening();
  }
}

/** Those who read a turn, and the timer since the last one left. */
interface Audience {
  count: number;
  timer: NodeJS.Timeout | undefined;
}

const audiences = new WeakMap<UiTurn, Audience>();

/** Counts a reader of a turn. The returned function ends that, and interrupts the turn if nobody comes in time. */
function enter(turn: UiTurn, graceMs: number): () => void {
  const audience = audiences.get(turn) ?? { count: 0, timer: undefined };
  audiences.set(turn, audience);
  audience.count += 1;
  clearTimeout(audience.timer);
  let isIn = true;
  return () => {
    if (!isIn) return;
    isIn = false;
    audience.count -= 1;
    if (audience.count > 0) return;
    // Interrupting a turn that has ended does nothing. One that cannot be interrupted has lost its runtime.
    audience.timer = setTimeout(() => void turn.interrupt().catch(() => {}), graceMs).unref();
  };
}

async function* withViewer<T>(values: AsyncGenerator<T>, come: () => () => void, gone: AbortSignal): AsyncGenerator<T> {
  const leave = come();
  const stopListening = onAbort(gone, leave);
  try {
    yield* values;
  } finally {
    stopListening();
    leave();
  }
}
