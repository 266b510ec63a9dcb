import { writeSync } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { messageOf, UsageError } from "../errors/base.js";
import { redactSecrets } from "../process/stderr.js";
import { atExit } from "../util/async.js";
import type { FrameChannelMessage, TurnChannelMessage } from "./messages.js";
import { redactMessage } from "./redact.js";
import type { TraceFilePlan } from "./traceFileOptions.js";

const MEBIBYTE = 1024 * 1024;
/** Of a longer message only the beginning is written. */
const MAX_FRAME_CHARS = MEBIBYTE / 4;
/** How much waits to be written. What comes while it is full is left out. */
const MAX_WAITING_CHARS = 32 * MEBIBYTE;
/** How much is redacted and written at once, so that turns go on in between. */
const BATCH_CHARS = MEBIBYTE / 4;

type Entry =
  | {
      readonly t: number;
      readonly dir: FrameChannelMessage["direction"];
      readonly text: string;
      readonly bytes: number;
    }
  | { readonly t: number; readonly turn: object };

/**
 * Appends one JSON line for each message on the wire and for each turn that has ended. Writes in the background and never
 * delays what it records. Several clients and processes can write to one file: a line is written whole, and a file that
 * another one has rotated is opened again.
 */
export class TraceFile {
  readonly #plan: TraceFilePlan;
  readonly #warn: (message: string) => void;
  readonly #stopAtExit: () => void;
  #handle: FileHandle;
  #waiting: Entry[] = [];
  #waitingChars = 0;
  #omitted = 0;
  #writing: Promise<void> | null = null;
  #isOver = false;

  private constructor(plan: TraceFilePlan, handle: FileHandle, warn: (message: string) => void) {
    this.#plan = plan;
    this.#handle = handle;
    this.#warn = warn;
    this.#stopAtExit = atExit(() => this.#writeAtExit());
  }

  /**
   * Opens the file, or creates it for its owner alone (mode 0600).
   *
   * @param warn - is told once when the file can no longer be written.
   * @throws UsageError when that is not possible.
   */
  static async open(plan: TraceFilePlan, warn: (message: string) => void): Promise<TraceFile> {
    try {
      return new TraceFile(plan, await openToAppend(plan.path), warn);
    } catch (cause) {
      throw new UsageError(
        `traceFile: ${plan.path} cannot be written (${codeOf(cause)}). Give a file in a folder that exists and that ` +
          "this program may write to, or remove the option.",
        { cause },
      );
    }
  }

  frame(dir: FrameChannelMessage["direction"], text: string, bytes: number): void {
    // A slice would keep the whole text.
    const head = text.length > MAX_FRAME_CHARS ? Buffer.from(text.slice(0, MAX_FRAME_CHARS)).toString() : text;
    this.#add({ t: Date.now(), dir, text: head, bytes }, head.length);
  }

  /** Takes a turn, a review, a goal or an agent that has ended. */
  turn({ kind, threadId, turnId, parent, model, status, usage, durationMs, error }: TurnChannelMessage): void {
    const failure = error === undefined ? {} : { error: errorFields(error) };
    const of =
      parent === null ? {} : { parent: { kind: parent.kind, threadId: parent.threadId, turnId: parent.turnId } };
    const turn = { kind, threadId, turnId, ...of, model, status, durationMs, usage, ...failure };
    this.#add({ t: Date.now(), turn }, BATCH_CHARS / 64);
  }

  /** Resolves when everything is written. Never rejects. Idempotent. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopAtExit();
    await this.#handle.close().catch(() => {});
  }

  #add(entry: Entry, chars: number): void {
    if (this.#isOver) return;
    if (this.#waitingChars + chars > MAX_WAITING_CHARS && this.#waiting.length > 0) {
      this.#omitted += 1;
      return;
    }
    this.#waiting.push(entry);
    this.#waitingChars += chars;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    // Whoever has just read or sent a message comes first.
    await new Promise(setImmediate);
    try {
      while (this.#waiting.length > 0) {
        const lines = this.#takeBatch();
        await oneAfterAnother(this.#plan.path, () => this.#append(lines));
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#writing = null;
    }
  }

  /** The lines of the next entries, as one text. */
  #takeBatch(): string {
    const limit = Math.min(BATCH_CHARS, this.#plan.maxBytes);
    let count = 1;
    for (let chars = sizeOf(this.#waiting[0]); count < this.#waiting.length; count++) {
      chars += sizeOf(this.#waiting[count]);
      if (chars > limit) break;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const entry of batch) this.#waitingChars -= sizeOf(entry);
    return this.#linesOf(batch);
  }

  #linesOf(entries: readonly Entry[]): string {
    const omitted = this.#omitted;
    this.#omitted = 0;
    const lines = entries.map((entry) =>
      JSON.stringify("turn" in entry ? entry : frameLine(entry, this.#plan.content)),
    );
    if (omitted > 0) lines.push(JSON.stringify({ t: Date.now(), omitted }));
    return `${lines.join("\n")}\n`;
  }

  async #append(lines: string): Promise<void> {
    const { size, ino } = await this.#handle.stat();
    const current = await stat(this.#plan.path).catch(() => null);
    const isReplaced = current === null || current.ino !== ino;
    if (isReplaced || (size > 0 && size + Buffer.byteLength(lines) > this.#plan.maxBytes)) {
      if (!isReplaced) await this.#rotate();
      const full = this.#handle;
      this.#handle = await openToAppend(this.#plan.path);
      await full.close();
    }
    await this.#handle.appendFile(lines);
  }

  async #rotate(): Promise<void> {
    const { path, files } = this.#plan;
    if (files === 1) return rm(path, { force: true });
    // Only one process gets the file. For another it is gone, or new.
    const taken = `${path}.${process.pid}.full`;
    if (!(await renamed(path, taken))) return;
    for (let age = files - 1; age > 1; age--) await renamed(`${path}.${age - 1}`, `${path}.${age}`);
    await renamed(taken, `${path}.1`);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#stopAtExit();
    this.#handle.close().catch(() => {});
    this.#warn(`The trace file ${this.#plan.path} can no longer be written (${codeOf(error)}): tracing has stopped.`);
  }

  /** Nothing asynchronous runs at the exit of the program. */
  #writeAtExit(): void {
    if (this.#isOver || this.#waiting.length === 0) return;
    try {
      writeSync(this.#handle.fd, this.#linesOf(this.#waiting.splice(0)));
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** The last write to each file by the clients of this program. */
const writes = new Map<string, Promise<void>>();

/** Writes to a file after all earlier writes: a rotation has several steps. */
async function oneAfterAnother(path: string, write: () => Promise<void>): Promise<void> {
  const writing = (writes.get(path) ?? Promise.resolve()).then(write);
  const settled = writing.catch(() => {});
  writes.set(path, settled);
  try {
    await writing;
  } finally {
    if (writes.get(path) === settled) writes.delete(path);
  }
}

/** Renames a file; false when there is none. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return false;
  }
}

/** Opens a file that is a regular one or does not exist. Opening a pipe would wait for a reader. */
async function openToAppend(path: string): Promise<FileHandle> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (found !== null && !found.isFile())
    throw Object.assign(new Error("It is no regular file."), { code: "not a file" });
  return open(path, "a", 0o600);
}

function sizeOf(entry: Entry | undefined): number {
  return entry !== undefined && "text" in entry ? entry.text.length : BATCH_CHARS / 64;
}

function frameLine({ t, dir, text, bytes }: Extract<Entry, { text: string }>, content: boolean): object {
  const isWhole = text.length === bytes || Buffer.byteLength(text) === bytes;
  if (!isWhole) return { t, dir, frame: content ? redactSecrets(text) : null, truncatedBytes: bytes };
  try {
    return { t, dir, frame: redactMessage(JSON.parse(text), content) };
  } catch {
    return { t, dir, frame: content ? redactSecrets(text) : null };
  }
}

/** The class and the code of an error. Its message may hold anything. */
function errorFields(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const code: unknown = Reflect.get(error, "code");
  return { name: error.name, ...(typeof code === "string" ? { code } : {}) };
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : messageOf(error);
}
