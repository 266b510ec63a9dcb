/** The format of thread archives, and the export of a thread. */

import { constants } from "node:buffer";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { CodexError, UsageError } from "../errors/base.js";
import { chunksOf, firstLine, openRollout, type RolloutBytes, wholeLinesBytes } from "../runtime/rollout.js";
import type { Runtime } from "../runtime/runtime.js";
import { isRecord } from "../util/json.js";
import { readThread } from "./openThread.js";

export const ARCHIVE_FORMAT: ThreadArchive["format"] = "codex-embed-thread";
export const ARCHIVE_VERSION: ThreadArchive["version"] = 1;

/** One file of a thread archive: a rollout, in which the runtime stores a thread as JSON lines. */
export interface ThreadArchiveRecord {
  /** The thread that it belongs to: the exported one, or one that it was forked from. */
  readonly threadId: string;
  /** Where it belongs, relative to the home, with forward slashes: `sessions/2026/11/28/rollout-….jsonl`. */
  readonly path: string;
  /** The lines as the runtime wrote them. The last one ends with a line break. */
  readonly data: string;
}

/**
 * A thread with everything that the runtime needs to continue it elsewhere. JSON carries it unchanged. It holds the whole
 * conversation: prompts, answers, and what commands and tools returned.
 */
export interface ThreadArchive {
  readonly format: "codex-embed-thread";
  /** The version of the format. */
  readonly version: 1;
  /** The id of the thread, which it keeps. */
  readonly threadId: string;
  /** The version of the runtime that exported it. */
  readonly runtimeVersion: string;
  /** The thread's name; null when it has none. */
  readonly name: string | null;
  /** The records, each after the one that it continues. The exported thread's current one is the last. */
  readonly records: readonly ThreadArchiveRecord[];
}

/** The first line of an archive in its stream form. Each record follows as a {@link RecordLine} and its bytes. */
export interface ArchiveHeader extends Omit<ThreadArchive, "records"> {
  /** How many records follow. */
  readonly records: number;
}

/** The line before the bytes of a record. */
export interface RecordLine extends Omit<ThreadArchiveRecord, "data"> {
  readonly bytes: number;
}

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const RECORD_NAME = new RegExp(
  `^rollout-(\\d{4})-(\\d{2})-(\\d{2})T\\d{2}-\\d{2}-\\d{2}-(${UUID})(?:_(${UUID}))?\\.jsonl$`,
);

/** What the name of a rollout tells. */
export interface RecordName {
  readonly file: string;
  readonly threadId: string;
  /**
   * What a rollout that continues this one calls it. A thread's first rollout has the thread's id; `thread/revert` begins
   * another one with an id of its own (measured).
   */
  readonly segmentId: string;
  /** Where it can be, relative to the home: as a thread in use, and as an archived one. */
  readonly places: { readonly active: string; readonly archived: string };
}

/** Reads the name of a rollout; null for any other name. */
export function recordName(file: string): RecordName | null {
  const [, year, month, day, threadId, segmentId = threadId] = RECORD_NAME.exec(file) ?? [];
  if (threadId === undefined || segmentId === undefined) return null;
  const places = { active: `sessions/${year}/${month}/${day}/${file}`, archived: `archived_sessions/${file}` };
  return { file, threadId, segmentId, places };
}

/** The rollout that another one continues, up to where. */
export interface HistoryBase {
  readonly segmentId: string;
  readonly bytes: number;
}

/** What the first line of a rollout tells; null when it is not the beginning of one. */
export function readHead(line: string): { readonly threadId: string; readonly base: HistoryBase | null } | null {
  const meta = parse(line);
  if (!isRecord(meta) || meta["type"] !== "session_meta" || !isRecord(meta["payload"])) return null;
  const { id: threadId, history_base: base } = meta["payload"];
  if (typeof threadId !== "string") return null;
  if (base === undefined || base === null) return { threadId, base: null };
  if (!isRecord(base)) return null;
  const { thread_id: segmentId, end_byte_offset: bytes } = base;
  if (typeof segmentId !== "string" || typeof bytes !== "number" || !Number.isSafeInteger(bytes)) return null;
  return { threadId, base: { segmentId, bytes } };
}

/** The value of a JSON text; undefined when it is none. */
export function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Throws `UsageError` unless the files of the runtime's home are this program's as well. */
export function refuseElsewhere(runtime: Runtime, call: string): void {
  if (runtime.paths.sharesFiles) return;
  throw new UsageError(
    `${call}: this program may not see the files of the runtime, which was reached by Codex.connect or started by a ` +
      "spawn hook. Call it on the machine of the runtime, with new Codex({ codexHome }).",
  );
}

interface ExportedRecord {
  readonly line: RecordLine;
  readonly path: string;
}

interface Export {
  readonly header: ArchiveHeader;
  readonly records: readonly ExportedRecord[];
}

/** Exports a thread in the stream form: JSON lines, in pieces of any size. */
export async function* exportThreadStream(
  runtime: Runtime,
  threadId: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, records } = await plan(runtime, threadId);
  yield jsonLine(header);
  for (const { line, path } of records) {
    yield jsonLine(line);
    const rollout = await openRollout(path);
    try {
      yield* chunksOf(rollout, line.bytes);
    } finally {
      await rollout.close();
    }
  }
}

/** Exports a thread as a plain object. */
export async function exportThread(runtime: Runtime, threadId: string): Promise<ThreadArchive> {
  const { header, records } = await plan(runtime, threadId);
  const texts: ThreadArchiveRecord[] = [];
  for (const { line, path } of records) {
    const { bytes, ...place } = line;
    if (bytes > constants.MAX_STRING_LENGTH) {
      throw new UsageError(
        `exportThread: a record of thread ${threadId} has ${bytes} bytes, more than a string can hold. Use ` +
          "codex.exportThreadStream(id).",
      );
    }
    const rollout = await openRollout(path);
    try {
      const data = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      let text = "";
      for await (const chunk of chunksOf(rollout, bytes)) text += data.decode(chunk, { stream: true });
      texts.push({ ...place, data: text + data.decode() });
    } finally {
      await rollout.close();
    }
  }
  return { ...header, records: texts };
}

/** Finds the records to export: the thread's own ones whole, those of other threads as far as it continues them. */
async function plan(runtime: Runtime, threadId: string): Promise<Export> {
  refuseElsewhere(runtime, "exportThread");
  await runtime.start();
  const { path, ephemeral, name } = await readThread(runtime, threadId);
  if (path === null || ephemeral) {
    throw new UsageError(`exportThread: thread ${threadId} is ephemeral, so the runtime stores nothing of it.`);
  }
  const { codexHome, runtimeVersion } = runtime.metadata;
  const records: ExportedRecord[] = [];
  const seen = new Set<string>();
  let paths: ReadonlyMap<string, string> | null = null;
  for (let next: { path: string; end: number } | null = { path, end: 0 }; next !== null; ) {
    const { record, segmentId, base } = await inspect(next.path, threadId, next.end);
    records.push(record);
    seen.add(segmentId);
    if (base === null) break;
    paths ??= await recordPaths(codexHome);
    const basePath = paths.get(base.segmentId);
    if (basePath === undefined || seen.has(base.segmentId)) {
      throw new CodexError(
        "RECORD_DAMAGED",
        `exportThread: thread ${threadId} continues the record ${base.segmentId}, which ` +
          `${basePath === undefined ? `is not in ${codexHome}` : "continues it in turn"}. The runtime cannot open it either.`,
      );
    }
    next = { path: basePath, end: base.bytes };
  }
  const header = {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    threadId,
    runtimeVersion,
    name,
    records: records.length,
  } as const;
  return { header, records: records.reverse() };
}

/** Every rollout of a home, by the id of its segment. */
async function recordPaths(codexHome: string): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const folder of ["sessions", "archived_sessions"]) {
    const root = join(codexHome, folder);
    const files = await readdir(root, { recursive: true }).catch(() => []);
    for (const file of files) {
      const name = recordName(basename(file));
      if (name !== null) paths.set(name.segmentId, join(root, file));
    }
  }
  return paths;
}

async function inspect(path: string, threadId: string, end: number) {
  const name = recordName(basename(path));
  if (name === null) {
    throw new UsageError(
      `exportThread: the runtime stores thread ${threadId} as ${basename(path)}, not as JSON lines. Resume the thread and ` +
        "run a turn, and export it then.",
    );
  }
  const rollout = await openRecord(path, threadId);
  try {
    const line = await firstLine(rollout);
    const head = line === null ? null : readHead(line);
    const bytes = name.threadId === threadId ? await wholeLinesBytes(rollout) : end;
    if (head?.threadId !== name.threadId || bytes > rollout.size) {
      throw new CodexError(
        "RECORD_DAMAGED",
        `exportThread: ${path} is damaged: it does not begin or end as it should.`,
      );
    }
    const isArchived = basename(join(path, "..")) === "archived_sessions";
    const place = isArchived ? name.places.archived : name.places.active;
    const record = { line: { threadId: name.threadId, path: place, bytes }, path };
    return { record, segmentId: name.segmentId, base: head.base };
  } finally {
    await rollout.close();
  }
}

async function openRecord(path: string, threadId: string): Promise<RolloutBytes> {
  try {
    return await openRollout(path);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw cause;
    throw new UsageError(
      `exportThread: thread ${threadId} has no record yet. The runtime stores a thread with its first turn: run one.`,
      { cause },
    );
  }
}

function jsonLine(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`, "utf8");
}
