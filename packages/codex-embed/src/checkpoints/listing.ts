import { constants, type Dirent, existsSync } from "node:fs";
import { access, lstat, readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { CheckpointError } from "../errors/checkpoint.js";
import type { Store } from "./store.js";

/**
 * A path of a file relative to the workspace, with `/`, one character for each byte (latin1): names need not be UTF-8.
 */
export type BytePath = string;

/** How the temporary files of a restore begin. What a restore that was cut off has left is not part of the workspace. */
export const TEMPORARY = ".codex-embed-restore-";

/** Limits of a listing. */
export interface ListingLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** What a workspace contains that is not ignored. */
export interface Listing {
  /** Files and symbolic links, with their permission bits. */
  readonly files: ReadonlyMap<BytePath, number>;
  /** Folders, with their permission bits. */
  readonly directories: ReadonlyMap<BytePath, number>;
  /** The folders without any entry. */
  readonly empty: ReadonlySet<BytePath>;
  /** Files and folders that are ignored or cannot be read. Files that are listed all the same may be among them. */
  readonly left: ReadonlySet<BytePath>;
  /** Temporary files of a restore that was cut off. */
  readonly leftovers: readonly BytePath[];
}

/** What is listed. */
export interface ListingScope {
  /** The workspace, absolute and without symbolic links. */
  readonly cwd: string;
  /** Files and folders to leave out: the runtime's home, and what an earlier listing has left out. */
  readonly skipped: ReadonlySet<BytePath>;
  /** Files that count even if they are ignored. */
  readonly known: readonly BytePath[];
}

/** How many files or folders are looked at side by side. */
const CONCURRENCY = 32;
/** A longer `.git` file is none of git's. */
const MAX_LINK_BYTES = 4096;
const PERMISSIONS = 0o777;
const READABLE = 0o444;

/**
 * Lists a workspace level by level, so that a folder that is too large is noticed before it was read. Goes into nested
 * repositories, each with its own .gitignore files, and follows no symbolic link.
 *
 * @throws CheckpointError `CHECKPOINT_TOO_LARGE`, or for a .gitignore that is not a file.
 */
export async function listWorkspace(store: Store, scope: ListingScope, limits: ListingLimits): Promise<Listing> {
  const listing = new Walk(store, scope, limits);
  await listing.walk(await rulesOf(store, scope.cwd));
  await listing.addKnown(scope.known);
  return listing;
}

/** Where the rules on ignored files of one repository come from. Without a repository: of the workspace. */
interface Rules {
  /** The folder that git resolves paths against. */
  readonly top: string;
  /** What a path of the workspace begins with, and what stands there for git. Each ends with a slash unless it is empty. */
  readonly root: BytePath;
  readonly prefix: BytePath;
  /** The files of the repository; null where there is none. */
  readonly index: string | null;
  readonly exclude: string | null;
  /** Whether there may be any rule: it is asked for only then. */
  hasSome: boolean;
}

class Walk implements Listing {
  readonly files = new Map<BytePath, number>();
  readonly directories = new Map<BytePath, number>();
  readonly empty = new Set<BytePath>();
  readonly left = new Set<BytePath>();
  readonly leftovers: BytePath[] = [];
  readonly #store: Store;
  readonly #cwd: string;
  readonly #skipped: ReadonlySet<BytePath>;
  readonly #limits: ListingLimits;
  #bytes = 0;

  constructor(store: Store, { cwd, skipped }: ListingScope, limits: ListingLimits) {
    this.#store = store;
    this.#cwd = cwd;
    this.#skipped = skipped;
    this.#limits = limits;
  }

  /** Adds what is below one repository's root, then what is in nested repositories. */
  async walk(rules: Rules): Promise<void> {
    const root = rules.root.replace(/\/$/, "");
    const nested: Rules[] = [];
    let hasIgnored = false;
    for (let level = [root]; level.length > 0; ) {
      const found = await this.#read(level, rules, nested);
      const ignored = await this.#ignored(rules, [...found.folders, ...found.others]);
      hasIgnored ||= ignored.size > 0;
      for (const path of ignored) this.left.add(path);
      await this.#add(found.others.filter((path) => !ignored.has(path)));
      level = found.folders.filter((path) => !ignored.has(path));
    }
    if (hasIgnored) await this.addKnown(await this.#tracked(rules));
    for (const repository of nested) await this.walk(repository);
  }

  /**
   * Adds those files that exist, whether or not they are ignored. A path behind a symbolic link is not in the workspace. Names
   * are compared, because some file systems find a file by another spelling too.
   */
  async addKnown(paths: readonly BytePath[]): Promise<void> {
    const missing = paths.filter((path) => !this.files.has(path));
    const found = new Set<BytePath>();
    await eachOf([...new Set(missing.map(parentOf))], async (folder) => {
      if (!(await isReal(this.#cwd, folder))) return;
      const names = await readdir(bytesOf(this.#cwd, folder), { encoding: "buffer" }).catch(() => []);
      for (const name of names) found.add(childOf(folder, name.toString("latin1")));
    });
    await this.#add(missing.filter((path) => found.has(path)));
  }

  /** Reads the folders of one level. A folder with a repository of its own goes to `nested`. */
  async #read(
    level: readonly BytePath[],
    rules: Rules,
    nested: Rules[],
  ): Promise<{ folders: BytePath[]; others: BytePath[] }> {
    const folders: BytePath[] = [];
    const others: BytePath[] = [];
    await eachOf(level, async (folder) => {
      const path = bytesOf(this.#cwd, folder);
      const entries = await this.#entries(folder);
      if (entries === null) return;
      const names = entries.map((entry) => entry.name.toString("latin1"));
      const top = bytesOf(this.#cwd, folder).toString();
      const repository = `${folder}/` === rules.root || folder === "" ? null : await this.#nested(top, folder, names);
      if (repository !== null) {
        nested.push(repository);
        return;
      }
      if (folder !== "") {
        const { mode } = await lstat(path).catch(() => ({ mode: 0o755 }));
        this.directories.set(folder, mode & PERMISSIONS);
        if (entries.length === 0) this.empty.add(folder);
      }
      for (const [index, entry] of entries.entries()) {
        const name = names[index] ?? "";
        const inside = childOf(folder, name);
        if (name === ".git") continue;
        if (name === ".gitignore") {
          rules.hasSome = true;
          // Opening a pipe may never end.
          if (!entry.isFile() && !entry.isSymbolicLink()) throw notAFile(inside);
        }
        if (name.startsWith(TEMPORARY)) this.leftovers.push(inside);
        else if (this.#skipped.has(inside)) continue;
        else if (entry.isDirectory()) folders.push(inside);
        else others.push(inside);
      }
    });
    return { folders, others };
  }

  /** What is in a folder. Null for one that was removed meanwhile, or that cannot be read. */
  async #entries(folder: BytePath): Promise<Dirent<Buffer>[] | null> {
    const path = bytesOf(this.#cwd, folder);
    try {
      return await readdir(path, { withFileTypes: true, encoding: "buffer" });
    } catch (cause) {
      if (folder === "") {
        throw new CheckpointError("CHECKPOINT_FAILED", `${this.#cwd} cannot be read. Choose another folder as cwd.`, {
          cause,
        });
      }
      if (existsSync(path)) this.left.add(folder);
      return null;
    }
  }

  /** The rules of a folder that is a repository of its own, or null. */
  async #nested(top: string, folder: BytePath, names: readonly string[]): Promise<Rules | null> {
    const files = names.includes(".git") ? await repositoryFiles(top) : null;
    return files === null ? null : { top, root: `${folder}/`, prefix: "", ...files, hasSome: files.exclude !== null };
  }

  /** Adds files and symbolic links. Pipes, sockets, devices and what this user may not read are left out. */
  async #add(paths: readonly BytePath[]): Promise<void> {
    await eachOf(paths, async (path) => {
      const full = bytesOf(this.#cwd, path);
      const found = await lstat(full).catch(() => null);
      if (found === null || (!found.isFile() && !found.isSymbolicLink()) || this.files.has(path)) return;
      if (found.isFile() && (found.mode & READABLE) !== READABLE && !(await isReadable(full))) {
        this.left.add(path);
        return;
      }
      this.files.set(path, found.mode & PERMISSIONS);
      this.#bytes += found.size;
      const { maxFiles, maxBytes } = this.#limits;
      if (this.files.size > maxFiles) throw this.#tooLarge(`more than ${maxFiles} files`, "maxFiles");
      if (this.#bytes > maxBytes) throw this.#tooLarge(`more than ${maxBytes} bytes`, "maxBytes");
    });
  }

  #tooLarge(what: string, limit: string): CheckpointError {
    return new CheckpointError(
      "CHECKPOINT_TOO_LARGE",
      `${this.#cwd} has ${what} that are not ignored. Choose a smaller folder as cwd, add what need not be ` +
        `restored to .gitignore, or raise ${limit}.`,
    );
  }

  /** Which of the paths a rule of .gitignore or of the repository's info/exclude matches. */
  async #ignored(rules: Rules, paths: readonly BytePath[]): Promise<ReadonlySet<BytePath>> {
    if (!rules.hasSome || paths.length === 0) return new Set();
    return ignoredBy(this.#store, rules, paths);
  }

  /**
   * The ignored files that the repository tracks all the same. Its index is only read as data: the configuration of the
   * project plays no part. An index that git cannot read this way adds none.
   */
  async #tracked(rules: Rules): Promise<BytePath[]> {
    const { top, root, prefix, index } = rules;
    if (index === null || !(await isFile(index))) return [];
    const args = [...excludeArgs(rules), "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"];
    const output = await this.#store.run(args, { workTree: top, index }).catch(() => Buffer.alloc(0));
    const tracked = splitNul(output).filter((path) => path.startsWith(prefix));
    return tracked.map((path) => root + path.slice(prefix.length));
  }
}

async function ignoredBy(store: Store, rules: Rules, paths: readonly BytePath[]): Promise<ReadonlySet<BytePath>> {
  // With ./ in front, no name is taken for an option or a pattern.
  const asked = new Map(paths.map((path) => [`./${rules.prefix}${path.slice(rules.root.length)}`, path]));
  const input = [...asked.keys()].map((path) => `${path}\0`).join("");
  const args = [...excludeArgs(rules), "check-ignore", "-z", "--no-index", "--stdin"];
  const output = await store.run(args, { workTree: rules.top, input, accept: [1] });
  return new Set(splitNul(output).flatMap((path) => asked.get(path) ?? []));
}

function excludeArgs({ exclude }: Rules): string[] {
  return exclude === null ? [] : ["-c", `core.excludesFile=${exclude}`];
}

/** The rules of the repository that a workspace is in, also those above the workspace. */
async function rulesOf(store: Store, cwd: string): Promise<Rules> {
  for (let top = cwd; ; top = dirname(top)) {
    const files = await repositoryFiles(top);
    if (files !== null) {
      const prefix = top === cwd ? "" : `${pathIn(top, cwd)}/`;
      const rules = { top, root: "", prefix, ...files, hasSome: files.exclude !== null || top !== cwd };
      if (top === cwd || (await ignoredBy(store, rules, [""])).size === 0) return rules;
      // A workspace in an ignored folder is wanted all the same.
      break;
    }
    if (dirname(top) === top) break;
  }
  return { top: cwd, root: "", prefix: "", index: null, exclude: null, hasSome: false };
}

/** The files of the repository whose top is this folder; null when it is not one, as an empty folder named `.git`. */
async function repositoryFiles(folder: string): Promise<Pick<Rules, "index" | "exclude"> | null> {
  const gitFolder = await gitFolderOf(folder);
  if (gitFolder === null || !(await isFile(join(gitFolder, "HEAD")))) return null;
  const common = await smallFile(join(gitFolder, "commondir"));
  const exclude = join(common === null ? gitFolder : resolve(gitFolder, common.trim()), "info", "exclude");
  return { index: join(gitFolder, "index"), exclude: (await isFile(exclude)) ? exclude : null };
}

async function gitFolderOf(folder: string): Promise<string | null> {
  const path = join(folder, ".git");
  const found = await lstat(path).catch(() => null);
  if (found === null) return null;
  if (found.isDirectory()) return path;
  const [, named] = /^gitdir: (.+?)\s*$/.exec((await smallFile(path)) ?? "") ?? [];
  return named === undefined ? null : resolve(folder, named);
}

async function isReadable(path: Buffer): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

async function isFile(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() ?? false;
}

/** The text of a small file; null for anything else, such as a pipe, which would never end. */
async function smallFile(path: string): Promise<string | null> {
  const found = await lstat(path).catch(() => null);
  if (found === null || !found.isFile() || found.size > MAX_LINK_BYTES) return null;
  return readFile(path, "utf8").catch(() => null);
}

/** The paths in output that ends each with a NUL. */
export function splitNul(output: Buffer): string[] {
  return output.toString("latin1").split("\0").slice(0, -1);
}

/** An absolute path as the file system takes it. */
export function bytesOf(cwd: string, path: BytePath): Buffer {
  const folder = path === "" || cwd.endsWith("/") ? cwd : `${cwd}/`;
  return Buffer.concat([Buffer.from(folder), Buffer.from(path, "latin1")]);
}

/** Whether a file is where its path says: no part of the path is a symbolic link, which may lead out of the workspace. */
export async function isReal(cwd: string, path: BytePath): Promise<boolean> {
  const given = bytesOf(cwd, path);
  const found = await realpath(given, { encoding: "buffer" }).catch(() => null);
  if (found === null || found.equals(given)) return found !== null;
  return sep !== "/" && found.toString() === resolve(given.toString());
}

/** The folder of a path; empty for the workspace. */
export function parentOf(path: BytePath): BytePath {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The path of something in a folder. */
export function childOf(folder: BytePath, name: BytePath): BytePath {
  return folder === "" ? name : `${folder}/${name}`;
}

/** An absolute path as one of the workspace. One that is elsewhere is like no path in it. */
export function pathIn(cwd: string, path: string): BytePath {
  return Buffer.from(relative(cwd, path).split(sep).join("/")).toString("latin1");
}

/** A path as text. A byte that is not UTF-8 becomes U+FFFD. */
export function shownPath(path: BytePath): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** Does work for each entry, some side by side. Rejects with the first failure. */
export async function eachOf<T>(entries: readonly T[], work: (entry: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < entries.length; at = next++) {
      const entry = entries[at];
      if (entry !== undefined) await work(entry);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, entries.length) }, worker));
}

function notAFile(path: BytePath): CheckpointError {
  return new CheckpointError(
    "CHECKPOINT_FAILED",
    `${shownPath(path)} is not a file, so which files are ignored is unknown. Remove it.`,
  );
}
