import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../errors/base.js";
import { CheckpointError } from "../errors/checkpoint.js";
import { type Environment, findExecutable, mergeEnvironment } from "../process/environment.js";
import { runProgram } from "../process/run.js";

const DAY_MS = 24 * 60 * 60 * 1000;
/** A repository takes new checkpoints for this long, and is removed when it was not used for as long. */
const KEPT_MS = 7 * DAY_MS;
/** How often a program looks for what has expired: there may be thousands of workspaces. */
const EXPIRY_LOOK_MS = 60 * 60 * 1000;
/** A repository takes this many checkpoints. */
const MAX_RECORDS = 1_000;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const STATE = "state";
const INDEX = "index";

/**
 * What git does with the files: nothing but store their bytes. `git init` has written what the file system can do, such as
 * executable bits and symbolic links.
 */
const CONFIG = `
[core]
	autocrlf = false
	safecrlf = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	hooksPath = /dev/null
	fsmonitor = false
	untrackedCache = false
	splitIndex = false
	ignoreCase = false
	precomposeUnicode = false
	protectHFS = false
	protectNTFS = false
	quotePath = false
	longPaths = true
	compression = 1
	fsync = none
	bigFileThreshold = 512m
[gc]
	auto = 0
[maintenance]
	auto = false
`;

/** Above every .gitattributes of the workspace: no filter, no conversion, no hidden diff. */
const ATTRIBUTES = "* -text -eol -crlf -ident -filter -working-tree-encoding !diff !merge !whitespace\n";

/** How git is called. */
export interface GitCall {
  /** The index file. Default: none, so everything is untracked. */
  readonly index?: string | undefined;
  /** The folder that paths are relative to. Default: none, for calls about objects alone. */
  readonly workTree?: string | undefined;
  readonly input?: string | Uint8Array | undefined;
  /** Exit codes besides 0 that are no failure. */
  readonly accept?: readonly number[] | undefined;
}

/** A git repository below the runtime's home that holds checkpoints of one workspace. Nothing in it is ever collected. */
export class Store {
  /** The name of its folder. */
  readonly name: string;
  readonly #path: string;
  readonly #git: string;

  constructor(folder: string, name: string, git: string) {
    this.name = name;
    this.#path = join(folder, name);
    this.#git = git;
  }

  /** A path inside of it. */
  file(...names: readonly string[]): string {
    return join(this.#path, ...names);
  }

  /** Runs git on this repository and resolves with its output. Throws `CheckpointError` when it fails. */
  async run(args: readonly string[], call: GitCall = {}): Promise<Buffer> {
    const { index = this.file("no-index"), workTree, input, accept = [] } = call;
    const env = gitEnvironment({
      GIT_DIR: this.#path,
      GIT_INDEX_FILE: index,
      GIT_WORK_TREE: workTree,
      HOME: this.#path,
      XDG_CONFIG_HOME: this.#path,
    });
    return runGit(this.#git, args, { cwd: workTree ?? this.#path, env, input, accept });
  }

  /** Whether `update-index` writes new files into one pack (since git 2.37) if it takes them for big ones. */
  async packsMany(): Promise<boolean> {
    return isAtLeast(await versionOf(this.#git), 2, 37);
  }

  /** Writes the record of a checkpoint, whole or not at all. */
  async writeRecord(id: string, record: unknown): Promise<void> {
    const path = this.#recordPath(id);
    const draft = `${path}.${randomBytes(4).toString("hex")}`;
    await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
    await rename(draft, path);
    await this.touch();
  }

  /** The record of a checkpoint, or null when it is gone. */
  async readRecord(id: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.#recordPath(id), "utf8"));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Removes the record of a checkpoint, and the repository with the last one. */
  async removeRecord(id: string): Promise<void> {
    await rm(this.#recordPath(id), { force: true });
    await this.#removeIf(async (path) => (await recordsIn(path)).length === 0);
    // The folders of the workspace, of all checkpoints and of this package, as long as they are empty.
    for (let folder = dirname(this.#path), left = 3; left > 0; folder = dirname(folder), left--) {
      await rmdir(folder).catch(() => {});
    }
  }

  /** Removes the index that unchanged files are known by. */
  async forgetIndex(): Promise<void> {
    await rm(this.file(INDEX), { force: true });
  }

  /** Notes that the repository is in use. */
  async touch(): Promise<void> {
    const now = new Date();
    await utimes(this.file(STATE), now, now);
  }

  /** Removes the repository if nothing has used it for a week. */
  async expire(): Promise<void> {
    if (await isUnused(this.#path)) await this.#removeIf(isUnused);
  }

  /**
   * Another process may use the repository between the look and the removal. So it is moved away first, where nobody writes,
   * and moved back if it is wanted after all. A write under way fails, and is repeated in another repository.
   */
  async #removeIf(isUnwanted: (path: string) => Promise<boolean>): Promise<void> {
    if (!(await isUnwanted(this.#path))) return;
    const away = `${this.#path}.away`;
    try {
      await rename(this.#path, away);
    } catch {
      return;
    }
    if (await isUnwanted(away)) await rm(away, { recursive: true, force: true });
    else await rename(away, this.#path);
  }

  #recordPath(id: string): string {
    return this.file("checkpoints", `${id}.json`);
  }
}

/** The checkpoints of one workspace. */
export class WorkspaceStores {
  readonly #root: string;
  readonly #folder: string;

  /**
   * @param codexHome - the runtime's home, absolute.
   * @param cwd - the workspace, without symbolic links.
   */
  constructor(codexHome: string, cwd: string) {
    this.#root = join(codexHome, "codex-embed", "checkpoints");
    this.#folder = join(this.#root, createHash("sha256").update(cwd).digest("hex").slice(0, 32));
  }

  /** The repository for a new checkpoint: the newest, unless it is old or full. */
  async forWriting(): Promise<Store> {
    const git = findGit();
    for (const name of await this.#names()) {
      const store = new Store(this.#folder, name, git);
      const isFull = (await recordsIn(store.file())).length >= MAX_RECORDS;
      if (!isFull && Date.now() - createdMs(name) < KEPT_MS) return store;
      break;
    }
    return this.#create(git);
  }

  /** The repository with this name. */
  named(name: string): Store {
    return new Store(this.#folder, name, findGit());
  }

  /** Removes repositories of all workspaces of this home that nothing has used for a week, once an hour. */
  async expire(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - (looksMs.get(this.#root) ?? 0) < EXPIRY_LOOK_MS) return;
    looksMs.set(this.#root, nowMs);
    const git = findGit();
    for (const workspace of await listed(this.#root)) {
      const folder = join(this.#root, workspace);
      const names = await listed(folder);
      for (const name of names) await new Store(folder, name, git).expire().catch(() => {});
    }
  }

  /** Newest first. */
  async #names(): Promise<string[]> {
    const names = await listed(this.#folder);
    return names.filter((name) => /^[0-9a-z]+-[0-9a-f]+$/.test(name)).sort((a, b) => createdMs(b) - createdMs(a));
  }

  /** Made aside and moved, so that no other process sees half of it. */
  async #create(git: string): Promise<Store> {
    const name = `${Date.now().toString(36)}-${randomBytes(4).toString("hex")}`;
    const draft = join(this.#folder, `${name}.draft`);
    await mkdir(draft, { recursive: true, mode: 0o700 });
    const env = gitEnvironment({ HOME: draft, XDG_CONFIG_HOME: draft });
    await runGit(git, ["init", "--quiet", "--bare", "--template=", "."], { cwd: draft, env });
    await writeFile(join(draft, "config"), CONFIG, { flag: "a" });
    await mkdir(join(draft, "info"), { recursive: true });
    await writeFile(join(draft, "info", "attributes"), ATTRIBUTES);
    await mkdir(join(draft, "checkpoints"));
    await writeFile(join(draft, STATE), "");
    await rename(draft, join(this.#folder, name));
    return new Store(this.#folder, name, git);
  }
}

/** Works on a copy of the index that unchanged files are known by, and keeps it when the work succeeds. */
export async function withIndex<T>(store: Store, work: (index: string, isNew: boolean) => Promise<T>): Promise<T> {
  const kept = store.file(INDEX);
  const index = store.file(`index-${randomBytes(6).toString("hex")}`);
  try {
    const isNew = !(await copyWithTime(kept, index));
    const result = await work(index, isNew);
    await rename(index, kept).catch(() => {});
    return result;
  } finally {
    await rm(index, { force: true });
  }
}

/**
 * Copies an index with the time at which git wrote it: git reads a file again if it is not older than the index. Returns
 * false when there is none.
 */
async function copyWithTime(kept: string, index: string): Promise<boolean> {
  try {
    // Before the copy, and in whole seconds: a time too early costs a read, one too late loses a change.
    const writtenS = Math.floor((await stat(kept)).mtimeMs / 1000);
    await copyFile(kept, index);
    await utimes(index, writtenS, writtenS);
    return true;
  } catch {
    return false;
  }
}

/** Whether an error says that a file does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function createdMs(name: string): number {
  return Number.parseInt(name.split("-")[0] ?? "", 36);
}

async function listed(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function recordsIn(path: string): Promise<string[]> {
  return (await listed(join(path, "checkpoints"))).filter((name) => name.endsWith(".json"));
}

async function isUnused(path: string): Promise<boolean> {
  // A draft that was never finished has no such file.
  const { mtimeMs } = await stat(join(path, STATE)).catch(() => stat(path));
  return Date.now() - mtimeMs > KEPT_MS;
}

function findGit(): string {
  const found = findExecutable("git", process.env, process.platform);
  if ("path" in found) return found.path;
  const why = found.rejected.map(({ path, reason }) => `${path}: ${reason}`).join("; ");
  throw new CheckpointError(
    "GIT_NOT_FOUND",
    `Checkpoints need git, and it was not found (${why}). Install Git 2.30 or later, and put it on PATH.`,
  );
}

/** This program's environment, without anything that git would take from the user, the system or the project. */
function gitEnvironment(over: Environment): Record<string, string> {
  const cleared = Object.keys(process.env).filter((name) => name.toUpperCase().startsWith("GIT_"));
  return mergeEnvironment(
    process.env,
    {
      ...Object.fromEntries(cleared.map((name) => [name, undefined])),
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_SYSTEM: "/dev/null",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_ATTR_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ALLOW_PROTOCOL: "none",
      LC_ALL: "C",
      ...over,
    },
    process.platform,
  );
}

async function runGit(
  git: string,
  args: readonly string[],
  call: {
    readonly cwd: string;
    readonly env: Record<string, string>;
    readonly input?: string | Uint8Array | undefined;
    readonly accept?: readonly number[] | undefined;
  },
): Promise<Buffer> {
  const { cwd, env, accept = [] } = call;
  const input = typeof call.input === "string" ? Buffer.from(call.input, "latin1") : call.input;
  const request = { command: git, args, cwd, env, input, maxOutputBytes: MAX_OUTPUT_BYTES };
  const name = args.find((arg) => !arg.startsWith("-") && !arg.includes("=")) ?? "";
  let outcome: Awaited<ReturnType<typeof runProgram>>;
  try {
    outcome = await runProgram(request);
  } catch (cause) {
    throw new CheckpointError("CHECKPOINT_FAILED", `git ${name} could not be started: ${messageOf(cause)}.`, { cause });
  }
  if (outcome.isCut) {
    throw new CheckpointError("CHECKPOINT_FAILED", `git ${name} returned more than ${MAX_OUTPUT_BYTES} bytes.`);
  }
  const { exitCode, stdout, stderr } = outcome;
  if (exitCode === 0 || (exitCode !== null && accept.includes(exitCode))) return stdout;
  const why = stderr.trim() === "" ? `exit code ${exitCode}` : stderr.trim();
  throw new CheckpointError("CHECKPOINT_FAILED", `git ${name} failed: ${why}`);
}

/** When this program last looked for expired checkpoints of each home. */
const looksMs = new Map<string, number>();

/** The versions of the executables used so far. */
const versions = new Map<string, Promise<string>>();

function versionOf(git: string): Promise<string> {
  const known = versions.get(git);
  if (known !== undefined) return known;
  const cwd = process.platform === "win32" ? "C:\\" : "/";
  const found = runGit(git, ["--version"], { cwd, env: gitEnvironment({}) }).then(String, () => "");
  versions.set(git, found);
  return found;
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, first = "0", second = "0"] = /(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
