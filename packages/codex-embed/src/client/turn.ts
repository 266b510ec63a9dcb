import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type CodexError, UsageError } from "../errors/base.js";
import type { ImageDetail, JsonValue, ResponseItem, UserInput } from "../protocol/generated/protocol.js";
import type { EndedTurn, PlanStep, TurnResult, TurnSnapshot } from "../protocol/shapes.js";
import type { Runtime } from "../runtime/runtime.js";
import { setUndo, textOf } from "../stream/accumulate.js";
import type { StreamEnd } from "../stream/eventStream.js";
import type { TurnEvent } from "../stream/events.js";
import type { TurnSink } from "../stream/reservation.js";
import type { TurnStream } from "../stream/turnStream.js";
import { checkPicture, toPictureUrl } from "../tools/picture.js";
import { isRecord } from "../util/json.js";
import { text, wrongKind } from "../validate/kinds.js";
import { Agents, type Ender, trackEnding, turnEnder } from "./ending.js";
import type { StartedTurn } from "./limits.js";
import type { TurnRecording } from "./recording.js";

/** An image: a data URL, or bytes that are sent as one. */
export interface ImageInput {
  readonly type: "image";
  /** A `data:` URL in base64, or the bytes of the file: PNG, JPEG, GIF or WebP. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Optional: it is detected from the bytes. */
  readonly mediaType?: string | undefined;
  /** How closely the model looks. Without `low`: the pinned runtime silently drops an image of that detail. */
  readonly detail?: Exclude<ImageDetail, "low"> | undefined;
}

/** A piece of text. */
export interface TextInput {
  readonly type: "text";
  readonly text: string;
}

/** One part of an input: text, an image, or any other part of the protocol (local image, skill, mention, audio). */
export type InputPart = string | TextInput | ImageInput | UserInput;

/** Input of the user: a string, one part, or several. */
export type Input = InputPart | readonly InputPart[];

/**
 * Converts an input to the protocol's form.
 *
 * @param cwd - the folder that paths of local images are relative to; undefined skips the check of those files.
 * @throws UsageError for an image that the runtime cannot read and would drop: a remote URL, a format other than PNG,
 * JPEG, GIF and WebP, an empty or truncated file, or a local image that does not exist.
 */
export async function toUserInput(input: Input, cwd: string | undefined): Promise<UserInput[]> {
  const parts = isPartList(input) ? input : [input];
  return Promise.all(parts.map((part) => toPart(part, cwd)));
}

function isPartList(input: Input): input is readonly InputPart[] {
  return Array.isArray(input);
}

async function toPart(part: InputPart, cwd: string | undefined): Promise<UserInput> {
  if (typeof part === "string") return { type: "text", text: part, text_elements: [] };
  if (typeof part !== "object" || part === null || typeof part.type !== "string") {
    throw wrongKind(
      part,
      { call: "input", path: "a part" },
      "An input is a string, an object with a type (text, image, localImage, …), or a list of these.",
    );
  }
  switch (part.type) {
    case "text":
      text(part.text, { call: "input", path: "text" });
      return { text_elements: [], ...part };
    case "image": {
      assertDetail(part.detail);
      if ("url" in part) return { ...part, url: await toPictureUrl(part.url) };
      if (!("image" in part)) return part;
      const url = await toPictureUrl(part.image);
      return { type: "image", url, ...(part.detail === undefined ? {} : { detail: part.detail }) };
    }
    case "localImage":
      assertDetail(part.detail);
      if (typeof part.path !== "string") throw new UsageError("A localImage part needs a path (a string).");
      if (cwd === undefined) return part;
      // The runtime would resolve a relative path against its own working directory, not the thread's.
      return { ...part, path: await checkedFile(resolve(cwd, part.path)) };
    default:
      // A caller without a compiler may pass it among other parts, or to a call that cannot send it.
      if (String(part.type) === "external") throw misplacedExternal();
      return part;
  }
}

function misplacedExternal(): UsageError {
  return new UsageError(
    'input: a part with type "external" cannot be sent here: the runtime does not mix it with other input, and takes it ' +
      "in no steer and no queue. Pass it alone to run, startTurn or stream, or call thread.deliver({ source, content }).",
  );
}

function assertDetail(detail: ImageDetail | undefined): void {
  if (detail !== "low") return;
  throw new UsageError('The runtime drops an image with detail "low". Pass "auto", "high" or "original".');
}

async function checkedFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    // Reading a pipe or a device may never end.
    if (!(await stat(path)).isFile()) throw new Error("It is not a file.");
    bytes = await readFile(path);
  } catch (cause) {
    throw new UsageError(`The local image ${path} cannot be read. Check the path, or pass the bytes as an image.`, {
      cause,
    });
  }
  checkPicture(bytes, `The local image ${path}`);
  return path;
}

/**
 * Appends items to the history that the model sees (`thread/inject_items`).
 *
 * @throws UsageError for an item that the runtime would accept and drop.
 */
export async function injectItems(runtime: Runtime, threadId: string, items: readonly ResponseItem[]): Promise<void> {
  const values: readonly unknown[] = items;
  for (const [index, item] of values.entries()) {
    const problem = problemWith(item);
    if (problem !== null) {
      throw new UsageError(`items[${index}] ${problem}. The runtime would accept it and drop it.`);
    }
  }
  const wire: JsonValue[] = JSON.parse(JSON.stringify(items));
  await runtime.request("thread/inject_items", { threadId, items: wire });
}

type FieldType = "string" | "array" | "text or array" | "object";

/** The fields without which the runtime drops an item of each type (measured). */
const REQUIRED_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  message: { role: "string", content: "array" },
  agent_message: { author: "string", recipient: "string", content: "array" },
  reasoning: { summary: "array" },
  function_call: { name: "string", arguments: "string", call_id: "string" },
  function_call_output: { output: "text or array" },
  custom_tool_call: { name: "string", input: "string", call_id: "string" },
  custom_tool_call_output: { call_id: "string", output: "text or array" },
  local_shell_call: { status: "string", action: "object" },
  web_search_call: {},
};

function problemWith(item: unknown): string | null {
  if (!isRecord(item)) return "is not an object";
  const { type } = item;
  const fields = typeof type === "string" && Object.hasOwn(REQUIRED_FIELDS, type) ? REQUIRED_FIELDS[type] : undefined;
  if (fields === undefined) {
    return `has the type ${JSON.stringify(type)}; it must be one of ${Object.keys(REQUIRED_FIELDS).join(", ")}`;
  }
  const bad = Object.entries(fields).find(([name, kind]) => !isOfType(item[name], kind));
  return bad === undefined ? null : `of type ${String(type)} needs "${bad[0]}" (${bad[1]})`;
}

function isOfType(value: unknown, kind: FieldType): boolean {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "array":
      return Array.isArray(value);
    case "text or array":
      return typeof value === "string" || Array.isArray(value);
    case "object":
      return isRecord(value);
  }
}

/** How a turn ended. `error` is what `result()` rejects with. */
export type TurnOutcome<O = undefined> =
  | { readonly status: "completed"; readonly result: TurnResult<O>; readonly error?: undefined }
  /** By `interrupt()`, then without an error; or by a signal or a limit. */
  | { readonly status: "interrupted"; readonly result: TurnSnapshot; readonly error?: unknown }
  /** The runtime reported a failure (`TurnFailedError`), or the answer does not conform to `outputSchema`. */
  | { readonly status: "failed"; readonly result: TurnSnapshot; readonly error: unknown }
  /** Nothing more is heard of the turn: the runtime or the connection is gone, or the client was closed. */
  | { readonly status: "ended"; readonly result: TurnSnapshot; readonly error: CodexError };

/** Makes the output of a turn; throws `OutputValidationError` when its answer does not conform. */
export type OutputParser<O> = (turn: EndedTurn) => Promise<O>;

interface HandleOptions<O> {
  readonly parse: OutputParser<O>;
  readonly cwd?: string;
  readonly ender?: Ender;
  /** Adds the changes of the workspace to the result. */
  readonly recording?: TurnRecording | null;
}

/**
 * A turn in flight or ended. Iterating it yields every event of the turn from the first on, for any number of readers
 * at any time. Leaving a loop early stops that reader only. A reader ends when the turn ends: it throws what `result()`
 * rejects with after the last event.
 */
export class TurnHandle<O = undefined> implements AsyncIterable<TurnEvent> {
  /** The handle of each stream: who asks for a running turn twice gets one handle. */
  static readonly #all = new WeakMap<TurnSink, TurnHandle<unknown>>();
  readonly id: string;
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #stream: TurnStream;
  readonly #cwd: string | undefined;
  readonly #parse: OutputParser<O>;
  readonly #ender: Ender;
  readonly #recording: TurnRecording | null;
  /** How it ended, once its changes are recorded. */
  readonly #ended: Promise<StreamEnd<EndedTurn, TurnSnapshot>>;
  #result: Promise<TurnResult<O>> | null = null;
  #wasInterrupted = false;

  /** @internal */
  constructor(runtime: Runtime, stream: TurnStream, options: HandleOptions<O>) {
    this.#parse = options.parse;
    this.#ender = options.ender ?? turnEnder(runtime, stream);
    this.id = stream.turnId;
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#stream = stream;
    this.#cwd = options.cwd;
    const { recording = null } = options;
    this.#recording = recording;
    this.#ended = recording === null ? stream.ended : this.#recorded(recording);
    TurnHandle.#all.set(stream, this);
  }

  async #recorded(recording: TurnRecording): Promise<StreamEnd<EndedTurn, TurnSnapshot>> {
    const end = await this.#stream.ended;
    // The next turn of the thread waits: its changes are not those of this one.
    await trackEnding(this.#runtime, this.threadId, recording.finish(end.result));
    return end;
  }

  /** @internal The handle of the turn whose events this sink gets. */
  static of(sink: TurnSink): TurnHandle<unknown> | undefined {
    return TurnHandle.#all.get(sink);
  }

  /** @internal What limits end, when they are set on a turn that already runs. */
  get limited(): StartedTurn {
    return { stream: this.#stream, ended: this.#stream.ended, meter: this.#stream.meter, ender: this.#ender };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /**
   * Yields the text of the agent's messages as it grows, without commentary, with an empty line between two messages.
   * Text that was yielded stays: when a steer or a retry cuts a message off, its beginning remains and the next message
   * follows. A retry is an `error` event with `willRetry`. `result.finalResponse` is the answer alone.
   */
  textStream(): AsyncIterableIterator<string, void, undefined> {
    return textOf(this);
  }

  /** Yields the agent's plan, whole, each time it changes. Nothing while the tool `update_plan` is off, its default. */
  async *plan(): AsyncIterableIterator<readonly PlanStep[], void, undefined> {
    for await (const event of this) if (event.method === "turn/plan/updated") yield event.params.plan;
  }

  /**
   * Resolves when the turn has completed or was interrupted. Can be called any number of times, at any time.
   *
   * @throws TurnFailedError, with the partial result, when the runtime reports a failure; TransportClosedError when the
   * runtime is gone; TurnDeadlineError, TurnStalledError or BudgetExceededError when a limit is reached; OutputValidationError when the
   * answer does not conform to `outputSchema`; the signal's reason when the turn's signal aborts.
   */
  result(): Promise<TurnResult<O>> {
    this.#result ??= this.#ended.then(async (end) => {
      if (end.kind !== "ended") throw end.error;
      this.#wasInterrupted = end.result.status === "interrupted";
      const { undo, ...fields } = end.result;
      return setUndo({ ...fields, output: await this.#parse(end.result) }, undo);
    });
    return this.#result;
  }

  /** Resolves when `result()` settles, and never rejects: how the turn ended, and what it produced in every case. */
  async outcome(): Promise<TurnOutcome<O>> {
    const end = await this.#ended;
    const { result } = end;
    if (end.kind === "lost") return { status: "ended", result, error: end.error };
    if (end.kind === "failed") return { status: "failed", result, error: end.error };
    if (end.kind === "aborted") return { status: "interrupted", result, error: end.error };
    try {
      const parsed = await this.result();
      const { status } = parsed;
      return status === "completed" ? { status, result: parsed } : { status, result: parsed };
    } catch (error) {
      return { status: result.status === "interrupted" ? "interrupted" : "failed", result, error };
    }
  }

  /** @internal The tokens that it and its agents have spent so far. */
  get spentTokens(): number {
    return this.#stream.meter.spent;
  }

  /** @internal Whether the turn has ended by an interruption, once `result()` has settled. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /** @internal The recording of its workspace, for the next turn of the same `run`. */
  get recording(): TurnRecording | null {
    return this.#recording;
  }

  /**
   * Yields the answer of a turn with an `outputSchema` as it grows: what its JSON says so far, at most every 50 ms, and
   * the complete value at the end. Not validated: `result()` validates.
   */
  async *partialOutput(): AsyncIterableIterator<unknown, void, undefined> {
    const { partialOutputOf } = await import("../stream/partialOutput.js");
    yield* partialOutputOf(this);
  }

  /**
   * The sub-agents that the agent starts in this turn, each with its status, its events and its own sub-agents. Agents of
   * earlier turns join when the agent uses them again. `interrupt()` leaves them running, as the runtime does; a signal
   * or a limit that ends the turn ends them too.
   */
  agents(): Agents {
    return new Agents(this.#runtime, this.#stream.agents, this.threadId);
  }

  /**
   * Adds input to the running turn (`turn/steer`) and resolves when the runtime has accepted it. The model drops its
   * current answer and starts again with the input.
   *
   * @throws NoActiveTurnError when the turn has ended; UsageError for an input that cannot be sent.
   */
  async steer(input: Input): Promise<void> {
    await this.#stream.started;
    await this.#runtime.request("turn/steer", {
      threadId: this.threadId,
      expectedTurnId: this.id,
      clientUserMessageId: crypto.randomUUID(),
      input: await toUserInput(input, this.#cwd),
    });
  }

  /**
   * Interrupts the turn (`turn/interrupt`) and resolves when the runtime has accepted that; `result()` then resolves with
   * the status `interrupted`. Commands of the turn continue in the background. Does nothing when the turn has ended.
   * Rejects as a request does.
   */
  interrupt(): Promise<void> {
    return this.#ender.interrupt();
  }

  /** @internal Ends the turn, its agents and its commands when the only reader has left. Never rejects. */
  async leave(keepCommands: boolean): Promise<void> {
    if (this.#stream.isOver || this.#stream.isEnded) return;
    void this.#ender.end(() => undefined, keepCommands);
    await this.#stream.ended;
  }
}
