import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors/index.js";
import { existingFolder } from "../process/launch.js";
import { expandHome } from "../usage/home.js";
import type { Endpoint } from "./endpoint.js";

/** The paths that a program gives, as a runtime understands them. */
export class RuntimePaths {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Whether the runtime was started by this program, and so resolves paths as this program does. */
  get isLocal(): boolean {
    return this.#endpoint.cwd !== null;
  }

  /**
   * The absolute form of a path as the runtime resolves it: against the working directory of its process.
   *
   * Throws `UsageError` for a relative path where that directory is not known.
   */
  resolve(path: string): string {
    const { cwd } = this.#endpoint;
    if (cwd !== null) return resolve(cwd, expandHome(path, "cwd"));
    if (isAbsolute(path)) return path;
    throw new UsageError(
      `The path ${JSON.stringify(path)} is relative, but the runtime runs elsewhere: give an absolute one.`,
    );
  }

  /**
   * The field `cwd` of a thread or a turn as the wire takes it, with `~` as the user's home; none when it is left out.
   *
   * Throws `UsageError` for a URL other than `file:`, and for a path that is not an existing folder where the runtime sees
   * the same files as this program.
   */
  cwdField(cwd: string | URL | null | undefined): { readonly cwd?: string | null } {
    if (cwd === undefined) return {};
    const given = cwd instanceof URL ? filePath(cwd) : cwd;
    const path = given?.startsWith("~") ? this.resolve(given) : given;
    const { sharesFiles, cwd: base } = this.#endpoint;
    if (path !== null && sharesFiles) existingFolder(path, base ?? undefined);
    return { cwd: path };
  }
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new UsageError(`cwd is a ${url.protocol} URL that names no local path. Give a path or a file: URL.`, {
      cause,
    });
  }
}
