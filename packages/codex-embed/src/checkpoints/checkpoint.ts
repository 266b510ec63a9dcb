import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { CodexError, messageOf, UsageError } from "../errors/base.js";
import { CheckpointError, RestoreConflictError } from "../errors/checkpoint.js";
import { absolutePath, existingFolder, expandHome } from "../process/paths.js";
import type { RestoreOptions, WorkspaceChange } from "../protocol/shapes.js";
import { isRecord } from "../util/json.js";
import { flag, folder, integer, listOf, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { type BytePath, type ListingLimits, pathIn, shownPath } from "./listing.js";
import { type RestoreTarget, restoreFiles } from "./restore.js";
import {
  type Base,
  changesBetween,
  diffBetween,
  differences,
  type Permissions,
  permissionsOf,
  type Snapshot,
  takeSnapshot,
  type Workspace,
} from "./snapshot.js";
import { type Store, WorkspaceStores } from "./store.js";

/** How large a workspace may be. Ignored files do not count. */
export interface CheckpointLimits {
  /** Default 50,000. */
  readonly maxFiles?: number | undefined;
  /** The size of all files together. Default 1 GiB. */
  readonly maxBytes?: number | undefined;
}

/** Options of `checkpoint`. */
export interface CheckpointOptions extends CheckpointLimits {
  /** The runtime's home, below which checkpoints are kept. Default: `CODEX_HOME`, then `~/.codex`. */
  readonly codexHome?: string | undefined;
}

const OPTIONS: OptionTable<CheckpointOptions> = { maxFiles: integer(1), maxBytes: integer(1), codexHome: text };
const OPEN_OPTIONS: OptionTable<Pick<CheckpointOptions, "codexHome">> = { codexHome: text };
const RESTORE: OptionTable<RestoreOptions> = { paths: listOf(text), force: flag };

const DEFAULT_LIMITS = { maxFiles: 50_000, maxBytes: 1024 ** 3 };
/** A later state may be this many times as large: an agent that has made many files must be undone above all. */
const GROWTH = 4;

/** What is stored of a checkpoint. */
interface CheckpointRecord extends RestoreTarget, Base {
  readonly createdAtMs: number;
}

/**
 * Records the files of a folder, so that what changes in it can be listed and undone. Needs `git` on PATH, and keeps the
 * files in a git repository of its own below the runtime's home: the project's repository, index, hooks and
 * configuration are not used. Resolves when everything is recorded.
 *
 * Ignored files (.gitignore and info/exclude) are not recorded, unless the project's repository tracks them. A checkpoint
 * is kept for at least seven days after its last use, or until it is discarded.
 *
 * @param cwd - the folder: a path, or a `file:` URL.
 * @throws UsageError for a bad option or folder; CheckpointError `GIT_NOT_FOUND`, `CHECKPOINT_TOO_LARGE`,
 * `CHECKPOINT_FAILED`.
 */
export async function checkpoint(cwd: string | URL, options: CheckpointOptions = {}): Promise<Checkpoint> {
  const { codexHome, maxFiles, maxBytes } = checkOptions(options, "checkpoint", OPTIONS);
  const limits = { maxFiles: maxFiles ?? DEFAULT_LIMITS.maxFiles, maxBytes: maxBytes ?? DEFAULT_LIMITS.maxBytes };
  const workspace = await workspaceOf(cwd, codexHome, "checkpoint");
  const stores = new WorkspaceStores(workspace.codexHome, workspace.cwd);
  for (let attempt = 1; ; attempt++) {
    const store = await stores.forWriting().catch((error: unknown) => {
      throw failure(error, workspace);
    });
    try {
      const { tree, listing } = await takeSnapshot(store, workspace, limits);
      const createdAtMs = Date.now();
      const record: CheckpointRecord = {
        tree,
        empty: [...listing.empty],
        left: [...listing.left],
        permissions: permissionsOf(listing),
        createdAtMs,
      };
      const id = randomBytes(6).toString("hex");
      await store.writeRecord(id, record);
      await stores.expire();
      return new Checkpoint(store, id, workspace, { tree, createdAtMs, limits });
    } catch (error) {
      // Another process has removed the repository, with the last checkpoint in it.
      if (attempt > 1 || existsSync(store.file("HEAD"))) throw failure(error, workspace);
    }
  }
}

/** What the file system refused, as an error that says what it was for. */
function failure(cause: unknown, { cwd, codexHome }: Workspace): unknown {
  if (CodexError.isInstance(cause)) return cause;
  return new CheckpointError(
    "CHECKPOINT_FAILED",
    `A checkpoint of ${cwd} failed: ${messageOf(cause)}. Check the space and the permissions of ${codexHome}.`,
    { cause },
  );
}

/**
 * Opens a checkpoint of an earlier run of the program, such as one that was stopped in a restore.
 *
 * @param id - the `id` of the checkpoint.
 * @throws UsageError for a bad option or folder; CheckpointError `CHECKPOINT_GONE` when it was discarded or has expired.
 */
export async function openCheckpoint(
  cwd: string | URL,
  id: string,
  options: Pick<CheckpointOptions, "codexHome"> = {},
): Promise<Checkpoint> {
  const { codexHome } = checkOptions(options, "openCheckpoint", OPEN_OPTIONS);
  text(id, { call: "openCheckpoint", path: "id" });
  const workspace = await workspaceOf(cwd, codexHome, "openCheckpoint");
  const [, name, own] = /^([0-9a-z]+-[0-9a-f]+)\.([0-9a-f]+)$/.exec(id) ?? [];
  if (name === undefined || own === undefined) {
    throw new UsageError("openCheckpoint: id is not the id of a checkpoint. Pass the id that checkpoint() returned.");
  }
  const store = new WorkspaceStores(workspace.codexHome, workspace.cwd).named(name);
  const { tree, createdAtMs } = await recordOf(store, own);
  return new Checkpoint(store, own, workspace, { tree, createdAtMs, limits: DEFAULT_LIMITS });
}

/** The recorded state of a folder. */
export class Checkpoint {
  /** Names the checkpoint for `openCheckpoint`. */
  readonly id: string;
  /** The folder, absolute and without symbolic links. */
  readonly cwd: string;
  /** When the files were recorded. */
  readonly createdAt: Date;
  readonly #store: Store;
  readonly #name: string;
  readonly #workspace: Workspace;
  readonly #tree: string;
  readonly #limits: ListingLimits;
  /** What the last look showed, or the end of the turn. */
  #seen: string | null = null;
  #end: { readonly tree: string; readonly empty: ReadonlySet<BytePath> } | null = null;
  /** Resolves when the calls so far have settled: one works on the workspace at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    store: Store,
    name: string,
    workspace: Workspace,
    of: { readonly tree: string; readonly createdAtMs: number; readonly limits: ListingLimits },
  ) {
    this.id = `${store.name}.${name}`;
    this.cwd = workspace.cwd;
    this.createdAt = new Date(of.createdAtMs);
    this.#store = store;
    this.#name = name;
    this.#workspace = workspace;
    this.#tree = of.tree;
    const { maxFiles, maxBytes } = of.limits;
    this.#limits = { maxFiles: maxFiles * GROWTH, maxBytes: maxBytes * GROWTH };
  }

  /**
   * The files that have changed since, sorted by path: whoever wrote them.
   *
   * @throws CheckpointError, above all `CHECKPOINT_GONE`.
   */
  changes(): Promise<WorkspaceChange[]> {
    return this.#inOrder(async () => changesBetween(this.#store, this.#tree, await this.#look()));
  }

  /**
   * The changes since as a unified diff with renames, in git's format. Empty when nothing has changed.
   *
   * @throws CheckpointError, also for a diff of more than 256 MiB.
   */
  diff(): Promise<string> {
    return this.#inOrder(async () => diffBetween(this.#store, this.#tree, await this.#look()));
  }

  /**
   * Brings the folder back to this state, and resolves with the paths that it changed. Undoes what `changes()` or `diff()`
   * has shown last: if a file to restore was changed after that, it throws and restores nothing, unless `force` is set.
   * Without a look before, everything since the checkpoint is undone. Never removes ignored files, and writes through no
   * symbolic link. Can be repeated, also after it was cut off.
   *
   * @throws UsageError for a bad option; RestoreConflictError; CheckpointError.
   */
  restore(options: RestoreOptions = {}): Promise<readonly string[]> {
    const { paths, force = false } = checkOptions(options, "restore", RESTORE);
    const isSelected = paths === undefined ? () => true : selection(this.cwd, paths);
    return this.#inOrder(async () => {
      const target = await recordOf(this.#store, this.#name);
      const now = await this.#now();
      const all = await differences(this.#store, this.#tree, now.tree);
      const ofTurn = this.#end && (await differences(this.#store, this.#tree, this.#end.tree));
      const changed = new Map([...all].filter(([path]) => isSelected(path) && (ofTurn?.has(path) ?? true)));
      if (this.#seen !== null && !force) {
        const later = await differences(this.#store, this.#seen, now.tree);
        const lost = [...changed.keys()].filter((path) => later.has(path));
        if (lost.length > 0) throw new RestoreConflictError(lost.map(shownPath), "changed");
      }
      const before = new Set(target.empty);
      const { empty } = this.#end ?? now.listing;
      await restoreFiles(this.#store, this.cwd, target, now, {
        changed,
        make: target.empty.filter((path) => isSelected(path) && !empty.has(path)),
        remove: [...now.listing.empty].filter((path) => isSelected(path) && empty.has(path) && !before.has(path)),
        force,
      });
      if (this.#end === null) this.#seen = null;
      return [...changed.keys()].map(shownPath).sort();
    });
  }

  /** Removes the checkpoint. With the last one of a workspace go all files that were recorded. Can be repeated. */
  discard(): Promise<void> {
    return this.#inOrder(() => this.#store.removeRecord(this.#name));
  }

  /**
   * Records the end of a turn: from now on, what has changed until now is what is undone.
   *
   * @internal
   */
  seal(): Promise<WorkspaceChange[]> {
    return this.#inOrder(async () => {
      const { tree, listing } = await this.#now();
      this.#seen = tree;
      this.#end = { tree, empty: listing.empty };
      return changesBetween(this.#store, this.#tree, tree);
    });
  }

  async #look(): Promise<string> {
    const { tree } = await this.#now();
    this.#seen = tree;
    return tree;
  }

  async #now(): Promise<Snapshot> {
    const base = await recordOf(this.#store, this.#name);
    return takeSnapshot(this.#store, this.#workspace, this.#limits, base);
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work).catch((error: unknown) => {
      throw failure(error, this.#workspace);
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

async function recordOf(store: Store, name: string): Promise<CheckpointRecord> {
  const record = await store.readRecord(name);
  if (isCheckpointRecord(record)) return record;
  throw new CheckpointError(
    "CHECKPOINT_GONE",
    `The checkpoint ${store.name}.${name} does not exist: it was discarded, or not used for seven days.`,
  );
}

function isCheckpointRecord(value: unknown): value is CheckpointRecord {
  if (!isRecord(value) || typeof value["tree"] !== "string" || !isPermissions(value["permissions"])) return false;
  return Array.isArray(value["empty"]) && Array.isArray(value["left"]);
}

function isPermissions(value: unknown): value is Permissions {
  return isRecord(value) && Array.isArray(value["usual"]) && Array.isArray(value["others"]);
}

/** Checks the folder and the runtime's home, and resolves their symbolic links. */
async function workspaceOf(cwd: string | URL, home: string | undefined, call: string): Promise<Workspace> {
  folder(cwd, { call, path: "cwd" });
  const given = cwd instanceof URL ? pathOf(cwd) : expandHome(cwd, "cwd");
  const found = await realpath(existingFolder(given));
  if (home === "") throw new UsageError(`${call}: codexHome is empty. Give a folder, or omit it.`);
  const codexHome = absolutePath(
    expandHome(home ?? (process.env["CODEX_HOME"] || join(homedir(), ".codex")), "codexHome"),
  );
  try {
    await mkdir(codexHome, { recursive: true });
  } catch (cause) {
    throw new UsageError(
      `${call}: codexHome (${codexHome}) is not a folder and cannot be created. Choose another one.`,
      {
        cause,
      },
    );
  }
  const realHome = await realpath(codexHome);
  if (isWithin(join(realHome, "codex-embed"), found) || found === realHome) {
    throw new UsageError(
      `${call}: cwd is the runtime's home (${realHome}), which is never recorded. Choose another folder.`,
    );
  }
  return { cwd: found, codexHome: realHome };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new UsageError(`cwd is a ${url.protocol} URL, which names no local path. Give a path or a file: URL.`, {
      cause,
    });
  }
}

function isWithin(parent: string, path: string): boolean {
  const inside = relative(parent, path);
  return inside === "" || !(inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside));
}

/** Which paths are among the given ones, or below them. */
function selection(cwd: string, paths: readonly string[]): (path: BytePath) => boolean {
  const names = new Set<BytePath>();
  for (const [index, given] of paths.entries()) {
    const path = resolve(cwd, given);
    if (given === "" || !isWithin(cwd, path)) {
      throw new UsageError(`restore: paths[${index}] is not in the workspace ${cwd}. Give a path relative to it.`);
    }
    names.add(pathIn(cwd, path));
  }
  return (path) => {
    if (names.has("")) return true;
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) if (names.has(at)) return true;
    return false;
  };
}
