import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { CodexError } from "../errors/base.js";
import { UsageError } from "../errors/base.js";
import type { ImageDetail, UserInput } from "../protocol/generated/protocol.js";
import type { EndedTurn, TurnResult, TurnSnapshot } from "../protocol/shapes.js";
import type { Runtime } from "../runtime/runtime.js";
import { textOf } from "../stream/accumulate.js";
import type { TurnEvent } from "../stream/events.js";
import type { TurnStream } from "../stream/turnStream.js";
import { checkPicture, toPictureUrl } from "../tools/picture.js";
import { text, wrongKind } from "../validate/kinds.js";
import { Agents } from "./agents.js";
import { type Ender, turnEnder } from "./ending.js";

/** A picture as a data URL, or as bytes that are sent as one. */
export interface ImageInput {
  readonly type: "image";
  /** A `data:` URL in base64, or the bytes of the file: PNG, JPEG, GIF or WebP. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Not needed: it is recognised by the bytes. */
  readonly mediaType?: string | undefined;
  /** How closely the model looks. The pinned runtime leaves a picture of the detail `low` out without a word. */
  readonly detail?: Exclude<ImageDetail, "low"> | undefined;
}

/** A piece of text. */
export interface TextInput {
  readonly type: "text";
  readonly text: string;
}

/** One part of an input: text, a picture, or any other part of the protocol (local image, skill, mention, audio). */
export type InputPart = string | TextInput | ImageInput | UserInput;

/** What a turn is given: a text, one part, or several. */
export type Input = InputPart | readonly InputPart[];

/**
 * Turns an input into the wire's form.
 *
 * @param cwd - what relative paths of local images are relative to; undefined skips the look at the file system.
 * @throws UsageError for a picture that the runtime cannot read: a remote URL, another format than PNG, JPEG, GIF and
 * WebP, an empty or cut file, or a local image that is not there. The runtime would go on without the picture.
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
      "An input is a string, an object with a type (text, image, localImage, …), or a list of them.",
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
      if (typeof part.path !== "string") throw new UsageError("A localImage needs its path, a string.");
      if (cwd === undefined) return part;
      // The runtime would resolve a relative path against its own working directory, not the thread's.
      return { ...part, path: await checkedFile(resolve(cwd, part.path)) };
    default:
      return part;
  }
}

function assertDetail(detail: ImageDetail | undefined): void {
  if (detail !== "low") return;
  throw new UsageError('The runtime leaves a picture of the detail "low" out: pass "auto", "high" or "original".');
}

async function checkedFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    // A pipe or a device would be read without end.
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

/** What became of a turn. `error` is what `result()` rejects with. */
export type TurnOutcome<O = undefined> =
  | { readonly status: "completed"; readonly result: TurnResult<O>; readonly error?: undefined }
  /** By `interrupt()`, then without an error; or by a signal or a limit. */
  | { readonly status: "interrupted"; readonly result: TurnSnapshot; readonly error?: unknown }
  /** The runtime says so (`TurnFailedError`), or the answer does not conform to `outputSchema`. */
  | { readonly status: "failed"; readonly result: TurnSnapshot; readonly error: unknown }
  /** Nothing more was heard of the turn: the runtime or the connection is gone, or the client was closed. */
  | { readonly status: "ended"; readonly result: TurnSnapshot; readonly error: CodexError };

/** Makes the output of a turn; throws `OutputValidationError` when its answer does not conform. */
export type OutputParser<O> = (turn: EndedTurn) => Promise<O>;

/**
 * A turn in flight or ended. Iterating it yields every event of the turn from the first on, for any number of readers
 * at any time; leaving a loop early stops that reader alone. A reader ends as the turn ends: what `result()` rejects
 * with is thrown after the last event.
 */
export class TurnHandle<O = undefined> implements AsyncIterable<TurnEvent> {
  readonly id: string;
  readonly threadId: string;
  readonly #runtime: Runtime;
  readonly #stream: TurnStream;
  readonly #cwd: string | undefined;
  readonly #parse: OutputParser<O>;
  readonly #ender: Ender;
  #result: Promise<TurnResult<O>> | null = null;
  #wasInterrupted = false;

  /** @internal */
  constructor(runtime: Runtime, stream: TurnStream, options: { parse: OutputParser<O>; cwd?: string; ender?: Ender }) {
    this.#parse = options.parse;
    this.#ender = options.ender ?? turnEnder(runtime, stream);
    this.id = stream.turnId;
    this.threadId = stream.threadId;
    this.#runtime = runtime;
    this.#stream = stream;
    this.#cwd = options.cwd;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#stream.reader();
  }

  /**
   * The text of the agent's messages as it grows, commentary left out; an empty line stands between two messages. What
   * was yielded cannot be taken back: the beginning of a message that a steer or a retry cut off stays, and the next
   * message follows. A retry is an `error` event with `willRetry`; `result.finalResponse` has the answer alone.
   */
  textStream(): AsyncIterableIterator<string, void, undefined> {
    return textOf(this);
  }

  /**
   * Resolves when the turn has completed or was interrupted; can be called any number of times, at any time.
   *
   * Rejects with `TurnFailedError` (which carries the partial result), with `TransportClosedError` when the runtime
   * went away, with the reason of the turn's signal, with `TurnDeadlineError` or `TurnStalledError`, or with
   * `OutputValidationError` when the answer does not conform to `outputSchema`.
   */
  result(): Promise<TurnResult<O>> {
    this.#result ??= this.#stream.ended.then(async (end) => {
      if (end.kind !== "ended") throw end.error;
      this.#wasInterrupted = end.result.status === "interrupted";
      return { ...end.result, output: await this.#parse(end.result) };
    });
    return this.#result;
  }

  /** Resolves when `result()` settles, and never rejects: how the turn ended, and what it produced in every case. */
  async outcome(): Promise<TurnOutcome<O>> {
    const end = await this.#stream.ended;
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

  /** @internal Whether the turn has ended by an interruption, once `result()` has settled. */
  get wasInterrupted(): boolean {
    return this.#wasInterrupted;
  }

  /**
   * The answer as it grows, for a turn with an `outputSchema`: what can be read of its JSON so far, at most every 50 ms,
   * and the whole at its end. Not validated; `result()` validates.
   */
  async *partialOutput(): AsyncIterableIterator<unknown, void, undefined> {
    const { partialOutputOf } = await import("../stream/partialOutput.js");
    yield* partialOutputOf(this);
  }

  /**
   * The sub-agents that the agent begins in this turn, each with its status, its events and its own sub-agents. Those of
   * earlier turns are among them once the agent deals with them again. `interrupt()` leaves them running, as the runtime
   * does; a signal or a limit that ends the turn ends them too.
   */
  agents(): Agents {
    return new Agents(this.#runtime, this.#stream.agents, this.threadId);
  }

  /**
   * Adds input to the turn while it runs (`turn/steer`). The model's current answer is dropped and begun anew with it.
   *
   * @throws NoActiveTurnError when the turn has ended.
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
   * Interrupts the turn (`turn/interrupt`); `result()` then resolves with the status `interrupted`. Its commands go on
   * in the background. Does nothing when the turn has ended.
   */
  interrupt(): Promise<void> {
    return this.#ender.interrupt();
  }

  /** @internal Ends the turn, its agents and its commands for a reader that has left. Never rejects. */
  async leave(keepCommands: boolean): Promise<void> {
    if (this.#stream.isOver || this.#stream.isEnded) return;
    void this.#ender.end(() => undefined, keepCommands);
    await this.#stream.ended;
  }
}

/**
 * @internal The events of a turn that has no other handle. It starts with the first read; leaving before its end, by
 * `break`, `return`, `throw` or an error of the reader, ends it and waits until the thread is free.
 */
export class OwnedTurn implements AsyncGenerator<TurnEvent, void, undefined> {
  readonly #start: () => Promise<TurnHandle<unknown>>;
  readonly #keepCommands: boolean;
  #begun: Promise<{ readonly turn: TurnHandle<unknown>; readonly reader: AsyncIterator<TurnEvent, void> }> | null =
    null;
  #hasLeft = false;

  constructor(start: () => Promise<TurnHandle<unknown>>, keepCommands: boolean) {
    this.#start = start;
    this.#keepCommands = keepCommands;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<TurnEvent, void>> {
    if (this.#hasLeft) return { done: true, value: undefined };
    this.#begun ??= this.#start().then((turn) => ({ turn, reader: turn[Symbol.asyncIterator]() }));
    try {
      const { reader } = await this.#begun;
      return await reader.next();
    } catch (error) {
      await this.#leave();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  /** Does not queue behind a `next()` that waits, as a generator's `return()` would. */
  async #leave(): Promise<void> {
    this.#hasLeft = true;
    const begun = await this.#begun?.catch(() => null);
    if (begun === null || begun === undefined) return;
    await begun.reader.return?.();
    await begun.turn.leave(this.#keepCommands);
  }
}
