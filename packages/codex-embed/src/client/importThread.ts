import { randomUUID } from "node:crypto";
import { link, lstat, mkdir, open, realpath, rename, rm, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../errors/base.js";
import { JsonRpcError, ThreadLockedError, ThreadNotFoundError } from "../errors/connection.js";
import { type RecordExtent, ThreadArchiveError, type ThreadConflict, ThreadConflictError } from "../errors/archive.js";
import type { Thread as ThreadRecord } from "../protocol/generated/protocol.js";
import { chunksOf, lastTimestamp, openRollout } from "../runtime/rollout.js";
import type { Runtime } from "../runtime/runtime.js";
import { integer } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { type IncomingRecord, openArchive, RecordCheck } from "./archiveReader.js";
import { readThread } from "./openThread.js";
import { type RecordName, refuseElsewhere, type ThreadArchive } from "./threadArchive.js";

/** Options of `codex.importThread`. */
export interface ImportThreadOptions {
  /** The most bytes that the records may have together. Default 1 GiB. */
  readonly maxBytes?: number | undefined;
}

const IMPORT_THREAD: OptionTable<ImportThreadOptions> = { maxBytes: integer(1) };
const DEFAULT_MAX_BYTES = 1024 ** 3;
/** Pieces of a stream may be small, and each write has its cost. */
const WRITE_BYTES = 64 * 1024;

/** A record in a temporary file beside its place. */
interface StagedRecord {
  readonly name: RecordName;
  readonly isArchived: boolean;
  readonly temporary: string;
  readonly check: RecordCheck;
}

/** What is to be done with a staged record. */
interface Placement {
  readonly staged: StagedRecord;
  /** `keep`: the home has all of it already. `add`: a new file. `extend`: the home's file is its beginning. */
  readonly action: "keep" | "add" | "extend";
  readonly path: string;
}

/**
 * Writes the records of an archive into the home of the runtime. Everything is checked before the first one is put into its
 * place, and each gets there whole: by a link or a rename of a finished file.
 */
export async function importThread(
  runtime: Runtime,
  archive: ThreadArchive | AsyncIterable<Uint8Array, unknown, undefined>,
  options: ImportThreadOptions,
): Promise<ThreadRecord> {
  const { maxBytes = DEFAULT_MAX_BYTES } = checkOptions(options, "importThread", IMPORT_THREAD);
  refuseElsewhere(runtime, "importThread");
  const { header, records } = await openArchive(archive);
  await runtime.start();
  const home = await realpath(runtime.metadata.codexHome);
  const staged: StagedRecord[] = [];
  try {
    let budget = maxBytes;
    for await (const record of records) {
      const one = await stage(home, record, budget, maxBytes);
      staged.push(one);
      budget -= one.check.bytes;
    }
    checkLineage(staged, header.threadId);
    const placements: Placement[] = [];
    for (const group of byThread(staged)) placements.push(...(await comparison(runtime, home, group, header.threadId)));
    const changes = placements.filter(({ action }) => action !== "keep");
    // The runtime takes the first record of a thread that it finds for the current one, and stays with it (measured).
    for (const change of changes.toReversed()) await place(change);
    const changed = new Set(changes.map(({ staged: { name } }) => name.threadId));
    changed.delete(header.threadId);
    for (const threadId of changed) await openOnce(runtime, threadId);
  } finally {
    for (const { temporary } of staged) await rm(temporary, { force: true });
  }
  runtime.router.fates.opened(header.threadId, true);
  if (header.name !== null && (await readThread(runtime, header.threadId)).name === null) {
    await runtime.request("thread/name/set", { threadId: header.threadId, name: header.name });
  }
  return readThread(runtime, header.threadId);
}

/** Writes a record into a temporary file and checks it on the way. Removes the file when it is bad. */
async function stage(
  home: string,
  { name, isArchived, chunks }: IncomingRecord,
  budget: number,
  maxBytes: number,
): Promise<StagedRecord> {
  const folder = await ownFolder(home, dirname(isArchived ? name.places.archived : name.places.active));
  const temporary = join(folder, `.import-${randomUUID()}.tmp`);
  const check = new RecordCheck(name);
  const file = await open(temporary, "wx", 0o600);
  try {
    let pending: Uint8Array[] = [];
    let pendingBytes = 0;
    for await (const chunk of chunks) {
      if (check.bytes + chunk.length > budget) {
        throw new UsageError(`importThread: the archive has more than ${maxBytes} bytes. Raise maxBytes.`);
      }
      check.push(chunk);
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < WRITE_BYTES) continue;
      await file.appendFile(Buffer.concat(pending));
      pending = [];
      pendingBytes = 0;
    }
    await file.appendFile(Buffer.concat(pending));
    check.end();
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  return { name, isArchived, temporary, check };
}

/** A folder of the home, created if needed. Refuses links below `sessions`, which could lead elsewhere. */
async function ownFolder(home: string, path: string): Promise<string> {
  const [root = "", ...below] = path.split("/");
  await mkdir(join(home, root), { recursive: true, mode: 0o700 });
  let folder = await realpath(join(home, root));
  for (const part of below) {
    folder = join(folder, part);
    await mkdir(folder, { mode: 0o700 }).catch(unlessExists);
    if (!(await lstat(folder)).isDirectory()) {
      throw new UsageError(`importThread: ${folder} is not a folder. Remove it, and import again.`);
    }
  }
  return folder;
}

/** Each record must continue one that comes before it, and the last one must be the thread's. */
function checkLineage(records: readonly StagedRecord[], threadId: string): void {
  const before = new Map<string, number>();
  for (const { name, check } of records) {
    const { base } = check;
    if (base !== null && (before.get(base.segmentId) ?? -1) < base.bytes) {
      throw new ThreadArchiveError(`${name.file} continues a record that the archive does not have before it.`);
    }
    if (before.has(name.segmentId)) throw new ThreadArchiveError(`it has two records of ${name.segmentId}.`);
    before.set(name.segmentId, check.bytes);
  }
  if (records.at(-1)?.name.threadId !== threadId) throw new ThreadArchiveError("its last record is of another thread.");
}

function byThread(records: readonly StagedRecord[]): Iterable<readonly StagedRecord[]> {
  const groups = new Map<string, StagedRecord[]>();
  for (const record of records) {
    const group = groups.get(record.name.threadId);
    if (group === undefined) groups.set(record.name.threadId, [record]);
    else group.push(record);
  }
  return groups.values();
}

/** Compares the records of one thread, in the order of the archive, with those of the home. Throws `ThreadConflictError`. */
async function comparison(
  runtime: Runtime,
  home: string,
  group: readonly StagedRecord[],
  importedId: string,
): Promise<Placement[]> {
  const [first] = group;
  const last = group.at(-1);
  if (first === undefined || last === undefined) return [];
  const stored = await storedThread(runtime, first.name.threadId);
  const current = stored?.path ?? null;
  const isArchived = current === null ? last.isArchived : basename(dirname(current)) === "archived_sessions";
  const placements: Placement[] = [];
  for (const staged of group) {
    const { active, archived } = staged.name.places;
    const existing = await existingPath(home, [active, archived]);
    if (existing === null) {
      placements.push({ staged, action: "add", path: await newPath(home, isArchived ? archived : active) });
      continue;
    }
    const order = await compare(staged.temporary, existing);
    if (order === null) throw await conflict(staged, existing, "diverged");
    // Of another thread, the imported one needs the beginning alone.
    if (order < 0 && staged.name.threadId === importedId) throw await conflict(staged, existing, "newer");
    placements.push({ staged, action: order > 0 ? "extend" : "keep", path: existing });
  }
  if (stored === null || current === null) return placements;
  if (stored.id === importedId && last.name.file !== basename(current)) {
    const knows = group.some(({ name }) => name.file === basename(current));
    const hasAll = placements.every(({ action }) => action === "keep");
    throw await conflict(last, current, knows ? "reverted" : hasAll ? "newer" : "diverged");
  }
  const extended = placements.find(({ action }) => action === "extend");
  if (extended !== undefined) await refuseInUse(runtime, stored, extended);
  return placements;
}

/** The thread as this home has it; null when it does not. */
async function storedThread(runtime: Runtime, threadId: string): Promise<ThreadRecord | null> {
  try {
    return await readThread(runtime, threadId);
  } catch (error) {
    if (ThreadNotFoundError.isInstance(error)) return null;
    throw error;
  }
}

/**
 * Refuses a thread that a runtime has loaded, this one or another. Of another, this one alone knows: to unarchive a thread
 * that is not archived fails in any case, and fails as locked if the thread is loaded (measured). An archived one never is.
 */
async function refuseInUse(runtime: Runtime, stored: ThreadRecord, { staged, path }: Placement): Promise<void> {
  if (stored.status.type !== "notLoaded") throw await conflict(staged, path, "inUse");
  if (basename(dirname(path)) === "archived_sessions") return;
  try {
    await runtime.request("thread/unarchive", { threadId: stored.id });
  } catch (error) {
    if (ThreadLockedError.isInstance(error)) throw await conflict(staged, path, "inUse", error);
    if (!ThreadNotFoundError.isInstance(error)) throw error;
  }
}

async function existingPath(home: string, places: readonly string[]): Promise<string | null> {
  for (const place of places) {
    const path = join(home, place);
    const isThere = await lstat(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

async function newPath(home: string, place: string): Promise<string> {
  return join(await ownFolder(home, dirname(place)), basename(place));
}

/** 0 for equal files; 1 or -1 when the one that is shorter is the beginning of the other; null when they differ. */
async function compare(ours: string, theirs: string): Promise<number | null> {
  const [mine, other] = await Promise.all([openRollout(ours), openRollout(theirs)]);
  try {
    const shared = Math.min(mine.size, other.size);
    const others = chunksOf(other, shared);
    for await (const chunk of chunksOf(mine, shared)) {
      const { value } = await others.next();
      // Both read pieces of the same size.
      if (value === undefined || !chunk.equals(value)) return null;
    }
    return Math.sign(mine.size - other.size);
  } finally {
    await Promise.all([mine.close(), other.close()]);
  }
}

async function conflict(
  { name, check }: StagedRecord,
  path: string,
  reason: ThreadConflict,
  cause?: unknown,
): Promise<ThreadConflictError> {
  const rollout = await openRollout(path);
  try {
    const existing: RecordExtent = { bytes: rollout.size, lastWrittenAt: await lastTimestamp(rollout) };
    const archived: RecordExtent = { bytes: check.bytes, lastWrittenAt: check.lastWrittenAt };
    return new ThreadConflictError(name.threadId, reason, { existing, archived }, { cause });
  } finally {
    await rollout.close();
  }
}

/** Puts a finished file into its place. A new one never replaces another: two imports may run at once. */
async function place({ staged, action, path }: Placement): Promise<void> {
  if (action === "extend") return rename(staged.temporary, path);
  try {
    await link(staged.temporary, path);
  } catch (error) {
    if (!isCode(error, "EEXIST")) return placeWithoutLinks(staged.temporary, path);
    const order = await compare(staged.temporary, path);
    if (order !== 0) throw await conflict(staged, path, "diverged");
  }
  await unlink(staged.temporary);
}

/** For file systems without hard links. */
async function placeWithoutLinks(temporary: string, path: string): Promise<void> {
  const reserved = await open(path, "wx", 0o600);
  await reserved.close();
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * Has the runtime read the history of a thread, by a fork that it does not store: the thread itself stays unloaded. Without
 * that, `thread/turns/list` of its forks lacks its turns (measured); the model has them.
 */
async function openOnce(runtime: Runtime, threadId: string): Promise<void> {
  const cwd = runtime.paths.resolve(".");
  const params = { threadId, ephemeral: true, excludeTurns: true, sandbox: "read-only", cwd } as const;
  try {
    const { thread } = await runtime.request("thread/fork", params);
    await runtime.request("thread/unsubscribe", { threadId: thread.id });
  } catch (error) {
    if (!JsonRpcError.isInstance(error)) throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function unlessExists(error: unknown): void {
  if (!isCode(error, "EEXIST")) throw error;
}
