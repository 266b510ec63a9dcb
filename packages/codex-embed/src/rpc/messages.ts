import { CodexError, UsageError } from "../errors/base.js";
import type { ThreadFate } from "../errors/connection.js";
import type { RequestId, WireNotification, WireRequest } from "../protocol/shapes.js";
import { watchLimits } from "../util/async.js";
import {
  describeFault,
  findJsonFault,
  isRecord,
  type JsonFault,
  MAX_MESSAGE_LEVELS,
  replaceUnpairedSurrogates,
} from "../util/json.js";

/** Whether a parsed line is a notification. */
export function isNotification(
  message: Readonly<Record<string, unknown>>,
): message is Readonly<Record<string, unknown>> & WireNotification {
  return typeof message["method"] === "string" && message["id"] === undefined;
}

/** Whether a parsed line is a request of the runtime. */
export function isRequest(
  message: Readonly<Record<string, unknown>>,
): message is Readonly<Record<string, unknown>> & WireRequest {
  return typeof message["method"] === "string" && isRequestId(message["id"]);
}

/** Whether a value can identify a request. */
export function isRequestId(value: unknown): value is RequestId {
  return typeof value === "number" || typeof value === "string";
}

/** The id that the beginning of a cut answer names, when it can still be read. The runtime writes the id first. */
export function answeredId(head: string): number | undefined {
  const id = /^\s*\{\s*"id"\s*:\s*(\d+)\s*,\s*"(?:result|error)"/.exec(head)?.[1];
  return id === undefined ? undefined : Number(id);
}

const MAX_PAYLOAD_LEVELS = MAX_MESSAGE_LEVELS - 1;

/**
 * Writes a request or a notification. Throws `UsageError` with the place in the parameters that the runtime could not
 * read, or that JSON would lose or change.
 */
export function writeCall(method: string, params: unknown, id?: number): string {
  const fault = findJsonFault(params, { maxLevels: MAX_PAYLOAD_LEVELS, instances: true });
  if (fault !== undefined) throw new UsageError(`${method} was not sent: ${describePayloadFault(fault, "params")}.`);
  try {
    return JSON.stringify({ method, id, params });
  } catch (cause) {
    throw new UsageError(`The parameters of ${method} cannot be written as JSON: they are too large.`, { cause });
  }
}

/**
 * Writes an answer, with U+FFFD in place of unpaired surrogates. Throws `CodexError` (`UNSENDABLE`) with the place in
 * the result that the runtime could not read, or that JSON would lose or change.
 */
export function writeAnswer(id: RequestId, result: unknown): string {
  const rules = { maxLevels: MAX_PAYLOAD_LEVELS, unpairedSurrogates: true, instances: true };
  const fault = findJsonFault(result, rules);
  if (fault !== undefined) {
    throw new CodexError("UNSENDABLE", `The answer was not sent: ${describePayloadFault(fault, "the answer")}.`);
  }
  return replaceUnpairedSurrogates(JSON.stringify({ id, result }));
}

/** Writes an answer that is an error of this client. */
export function writeError(id: RequestId, message: string): string {
  return JSON.stringify({ id, error: { code: -32603, message } });
}

function describePayloadFault(fault: JsonFault, root: string): string {
  return `${describeFault(fault, root)}. Pass plain, well-formed JSON data, at most ${MAX_PAYLOAD_LEVELS} levels deep`;
}

/** A message as it was read; what it holds is as the other side wrote it. */
export type WireMessage = Readonly<Record<string, unknown>>;

/** What a JSON object begins with. A flood of other lines is skipped many times faster than the parser fails on each. */
const OBJECT = /^[ \t\r]*\{/;

/** A longer message is no piece of a row: to write it anew would cost more than is saved, and the row would keep it. */
const MAX_PIECE_CHARS = 8_192;

/** What notifications that come in a row share: all but the value of `params.delta` and the time. */
interface Row {
  readonly method: string;
  readonly params: WireMessage;
  /** The text before the piece, and between it and the time. */
  readonly head: string;
  readonly tail: string;
  /** The time of the latest message, and the text of it behind the piece. Messages that are read at once share it. */
  emittedAtMs: number;
  end: string;
}

/** Reads the messages of one connection, in order. */
export class MessageReader {
  #row: Row | null = null;
  /** The item of the latest piece that was parsed: when pieces of many items come mixed, no row is looked for. */
  #latestItem: unknown;

  /** Reads a line; undefined when it is not a JSON object. */
  read(text: string): WireMessage | undefined {
    const row = this.#row;
    // To compare a slice takes an eighth of what `startsWith` takes (measured).
    if (row !== null && text.slice(0, row.head.length) === row.head) {
      const message = continued(row, text);
      if (message !== undefined) return message;
    }
    return this.#parse(text);
  }

  #parse(text: string): WireMessage | undefined {
    if (text[0] !== "{" && !OBJECT.test(text)) return undefined;
    try {
      const message: WireMessage = JSON.parse(text);
      const { params } = message;
      if (isRecord(params) && typeof params["delta"] === "string") this.#notice(message, params, text);
      return message;
    } catch {
      return undefined;
    }
  }

  #notice(message: WireMessage, params: WireMessage, text: string): void {
    const { itemId } = params;
    const isRow = itemId === this.#latestItem && text.length <= MAX_PIECE_CHARS;
    if (isRow) this.#row = rowOf(message, params, text) ?? this.#row;
    this.#latestItem = itemId;
  }
}

/** The row that a message belongs to, when its text is exactly what would be written of it. */
function rowOf({ method, emittedAtMs }: WireMessage, params: WireMessage, text: string): Row | undefined {
  const members = Object.entries(params);
  // What is no plain value would be shared by all messages of the row.
  const isPlain = members.every(([, value]) => typeof value !== "object");
  if (!isPlain || typeof method !== "string" || typeof emittedAtMs !== "number") return undefined;
  const at = members.findIndex(([name]) => name === "delta");
  const written = members.map((member) => member.map((part) => JSON.stringify(part)).join(":"));
  const before = written.slice(0, at).map((member) => `${member},`);
  const after = written.slice(at + 1).map((member) => `,${member}`);
  const head = `{"method":${JSON.stringify(method)},"params":{${before.join("")}"delta":`;
  const tail = `${after.join("")}},"emittedAtMs":`;
  const end = `${tail}${emittedAtMs}}`;
  if (text !== `${head}${JSON.stringify(params["delta"])}${end}`) return undefined;
  // Parsed once more, since the message goes to the user; what was made by spreading is slow to spread again (measured).
  const own: { params: WireMessage } = JSON.parse(text);
  return { method, params: own.params, head, tail, emittedAtMs, end };
}

/**
 * The message of a text that begins as the row does, or undefined when it goes on otherwise. With one value between
 * the same beginning and the same end there is no other reading.
 */
function continued(row: Row, text: string): WireMessage | undefined {
  const { method, params, head } = row;
  const endAt = text.length - row.end.length;
  if (endAt < head.length || !endsAsRow(row, text.slice(endAt))) return undefined;
  try {
    // Parsed, not sliced: a slice would keep all that was read with it.
    const delta: unknown = JSON.parse(text.slice(head.length, endAt));
    return { method, params: { ...params, delta }, emittedAtMs: row.emittedAtMs };
  } catch {
    return undefined;
  }
}

function endsAsRow(row: Row, end: string): boolean {
  if (end === row.end) return true;
  const time = /^([1-9]\d*)\}$/.exec(end.slice(row.tail.length))?.[1];
  if (time === undefined || !end.startsWith(row.tail)) return false;
  row.emittedAtMs = Number(time);
  row.end = `${row.tail}${time}}`;
  return true;
}

/** How a request is watched. */
export interface CallOptions {
  /** Rejects with its reason when it aborts. A request that was already sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until `RequestTimeoutError`; none when undefined. */
  readonly timeoutMs?: number | undefined;
  /** `long` for a request that is answered only when its work is done. Default `short`. */
  readonly kind?: "short" | "long" | undefined;
  /** What has become of the thread that the request names, asked for when the runtime does not find it. */
  readonly threadFate?: (() => ThreadFate | undefined) | undefined;
  /** Called when the request goes out. */
  readonly onSent?: (() => void) | undefined;
  /** Called with the result while the reader still stands at this message, before anything after it is read. */
  readonly onResult?: ((result: unknown) => void) | undefined;
}

/** One request that was made and has not settled. */
export class PendingCall {
  readonly id: number;
  readonly method: string;
  readonly text: string;
  readonly promise: Promise<unknown>;
  #sent = false;
  readonly #options: CallOptions;
  readonly #stopWatching: () => void;
  #resolve: (result: unknown) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #settled = false;

  /**
   * @param abandon - called when the caller stops waiting (abort or timeout), to free what the call holds.
   */
  constructor(
    call: { id: number; method: string; text: string },
    options: CallOptions,
    abandon: (call: PendingCall, timedOutMs: number | undefined) => void,
  ) {
    this.id = call.id;
    this.method = call.method;
    this.text = call.text;
    this.#options = options;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, timeoutMs } = options;
    this.#stopWatching = watchLimits({ signal, timeoutMs }, (limit) =>
      abandon(this, limit === "timeout" ? timeoutMs : undefined),
    );
  }

  /** Whether it went out. */
  get sent(): boolean {
    return this.#sent;
  }

  /** It goes out now. */
  markSent(): void {
    this.#sent = true;
    this.#options.onSent?.();
  }

  get kind(): "short" | "long" {
    return this.#options.kind ?? "short";
  }

  get threadFate(): ThreadFate | undefined {
    return this.#options.threadFate?.();
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether the caller's signal has aborted, if perhaps this call has not heard of it yet. */
  get isAborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  succeed(result: unknown): void {
    if (!this.#settle()) return;
    try {
      this.#options.onResult?.(result);
      this.#resolve(result);
    } catch (error) {
      this.#reject(error);
    }
  }

  fail(error: CodexError): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Rejects with the reason of the caller's own signal, as it is. */
  abort(): void {
    if (this.#settle()) this.#reject(this.#options.signal?.reason);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#stopWatching();
    return true;
  }
}
