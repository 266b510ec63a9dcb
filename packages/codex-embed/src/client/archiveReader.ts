/** Reads thread archives in both forms, and checks each line of their records. */

import { basename } from "node:path";
import { UsageError } from "../errors/base.js";
import { ThreadArchiveError } from "../errors/archive.js";
import { isRecord } from "../util/json.js";
import {
  ARCHIVE_FORMAT,
  ARCHIVE_VERSION,
  type ArchiveHeader,
  type HistoryBase,
  parse,
  type RecordName,
  readHead,
  recordName,
  type ThreadArchive,
} from "./threadArchive.js";

/** The longest line to accept: the runtime's messages have the same limit by default. */
const MAX_LINE_BYTES = 128 * 1024 * 1024;
/** The longest line between two records. */
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_RECORDS = 10_000;
const LF = 10;

/** A record as it comes out of an archive. Its bytes have to be read before the next record. */
export interface IncomingRecord {
  readonly name: RecordName;
  readonly isArchived: boolean;
  readonly chunks: AsyncIterable<Uint8Array, unknown, undefined>;
}

/** An archive that is being read. */
export interface IncomingArchive {
  readonly header: Omit<ArchiveHeader, "format" | "version">;
  readonly records: AsyncIterable<IncomingRecord>;
}

/** Opens an archive. Throws `ThreadArchiveError` for one that is damaged, and `UsageError` for something else. */
export async function openArchive(
  archive: ThreadArchive | AsyncIterable<Uint8Array, unknown, undefined>,
): Promise<IncomingArchive> {
  if (typeof archive !== "object" || archive === null) throw notAnArchive();
  if (!(Symbol.asyncIterator in archive)) return openPlain(archive);
  const bytes = new ByteReader(archive);
  try {
    const header = readHeader(parse(await bytes.line("its header")));
    return { header, records: streamRecords(bytes, header.records) };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

function notAnArchive(): UsageError {
  return new UsageError(
    "importThread: archive is not a thread archive. Pass what codex.exportThread(id) resolved with, or the bytes of " +
      "codex.exportThreadStream(id).",
  );
}

function readHeader(header: unknown): IncomingArchive["header"] {
  if (!isRecord(header) || header["format"] !== ARCHIVE_FORMAT) throw notAnArchive();
  const { version, threadId, runtimeVersion, name, records } = header;
  if (version !== ARCHIVE_VERSION) {
    throw new ThreadArchiveError(
      `the archive has another version than ${ARCHIVE_VERSION}, the one that this package reads. Update codex-embed.`,
    );
  }
  const hasNames = typeof threadId === "string" && (name === null || typeof name === "string");
  if (!hasNames || typeof runtimeVersion !== "string") throw new ThreadArchiveError("its header is damaged.");
  const isCount = typeof records === "number" && Number.isSafeInteger(records) && records > 0 && records <= MAX_RECORDS;
  if (!isCount) throw new ThreadArchiveError(`it must have 1 to ${MAX_RECORDS} records.`);
  return { threadId, runtimeVersion, name, records };
}

function openPlain(archive: ThreadArchive): IncomingArchive {
  const given: unknown = Reflect.get(archive, "records");
  if (!Array.isArray(given)) throw notAnArchive();
  const records: readonly unknown[] = given;
  const header = readHeader({ ...archive, records: records.length });
  return { header, records: plainRecords(records) };
}

async function* plainRecords(records: readonly unknown[]): AsyncGenerator<IncomingRecord, void, undefined> {
  for (const [index, record] of records.entries()) {
    const place = readPlace(record, index);
    const data = isRecord(record) ? record["data"] : null;
    if (typeof data !== "string" || !data.isWellFormed()) {
      throw new ThreadArchiveError(`records[${index}].data must be a well-formed string.`);
    }
    yield { ...place, chunks: onePiece(data) };
  }
}

async function* onePiece(data: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(data, "utf8");
}

async function* streamRecords(bytes: ByteReader, count: number): AsyncGenerator<IncomingRecord, void, undefined> {
  try {
    for (let index = 0; index < count; index++) {
      const what = `record ${index + 1} of ${count}`;
      const line = parse(await bytes.line(what));
      const place = readPlace(line, index);
      const size = isRecord(line) ? line["bytes"] : null;
      if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
        throw new ThreadArchiveError(`records[${index}].bytes must be an integer ≥ 0.`);
      }
      yield { ...place, chunks: bytes.take(size, what) };
    }
    if (!(await bytes.isAtEnd())) throw new ThreadArchiveError(`it goes on after its ${count} records.`);
  } finally {
    await bytes.close();
  }
}

/** Where a record belongs. Only the two places that the runtime itself gives to a file of this name are possible. */
function readPlace(record: unknown, index: number): Pick<IncomingRecord, "name" | "isArchived"> {
  const path = isRecord(record) ? record["path"] : null;
  const name = typeof path === "string" ? recordName(basename(path)) : null;
  if (name === null || (path !== name.places.active && path !== name.places.archived)) {
    throw new ThreadArchiveError(`records[${index}].path is not the place of a rollout in a home.`);
  }
  if (!isRecord(record) || record["threadId"] !== name.threadId) {
    throw new ThreadArchiveError(`records[${index}].threadId is not the thread in its path.`);
  }
  return { name, isArchived: path === name.places.archived };
}

/** Takes lines and numbers of bytes from pieces of any size. */
class ByteReader {
  readonly #pieces: AsyncIterator<unknown>;
  #rest: Uint8Array = new Uint8Array();

  constructor(pieces: AsyncIterable<unknown>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next line, without its line break. */
  async line(what: string): Promise<string> {
    const pieces: Uint8Array[] = [];
    for (let bytes = 0; bytes <= MAX_HEADER_BYTES; ) {
      const piece = await this.#next(what);
      const cut = piece.indexOf(LF);
      pieces.push(cut === -1 ? piece : piece.subarray(0, cut));
      bytes += piece.length;
      if (cut === -1) continue;
      this.#rest = piece.subarray(cut + 1);
      return Buffer.concat(pieces).toString("utf8");
    }
    throw new ThreadArchiveError(`${what} is damaged: its line is longer than ${MAX_HEADER_BYTES} bytes.`);
  }

  async *take(bytes: number, what: string): AsyncGenerator<Uint8Array, void, undefined> {
    for (let missing = bytes; missing > 0; ) {
      const piece = await this.#next(what);
      const taken = piece.subarray(0, missing);
      this.#rest = piece.subarray(taken.length);
      missing -= taken.length;
      yield taken;
    }
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const piece = await this.#read();
      if (piece === null) return true;
      this.#rest = piece;
    }
    return false;
  }

  /** Lets go of the source, also before its end. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(what: string): Promise<Uint8Array> {
    if (await this.isAtEnd()) throw new ThreadArchiveError(`it is cut off: it ends within ${what}.`);
    const piece = this.#rest;
    this.#rest = new Uint8Array();
    return piece;
  }

  async #read(): Promise<Uint8Array | null> {
    const { done, value } = await this.#pieces.next();
    if (done === true) return null;
    if (value instanceof Uint8Array) return value;
    throw new UsageError("importThread: archive yields something other than bytes. Pass a stream of Uint8Array.");
  }
}

/** Checks the lines of a record as its bytes pass. Throws `ThreadArchiveError` at the first bad one. */
export class RecordCheck {
  readonly #name: RecordName;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #pieces: Uint8Array[] = [];
  #lineBytes = 0;
  #lines = 0;
  /** How many bytes have passed. */
  bytes = 0;
  /** The timestamp of the last line. */
  lastWrittenAt: string | null = null;
  /** The record that this one continues. */
  base: HistoryBase | null = null;

  constructor(name: RecordName) {
    this.#name = name;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    for (let cut = rest.indexOf(LF); cut !== -1; cut = rest.indexOf(LF)) {
      this.#add(rest.subarray(0, cut));
      this.#endLine();
      rest = rest.subarray(cut + 1);
    }
    if (rest.length > 0) this.#add(rest);
    this.bytes += chunk.length;
  }

  /** The record is complete. */
  end(): void {
    if (this.#lines === 0 || this.#lineBytes > 0) throw this.#damaged("does not end with a whole line");
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#lineBytes += piece.length;
    if (this.#lineBytes > MAX_LINE_BYTES) throw this.#damaged(`is longer than ${MAX_LINE_BYTES} bytes`);
  }

  #endLine(): void {
    const text = this.#decode();
    this.#pieces = [];
    this.#lineBytes = 0;
    this.#lines += 1;
    const line = text === null ? null : parse(text);
    if (text === null || !isRecord(line) || typeof line["type"] !== "string") {
      throw this.#damaged("is not a line of a rollout");
    }
    if (this.#lines === 1) this.#readHead(text);
    this.lastWrittenAt = typeof line["timestamp"] === "string" ? line["timestamp"] : this.lastWrittenAt;
  }

  #readHead(text: string): void {
    const head = readHead(text);
    if (head === null) throw this.#damaged("is not the beginning of a rollout");
    if (head.threadId !== this.#name.threadId) throw this.#damaged("belongs to another thread than its path says");
    this.base = head.base;
  }

  #decode(): string | null {
    try {
      return this.#decoder.decode(this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces));
    } catch {
      return null;
    }
  }

  #damaged(problem: string): ThreadArchiveError {
    return new ThreadArchiveError(`line ${this.#lines + 1} of ${this.#name.file} ${problem}.`);
  }
}
