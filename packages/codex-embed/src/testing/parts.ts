import { CodexError } from "../index.js";
import {
  either,
  integer,
  list,
  listOf,
  oneOf,
  record,
  recordOf,
  required,
  text,
  text as textKind,
} from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";

/** A script is wrong, was not played to its end, or its model was closed while something waited for it. */
export class ScriptError extends CodexError {
  static override readonly typeName: string = "ScriptError";

  constructor(message: string, options?: ErrorOptions) {
    super("SCRIPT", message, options);
  }
}

/**
 * A place in a script where the model waits until the test lets it go on. It can stand between the parts of a step and
 * between the deltas of a part. A gate that was opened stays open.
 */
export class Gate {
  readonly kind = "gate";
  /** Settles when the model has sent everything before the gate. Rejects when that can no longer happen. */
  readonly reached: Promise<void>;
  /** Settles when the gate is opened. */
  readonly opened: Promise<void>;
  readonly #arrive: () => void;
  readonly #abandon: (error: Error) => void;
  readonly #open: () => void;

  constructor() {
    const reached = deferred();
    const opened = deferred();
    this.reached = reached.promise;
    this.opened = opened.promise;
    this.#arrive = reached.resolve;
    this.#abandon = reached.reject;
    this.#open = opened.resolve;
  }

  /** Lets the model go on. It may be called before the gate is reached, and more than once. */
  open(): void {
    this.#open();
  }

  /** @internal The model has sent everything before the gate. */
  arrive(): void {
    this.#arrive();
  }

  /** @internal The gate can no longer be reached. */
  abandon(): void {
    this.#abandon(
      new ScriptError("This gate was never reached: the model was closed, or the runtime hung up, before that."),
    );
  }
}

/** A pause of fixed length in a script. */
export interface Delay {
  readonly kind: "delay";
  readonly delayMs: number;
}

/** Anything a script can wait for. */
export type Pause = Gate | Delay;

/** Makes a gate. Prefer gates to delays: they make a test both exact and fast. */
export function gate(): Gate {
  return new Gate();
}

/** Makes the model wait for `delayMs` milliseconds. Throws `ScriptError` for a negative or endless delay. */
export function delay(delayMs: number): Delay {
  if (!Number.isFinite(delayMs) || delayMs < 0)
    throw new ScriptError(`delay(${delayMs}): give a time of 0 ms or more.`);
  return { kind: "delay", delayMs };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody has to watch a gate: an abandoned one must not end the process as an unhandled rejection.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** One piece of a text that is streamed: a delta, or a pause between two of them. */
export type Piece = string | Pause;

/** The token counts of one model response. */
export interface TokenCounts {
  /** All input tokens, the cached ones included. */
  readonly input: number;
  /** Input tokens that came from the cache. Default 0. */
  readonly cached?: number;
  /** All output tokens, the reasoning ones included. */
  readonly output: number;
  /** Output tokens spent on reasoning. Default 0. */
  readonly reasoning?: number;
}

/** Whether a message is a remark on the way or the answer. */
export type MessagePhase = "commentary" | "final_answer";

/** @internal */
export const TOKEN_COUNTS: OptionTable<TokenCounts> = {
  input: required(integer(0)),
  cached: integer(0),
  output: required(integer(0)),
  reasoning: integer(0),
};

/** A message of the model. */
export interface MessagePart {
  readonly kind: "message";
  readonly text: string;
  readonly pieces: readonly Piece[];
  readonly phase?: MessagePhase;
  readonly id?: string;
  readonly usage?: TokenCounts;
}

/** Options of `message`. */
export interface MessageOptions {
  /** Sent with the message; without it the runtime reports the phase as null. */
  readonly phase?: MessagePhase;
  /** How the text is streamed: in so many pieces (0 for none), or in exactly these, with pauses between. Default 1. */
  readonly deltas?: number | readonly Piece[];
  /** The item id. Default: the next `msg_N` of the model. */
  readonly id?: string;
  /** The token counts of the response that this message belongs to. */
  readonly usage?: TokenCounts;
}

/** @internal The number of pieces is checked where the text is cut. */
export const DELTAS = either([(value) => typeof value === "number", () => {}], [() => true, list]);

const MESSAGE: OptionTable<MessageOptions> = {
  phase: oneOf(["commentary", "final_answer"]),
  deltas: DELTAS,
  id: textKind,
  usage: nested(TOKEN_COUNTS),
};

/**
 * A message of the model. Without a text, the text is what the deltas add up to; with both, the completed message
 * carries `text` whatever the deltas were.
 */
export function message(text: string, options?: MessageOptions): MessagePart;
export function message(options: MessageOptions & { readonly deltas: readonly Piece[] }): MessagePart;
export function message(
  textOrOptions: string | (MessageOptions & { readonly deltas: readonly Piece[] }),
  moreOptions: MessageOptions = {},
): MessagePart {
  const options = checkOptions(typeof textOrOptions === "string" ? moreOptions : textOrOptions, "message", MESSAGE);
  const text = typeof textOrOptions === "string" ? textOrOptions : joinPieces(textOrOptions.deltas);
  return {
    kind: "message",
    text,
    pieces: splitText(text, options.deltas ?? 1),
    ...(options.phase !== undefined && { phase: options.phase }),
    ...(options.id !== undefined && { id: options.id }),
    ...(options.usage !== undefined && { usage: options.usage }),
  };
}

/** One section of reasoning: its text and how it is streamed. */
export interface ReasoningSection {
  readonly text: string;
  readonly pieces: readonly Piece[];
}

/** A reasoning item of the model. */
export interface ReasoningPart {
  readonly kind: "reasoning";
  readonly summary: readonly ReasoningSection[];
  readonly content: readonly ReasoningSection[];
  readonly id?: string;
}

/** Options of `reasoning`. */
export interface ReasoningOptions {
  /** The sections of the summary; a list in place of a text gives its deltas and the pauses between them. */
  readonly summary?: readonly (string | readonly Piece[])[];
  /** The sections of the raw reasoning, in the same form. */
  readonly content?: readonly (string | readonly Piece[])[];
  /** In how many pieces each section that is a plain text is streamed. 0 sends none. Default 1. */
  readonly deltas?: number;
  /** The item id. Default: the next `rs_N` of the model. */
  readonly id?: string;
}

const section = either([(value) => typeof value === "string", textKind], [() => true, list]);
const REASONING: OptionTable<ReasoningOptions> = {
  summary: listOf(section),
  content: listOf(section),
  deltas: integer(0),
  id: textKind,
};

/** A reasoning item of the model: summary sections first, then raw content. */
export function reasoning(options: ReasoningOptions): ReasoningPart {
  checkOptions(options, "reasoning", REASONING);
  const section = (source: string | readonly Piece[]): ReasoningSection =>
    typeof source === "string"
      ? { text: source, pieces: splitText(source, options.deltas ?? 1) }
      : { text: joinPieces(source), pieces: source };
  return {
    kind: "reasoning",
    summary: (options.summary ?? []).map(section),
    content: (options.content ?? []).map(section),
    ...(options.id !== undefined && { id: options.id }),
  };
}

/** The token counts of a response. */
export interface UsagePart {
  readonly kind: "usage";
  readonly usage: TokenCounts;
}

/** Reports token counts with the response. Without any, the runtime announces no usage for it. The last one counts. */
export function usage(counts: TokenCounts): UsagePart {
  checkOptions(counts, "usage", TOKEN_COUNTS);
  return { kind: "usage", usage: counts };
}

/** An output item that is sent as it is. */
export interface RawItemPart {
  readonly kind: "rawItem";
  readonly item: Readonly<Record<string, unknown>>;
}

/** Sends an output item of the Responses API as it is, for items that have no builder (for example `web_search_call`). */
export function rawItem(item: Readonly<Record<string, unknown>>): RawItemPart {
  return { kind: "rawItem", item };
}

/** An SSE event that is sent as it is. */
export interface RawEventPart {
  readonly kind: "rawEvent";
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
}

/** Sends one SSE event of the Responses API as it is. */
export function rawEvent(event: RawEventPart["event"]): RawEventPart {
  return { kind: "rawEvent", event };
}

/** @internal Cuts a text into pieces of about equal length, never inside a character. */
export function splitText(text: string, deltas: number | readonly Piece[]): readonly Piece[] {
  if (typeof deltas !== "number") return deltas;
  if (!Number.isInteger(deltas) || deltas < 0) throw new ScriptError(`deltas: ${deltas} is not a number of pieces.`);
  if (deltas === 0 || text === "") return [];
  if (deltas === 1) return [text];
  const characters = Array.from(text);
  const count = Math.min(deltas, characters.length);
  return Array.from({ length: count }, (_, index) =>
    characters
      .slice(Math.floor((index * characters.length) / count), Math.floor(((index + 1) * characters.length) / count))
      .join(""),
  );
}

function joinPieces(pieces: readonly Piece[]): string {
  return pieces.filter((piece) => typeof piece === "string").join("");
}

/** Answers with an HTTP error instead of a stream. */
export interface HttpErrorPart {
  readonly kind: "fail";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Options of `fail`. */
export interface FailOptions {
  /** `error.code` of the answer, for example `model_not_found`. */
  readonly code?: string;
  /** `error.type` of the answer, for example `usage_limit_reached`. */
  readonly type?: string;
  /** `error.message` of the answer. */
  readonly message?: string;
  /** Further members of `error`, for example `resets_at`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Response headers, for example `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body, in place of the JSON error. */
  readonly body?: string;
}

const FAIL: OptionTable<FailOptions> = {
  code: text,
  type: text,
  message: text,
  details: record,
  headers: recordOf(text),
  body: text,
};

/** Answers the request with an HTTP error status and a JSON error. Only pauses may stand before it in a step. */
export function fail(status: number, options: FailOptions = {}): HttpErrorPart {
  checkOptions(options, "fail", FAIL);
  const { code, type, message = `Scripted failure ${status}`, details } = options;
  return {
    kind: "fail",
    status,
    headers: { "content-type": "application/json", ...options.headers },
    body: options.body ?? JSON.stringify({ error: { message, type, code, ...details } }),
  };
}

/** Ends the stream with `response.failed`. */
export interface FailResponsePart {
  readonly kind: "failResponse";
  readonly code: string;
  readonly message: string;
}

/** Ends the stream with `response.failed` and an error code such as `context_length_exceeded` or `server_error`. */
export function failResponse(code: string, message = `Scripted failure: ${code}`): FailResponsePart {
  return { kind: "failResponse", code, message };
}

/** Ends the stream with `response.incomplete`. */
export interface IncompletePart {
  readonly kind: "incomplete";
  readonly reason: string;
}

/** Ends the stream with `response.incomplete`, for example for `max_output_tokens` or `content_filter`. */
export function incomplete(reason = "max_output_tokens"): IncompletePart {
  return { kind: "incomplete", reason };
}

/** Drops the connection. */
export interface DisconnectPart {
  readonly kind: "disconnect";
}

/** Drops the connection in the middle of the stream, after everything before it was sent. */
export function disconnect(): DisconnectPart {
  return { kind: "disconnect" };
}

/** Sends something that the protocol does not allow. */
export interface MalformedPart {
  readonly kind: "malformed";
  readonly what: "json" | "body";
}

/**
 * Sends what cannot be read: an event whose data is not JSON (`"json"`, the default), after which the stream ends; or
 * an HTML page in place of a stream (`"body"`), before which only pauses may stand in a step.
 */
export function malformed(what: "json" | "body" = "json"): MalformedPart {
  return { kind: "malformed", what };
}

/** Sends nothing more. */
export interface SilencePart {
  readonly kind: "silence";
}

/** Keeps the connection open and sends nothing more, until the runtime or the model closes it. */
export function silence(): SilencePart {
  return { kind: "silence" };
}

/** Any part with which a response fails. */
export type FailurePart =
  | HttpErrorPart
  | FailResponsePart
  | IncompletePart
  | DisconnectPart
  | MalformedPart
  | SilencePart;
