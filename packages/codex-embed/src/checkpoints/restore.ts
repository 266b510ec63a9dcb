import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  constants,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
} from "node:fs/promises";
import { messageOf } from "../errors/base.js";
import { CheckpointError, RestoreConflictError } from "../errors/checkpoint.js";
import { type BytePath, bytesOf, childOf, eachOf, isReal, parentOf, shownPath, TEMPORARY } from "./listing.js";
import { type Difference, joinNul, type Permissions, type Snapshot } from "./snapshot.js";
import { isMissing, type Store } from "./store.js";

const SYMLINK_MODE = "120000";
const EXECUTABLE_MODE = "100755";

/** A state to go back to. */
export interface RestoreTarget {
  readonly tree: string;
  /** Folders without any entry. */
  readonly empty: readonly BytePath[];
  readonly permissions: Permissions;
}

/** What a restore does. */
export interface RestorePlan {
  /** From the target to the workspace as it is. */
  readonly changed: ReadonlyMap<BytePath, Difference>;
  /** Empty folders to make, and to remove. */
  readonly make: readonly BytePath[];
  readonly remove: readonly BytePath[];
  /** Whether to remove files that are in the way and are not among the changed ones. */
  readonly force: boolean;
}

/**
 * Brings the changed files back to the target. Each file is replaced in one step, so a restore that is cut off leaves every
 * file either as it was or restored, and can be repeated.
 *
 * @throws RestoreConflictError before anything is changed; CheckpointError when a file cannot be written.
 */
export async function restoreFiles(
  store: Store,
  cwd: string,
  target: RestoreTarget,
  now: Snapshot,
  plan: RestorePlan,
): Promise<void> {
  const removed = new Set<BytePath>();
  const written = new Map<BytePath, string>();
  for (const [path, { from }] of plan.changed) {
    if (from === null) removed.add(path);
    else written.set(path, from.mode);
  }
  const restore = new Restore(store, cwd, target);
  await restore.clear([...written.keys()], removed, now, plan.force);
  try {
    await restore.removeFiles([...now.listing.leftovers, ...removed]);
    await restore.removeFolders([...removed].map(parentOf));
    await restore.write(written);
    await restore.makeFolders(plan.make);
    await restore.removeFolders(plan.remove);
  } catch (cause) {
    if (cause instanceof RestoreConflictError) throw cause;
    throw new CheckpointError(
      "CHECKPOINT_FAILED",
      `The restore was not completed: ${messageOf(cause)}. Correct that, and call it again: it continues where it stopped.`,
      { cause },
    );
  }
}

class Restore {
  readonly #store: Store;
  readonly #cwd: string;
  readonly #target: RestoreTarget;
  readonly #modes: ReadonlyMap<BytePath, number>;
  readonly #kept: ReadonlySet<BytePath>;

  constructor(store: Store, cwd: string, target: RestoreTarget) {
    this.#store = store;
    this.#cwd = cwd;
    this.#target = target;
    this.#modes = new Map(target.permissions.others);
    this.#kept = new Set(target.empty);
  }

  /** Finds what is in the way of the files to write. With `force`, adds what may go to `removed`; else throws. */
  async clear(paths: readonly BytePath[], removed: Set<BytePath>, now: Snapshot, force: boolean): Promise<void> {
    const inTheWay = new Set<BytePath>();
    const parents = new Set<BytePath>();
    for (const path of paths) {
      for (let folder = parentOf(path); folder !== "" && !parents.has(folder); folder = parentOf(folder)) {
        parents.add(folder);
      }
    }
    await eachOf([...parents], async (folder) => {
      const found = await this.#stat(folder);
      if (found !== null && !found.isDirectory() && !removed.has(folder)) inTheWay.add(folder);
    });
    await eachOf(paths, async (path) => {
      const found = await this.#stat(path);
      if (!found?.isDirectory()) return;
      for (const inside of await this.#filesIn(path)) if (!removed.has(inside)) inTheWay.add(inside);
    });
    const recorded = [...inTheWay].filter((path) => now.listing.files.has(path));
    if (recorded.length < inTheWay.size) {
      const ignored = [...inTheWay].filter((path) => !now.listing.files.has(path));
      throw new RestoreConflictError(ignored.map(shownPath).sort(), "in-the-way");
    }
    if (recorded.length > 0 && !force) throw new RestoreConflictError(recorded.map(shownPath).sort(), "changed");
    for (const path of recorded) removed.add(path);
  }

  async removeFiles(paths: readonly BytePath[]): Promise<void> {
    await eachOf(paths, async (path) => {
      if (!(await isReal(this.#cwd, parentOf(path)))) {
        // Its folder is gone, or a link has taken its place since.
        if (!existsSync(bytesOf(this.#cwd, parentOf(path)))) return;
        throw new RestoreConflictError([shownPath(path)], "in-the-way");
      }
      await unlink(bytesOf(this.#cwd, path)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    });
  }

  /** Removes folders, and those that they are in, as long as they are empty and were not empty before. */
  async removeFolders(folders: readonly BytePath[]): Promise<void> {
    // The deepest first.
    for (const start of [...new Set(folders)].sort().reverse()) {
      for (let folder = start; folder !== "" && !this.#kept.has(folder); folder = parentOf(folder)) {
        if (!(await isReal(this.#cwd, folder))) continue;
        const isRemoved = await rmdir(bytesOf(this.#cwd, folder)).then(
          () => true,
          () => false,
        );
        if (!isRemoved) break;
      }
    }
  }

  /** Writes files and links of the target, with their modes in git. */
  async write(files: ReadonlyMap<BytePath, string>): Promise<void> {
    if (files.size === 0) return;
    const staging = this.#store.file(`staging-${randomBytes(6).toString("hex")}`);
    const index = `${staging}.index`;
    await mkdir(staging, { mode: 0o700 });
    try {
      const call = { index, workTree: staging };
      await this.#store.run(["read-tree", this.#target.tree], call);
      await this.#store.run(["checkout-index", "-z", "--stdin"], { ...call, input: joinNul([...files.keys()]) });
      await this.makeFolders([...new Set([...files.keys()].map(parentOf))].sort());
      await eachOf([...files], ([path, mode]) => this.#place(bytesOf(staging, path), path, mode));
    } finally {
      await rm(staging, { recursive: true, force: true });
      await rm(index, { force: true });
    }
  }

  /** Makes folders with those that they are in. Throws when something else has their place. */
  async makeFolders(folders: readonly BytePath[]): Promise<void> {
    for (const folder of folders) {
      const missing: BytePath[] = [];
      for (let at = folder; at !== "" && (await this.#stat(at)) === null; at = parentOf(at)) missing.unshift(at);
      for (const path of missing) {
        if (!(await isReal(this.#cwd, parentOf(path)))) throw new RestoreConflictError([shownPath(path)], "in-the-way");
        await mkdir(bytesOf(this.#cwd, path));
        await chmod(bytesOf(this.#cwd, path), this.#modes.get(path) ?? this.#target.permissions.usual[2]);
      }
    }
  }

  async #place(staged: Buffer, path: BytePath, mode: string): Promise<void> {
    const folder = parentOf(path);
    const name = `${TEMPORARY}${randomBytes(6).toString("hex")}`;
    const temporary = bytesOf(this.#cwd, childOf(folder, name));
    const place = bytesOf(this.#cwd, path);
    if (!(await isReal(this.#cwd, folder))) throw new RestoreConflictError([shownPath(path)], "in-the-way");
    try {
      if (mode === SYMLINK_MODE) {
        await symlink(await readlink(staged, { encoding: "buffer" }), temporary);
      } else {
        const [plain, executable] = this.#target.permissions.usual;
        await chmod(staged, this.#modes.get(path) ?? (mode === EXECUTABLE_MODE ? executable : plain));
        await copyFile(staged, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      }
      // Empty by now, or it is not removed.
      if ((await this.#stat(path))?.isDirectory()) await this.#removeEmpty(path);
      await rename(temporary, place);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #removeEmpty(folder: BytePath): Promise<void> {
    const entries = await readdir(bytesOf(this.#cwd, folder), { encoding: "buffer" });
    for (const name of entries) await this.#removeEmpty(childOf(folder, name.toString("latin1")));
    await rmdir(bytesOf(this.#cwd, folder));
  }

  /** The files below a folder, ignored ones too. */
  async #filesIn(folder: BytePath): Promise<BytePath[]> {
    const files: BytePath[] = [];
    const entries = await readdir(bytesOf(this.#cwd, folder), { withFileTypes: true, encoding: "buffer" });
    for (const entry of entries) {
      const path = childOf(folder, entry.name.toString("latin1"));
      if (entry.isDirectory()) files.push(...(await this.#filesIn(path)));
      else files.push(path);
    }
    return files;
  }

  async #stat(path: BytePath): Promise<Awaited<ReturnType<typeof lstat>> | null> {
    if (!(await isReal(this.#cwd, parentOf(path)))) return null;
    return lstat(bytesOf(this.#cwd, path)).catch(() => null);
  }
}
