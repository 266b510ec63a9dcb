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
  text as textKind,
} from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";

/**
 * A script is invalid or was not played to its end, or its model closed while something waited for it. Code `SCRIPT`.
 */
export class ScriptError extends CodexError {
  static override readonly typeName: string = "ScriptError";

  constructor(message: string, options?: ErrorOptions) {
    super("SCRIPT", message, options);
  }
}

/**
 * A point in a script where the model waits until the test calls {@link open}. A gate can stand between the parts of a
 * step and between the deltas of a part. An open gate stays open.
 */
export class Gate {
  readonly kind = "gate";
  /** Resolves once the model has sent everything before the gate. Rejects with a `ScriptError` if it no longer can. */
  readonly reached: Promise<void>;
  /** Resolves once the gate is open. */
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

  /** Lets the model continue. You can call it before the gate is reached, and more than once. */
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
      new ScriptError("The gate was not reached: the model closed, or the runtime disconnected, before it."),
    );
  }
}

/** A pause of fixed length in a script. */
export interface Delay {
  readonly kind: "delay";
  readonly delayMs: number;
}

/** Anything that a script can wait for. */
export type Pause = Gate | Delay;

/** Creates a gate. Prefer gates to delays: they make tests exact and fast. */
export function gate(): Gate {
  return new Gate();
}

/** Makes the model wait for `delayMs` milliseconds. Throws `ScriptError` unless it is a finite number ≥ 0. */
export function delay(delayMs: number): Delay {
  if (!Number.isFinite(delayMs) || delayMs < 0)
    throw new ScriptError(`delay(${delayMs}): delayMs must be a finite number ≥ 0.`);
  return { kind: "delay", delayMs };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // An abandoned gate that nobody awaits must not crash the process with an unhandled rejection.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** One piece of streamed text: a delta, or a pause between two deltas. */
export type Piece = string | Pause;

/** The token counts of one model response. */
export interface TokenCounts {
  /** All input tokens, including cached ones. */
  readonly input: number;
  /** Input tokens read from the cache. Default 0. */
  readonly cached?: number;
  /** All output tokens, including reasoning. */
  readonly output: number;
  /** Output tokens spent on reasoning. Default 0. */
  readonly reasoning?: number;
}

/** Whether a message is commentary during the turn or the final answer. */
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
  /** Sent with the message. Without it, the runtime reports the phase as null. */
  readonly phase?: MessagePhase;
  /** How to stream the text: in this many deltas (0 for none), or in exactly these pieces. Default 1. */
  readonly deltas?: number | readonly Piece[];
  /** The item id. Default: the next `msg_N` of the model. */
  readonly id?: string;
  /** The token counts of the response that this message belongs to. */
  readonly usage?: TokenCounts;
}

/** @internal `splitText` checks the number. */
export const DELTAS = either([(value) => typeof value === "number", () => {}], [() => true, list]);

const MESSAGE: OptionTable<MessageOptions> = {
  phase: oneOf(["commentary", "final_answer"]),
  deltas: DELTAS,
  id: textKind,
  usage: nested(TOKEN_COUNTS),
};

/**
 * Sends a message of the model. Without `text`, the deltas add up to the text. With both, the completed message carries
 * `text`, whatever the deltas were.
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

/** One section of reasoning: its text and its deltas. */
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
  /** The sections of the summary. An array instead of a text gives the deltas and the pauses between them. */
  readonly summary?: readonly (string | readonly Piece[])[];
  /** The sections of the raw reasoning, in the same form. */
  readonly content?: readonly (string | readonly Piece[])[];
  /** In how many deltas to stream each section that is a plain text. 0 sends none. Default 1. */
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

/** Sends a reasoning item: the sections of the summary first, then the raw content. */
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

/** Reports token counts with the response. The last one wins. Without any, the runtime reports no usage for it. */
export function usage(counts: TokenCounts): UsagePart {
  checkOptions(counts, "usage", TOKEN_COUNTS);
  return { kind: "usage", usage: counts };
}

/** An output item that is sent verbatim. */
export interface RawItemPart {
  readonly kind: "rawItem";
  readonly item: Readonly<Record<string, unknown>>;
}

/** Sends an output item of the Responses API verbatim, for items without a builder (for example `web_search_call`). */
export function rawItem(item: Readonly<Record<string, unknown>>): RawItemPart {
  return { kind: "rawItem", item };
}

/** An SSE event that is sent verbatim. */
export interface RawEventPart {
  readonly kind: "rawEvent";
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
}

/** Sends one SSE event of the Responses API verbatim. */
export function rawEvent(event: RawEventPart["event"]): RawEventPart {
  return { kind: "rawEvent", event };
}

/** @internal Splits a text into pieces of about equal length, never inside a character. */
export function splitText(text: string, deltas: number | readonly Piece[]): readonly Piece[] {
  if (typeof deltas !== "number") return deltas;
  if (!Number.isInteger(deltas) || deltas < 0) throw new ScriptError(`deltas is ${deltas}; it must be an integer ≥ 0.`);
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

/** An HTTP error instead of a stream. */
export interface HttpErrorPart {
  readonly kind: "fail";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Options of `fail`. */
export interface FailOptions {
  /** `error.code` of the body, for example `model_not_found`. */
  readonly code?: string;
  /** `error.type` of the body, for example `usage_limit_reached`. */
  readonly type?: string;
  /** `error.message` of the body. Default: `Scripted failure STATUS`. */
  readonly message?: string;
  /** More members of `error`, for example `resets_at`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Response headers, for example `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body, instead of the JSON error. */
  readonly body?: string;
}

const FAIL: OptionTable<FailOptions> = {
  code: textKind,
  type: textKind,
  message: textKind,
  details: record,
  headers: recordOf(textKind),
  body: textKind,
};

/** Answers the request with an HTTP error status and a JSON error. In a step, only pauses may precede it. */
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

/** A stream that ends with `response.failed`. */
export interface FailResponsePart {
  readonly kind: "failResponse";
  readonly code: string;
  readonly message: string;
}

/** Ends the stream with `response.failed` and an error code such as `context_length_exceeded` or `server_error`. */
export function failResponse(code: string, message = `Scripted failure: ${code}`): FailResponsePart {
  return { kind: "failResponse", code, message };
}

/** A stream that ends with `response.incomplete`. */
export interface IncompletePart {
  readonly kind: "incomplete";
  readonly reason: string;
}

/** Ends the stream with `response.incomplete`, for example for `max_output_tokens` or `content_filter`. */
export function incomplete(reason = "max_output_tokens"): IncompletePart {
  return { kind: "incomplete", reason };
}

/** A dropped connection. */
export interface DisconnectPart {
  readonly kind: "disconnect";
}

/** Drops the connection in the middle of the stream, after sending everything before it. */
export function disconnect(): DisconnectPart {
  return { kind: "disconnect" };
}

/** A response that violates the protocol. */
export interface MalformedPart {
  readonly kind: "malformed";
  readonly what: "json" | "body";
}

/**
 * Sends an unreadable response: an event whose data is not JSON, then the end of the stream (`"json"`, the default); or
 * an HTML page instead of a stream (`"body"`), which in a step only pauses may precede.
 */
export function malformed(what: "json" | "body" = "json"): MalformedPart {
  return { kind: "malformed", what };
}

/** A stream that falls silent. */
export interface SilencePart {
  readonly kind: "silence";
}

/** Keeps the connection open but sends nothing more, until the runtime or the model closes it. */
export function silence(): SilencePart {
  return { kind: "silence" };
}

/** Any part that makes a response fail. */
export type FailurePart =
  | HttpErrorPart
  | FailResponsePart
  | IncompletePart
  | DisconnectPart
  | MalformedPart
  | SilencePart;
