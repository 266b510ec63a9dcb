import { statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors/base.js";

/** `~` and `~/…` mean the home folder of the current user. */
const OWN_HOME = process.platform === "win32" ? /^~(?:[/\\]|$)/ : /^~(?:\/|$)/;

/**
 * Replaces a leading `~` with the home folder of the current user, as a shell does.
 *
 * @param option - the option that the path belongs to, for the message.
 * @throws UsageError for `~name`, which a shell expands to the home of another user.
 */
export function expandHome(path: string, option: string): string {
  if (!path.startsWith("~")) return path;
  if (OWN_HOME.test(path)) return join(homedir(), path.slice(1));
  throw new UsageError(
    `${option} begins with ~ and a name. Only ~ and ~/… are expanded. Give the absolute path, or put ./ in front of a ` +
      "folder with such a name.",
  );
}

/** The paths of a client that are resolved on this machine. */
interface ClientPaths {
  readonly codexBin?: string | undefined;
  readonly codexHome?: string | undefined;
  readonly cwd?: string | undefined;
}

/** The options with `~` expanded in their paths. Throws `UsageError` as {@link expandHome} does. */
export function withHomePaths<T extends ClientPaths>(options: T): T {
  const { codexBin, codexHome, cwd } = options;
  const given = Object.entries({ codexBin, codexHome, cwd });
  const expanded = given.flatMap(([name, path]) => (path?.startsWith("~") ? [[name, expandHome(path, name)]] : []));
  return expanded.length === 0 ? options : Object.assign({}, options, Object.fromEntries(expanded));
}

/** The working directory of this program. Throws `UsageError` when it was deleted. */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new UsageError("The working directory of this program was deleted. Pass cwd as an absolute path.", { cause });
  }
}

/** The absolute form of a path. `base` defaults to the working directory of this program. */
export function absolutePath(path: string, base?: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(base ?? workingDirectory(), path);
}

/**
 * The absolute path of a working directory.
 *
 * @param base - what a relative path is relative to. Default: the working directory of this program.
 * @throws UsageError when it is empty, missing, or not a folder.
 */
export function existingFolder(cwd: string, base?: string): string {
  if (cwd === "") throw new UsageError("cwd is empty. Give a folder, or omit it.");
  const folder = absolutePath(cwd, base);
  if (!isFolder(folder)) {
    const was = isAbsolute(cwd) ? "" : ` (given as ${JSON.stringify(cwd)})`;
    throw new UsageError(`cwd is ${folder}${was}, which is not an existing folder. Create it, or give another one.`);
  }
  return folder;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Which files a runtime sees. */
export interface RuntimeFiles {
  /** The folder that the runtime resolves paths against, or null when only the runtime knows. */
  readonly cwd: string | null;
  /** Whether it sees the files that this program sees, so that a path can be checked before it is sent. */
  readonly sharesFiles: boolean;
}

/** Resolves the paths that a program passes, as its runtime does. */
export class RuntimePaths {
  readonly #runtime: RuntimeFiles;

  constructor(runtime: RuntimeFiles) {
    this.#runtime = runtime;
  }

  /** Whether this program started the runtime, which then resolves paths as this program does. */
  get isLocal(): boolean {
    return this.#runtime.cwd !== null;
  }

  /** Whether the runtime sees the files that this program sees. */
  get sharesFiles(): boolean {
    return this.#runtime.sharesFiles;
  }

  /**
   * The absolute form of a path, resolved against the working directory of the runtime's process.
   *
   * Throws `UsageError` for a relative path when that directory is not known.
   */
  resolve(path: string): string {
    const { cwd } = this.#runtime;
    if (cwd !== null) return resolve(cwd, expandHome(path, "cwd"));
    if (isAbsolute(path)) return path;
    throw new UsageError(
      `The path ${JSON.stringify(path)} is relative, but the runtime runs elsewhere. Give an absolute path.`,
    );
  }

  /**
   * The field `cwd` of a thread or a turn for the wire, with `~` expanded. Empty for undefined.
   *
   * Throws `UsageError` for a URL other than `file:`, and, when the runtime shares this program's files, for a path that is
   * not an existing folder.
   */
  cwdField(cwd: string | URL | null | undefined): { readonly cwd?: string | null } {
    if (cwd === undefined) return {};
    const given = cwd instanceof URL ? filePath(cwd) : cwd;
    const path = given?.startsWith("~") ? this.resolve(given) : given;
    const { sharesFiles, cwd: base } = this.#runtime;
    if (path !== null && sharesFiles) existingFolder(path, base ?? undefined);
    return { cwd: path };
  }
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new UsageError(`cwd is a ${url.protocol} URL, which names no local path. Give a path or a file: URL.`, {
      cause,
    });
  }
}
