import { CodexError } from "./base.js";

/**
 * The archive cannot be imported: it is cut off or damaged, it is no thread archive, or it has a version that this package
 * does not read. Nothing was written.
 */
export class ThreadArchiveError extends CodexError {
  static override readonly typeName: string = "ThreadArchiveError";
  constructor(problem: string, options?: ErrorOptions) {
    super("ARCHIVE_INVALID", `importThread: ${problem} Export the thread again.`, options);
  }
}

/** How far a stored record of a thread goes. */
export interface RecordExtent {
  /** Its size. */
  readonly bytes: number;
  /** The timestamp of its last line; null when it has none. */
  readonly lastWrittenAt: string | null;
}

/**
 * Why an archive cannot be imported. `newer`: the home's record has everything that the archive's has, and more.
 * `diverged`: each has something that the other lacks. `reverted`: `thread.revert` was called since, and the runtime stays
 * with the record that it knows (measured). `inUse`: a runtime has the thread loaded and writes to it.
 */
export type ThreadConflict = "newer" | "diverged" | "reverted" | "inUse";

const CONFLICT_ADVICE: Readonly<Record<ThreadConflict, string>> = {
  newer: "The home has a newer record. Keep it, or delete the thread with codex.deleteThread(id) and import again.",
  diverged:
    "The thread was continued in both places. Keep the home's record, or delete the thread with codex.deleteThread(id) " +
    "and import again.",
  reverted:
    "The thread was reverted since, which a runtime that has it does not notice. Delete the thread with " +
    "codex.deleteThread(id), and import again.",
  inUse: "A runtime has the thread loaded. Close every client that uses it, and import with a new client.",
};

/** The home of `importThread` has another record of the thread, or one that is in use. Nothing was written. */
export class ThreadConflictError extends CodexError {
  static override readonly typeName: string = "ThreadConflictError";
  /** The thread whose record conflicts: the imported one, or one that it was forked from. */
  readonly threadId: string;
  readonly reason: ThreadConflict;
  /** The record in the home. */
  readonly existing: RecordExtent;
  /** The record in the archive. */
  readonly archived: RecordExtent;

  constructor(
    threadId: string,
    reason: ThreadConflict,
    records: { readonly existing: RecordExtent; readonly archived: RecordExtent },
    options?: ErrorOptions,
  ) {
    const { existing, archived } = records;
    super(
      "THREAD_CONFLICT",
      `importThread: thread ${threadId} is already in this home (${extent(existing)}; the archive has ` +
        `${extent(archived)}). ${CONFLICT_ADVICE[reason]}`,
      options,
    );
    this.threadId = threadId;
    this.reason = reason;
    this.existing = existing;
    this.archived = archived;
  }
}

function extent({ bytes, lastWrittenAt }: RecordExtent): string {
  return `${bytes} bytes${lastWrittenAt === null ? "" : `, last written ${lastWrittenAt}`}`;
}
