import { lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { UsageError } from "../errors/base.js";
import { type Environment, launchEnvironment, readVariable } from "./environment.js";
import { absolutePath } from "./paths.js";

/** The options that decide where the home of a runtime is. */
export interface HomeOptions {
  readonly codexHome?: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Environment | undefined;
  readonly inheritEnv?: boolean | undefined;
}

/**
 * The home that the options name: `codexHome`, then `CODEX_HOME`, then `~/.codex`. The option is relative to this program.
 * The variable is resolved by the process, in its working directory.
 */
export function homeFolder(options: HomeOptions): string {
  const env = launchEnvironment(options);
  const named = options.codexHome ?? readVariable(env, "CODEX_HOME", process.platform);
  return absolutePath(
    named || join(userHome(env), ".codex"),
    options.codexHome === undefined ? options.cwd : undefined,
  );
}

function userHome(env: Readonly<Record<string, string>>): string {
  return readVariable(env, process.platform === "win32" ? "USERPROFILE" : "HOME", process.platform) || homedir();
}

/** What a home leaves out. */
export interface Ignored {
  /** `config.toml`. Default false. */
  readonly ignoreUserConfig?: boolean | undefined;
  /** The folder `rules`. Default false. */
  readonly ignoreRules?: boolean | undefined;
}

/**
 * The folder of a home that leaves something out, below the home it belongs to. It is the same for each client that leaves
 * out the same, so that these share their threads. The home itself when nothing is left out.
 */
export function ownHomeFolder(home: string, { ignoreUserConfig, ignoreRules }: Ignored): string {
  if (ignoreUserConfig !== true && ignoreRules !== true) return home;
  const name = ignoreRules !== true ? "without-config" : ignoreUserConfig !== true ? "without-rules" : "bare";
  return join(home, "codex-embed", name);
}

/**
 * Prepares the folder of {@link ownHomeFolder} and returns it. It shares the login of the home by a link, and what is not
 * left out of `config.toml` and `rules`. The runtime keeps the links when it writes: measured for a changed setting, a login
 * and a refreshed token, which replace the file behind the link. What it wrote in place of what is left out is removed. No
 * login is ever read or removed.
 *
 * @throws UsageError when the folder or a link cannot be made.
 */
export function prepareOwnHome(home: string, ignored: Ignored): string {
  const folder = ownHomeFolder(home, ignored);
  if (folder === home) return home;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    link(home, folder, "auth.json", "file");
    if (ignored.ignoreUserConfig === true) rmSync(join(folder, "config.toml"), { force: true });
    else link(home, folder, "config.toml", "file");
    if (ignored.ignoreRules === true) {
      rmSync(join(folder, "rules"), { recursive: true, force: true });
    } else {
      // The runtime cannot make a folder where a link to none is.
      mkdirSync(join(home, "rules"), { recursive: true });
      link(home, folder, "rules", "junction");
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice =
      process.platform === "win32"
        ? "Turn on Developer Mode, without which Windows lets administrators alone make links to files."
        : "Give a codexHome on a file system with symbolic links, where this user can write.";
    throw new UsageError(
      `ignoreUserConfig and ignoreRules need a home of their own in ${folder}, with links to the login and to what is ` +
        `not ignored: ${why}. ${advice}`,
      { cause },
    );
  }
  return folder;
}

/** Links an entry of the home into the folder, unless the folder has one: such as a login of its own after a logout. */
function link(home: string, folder: string, name: string, type: "file" | "junction"): void {
  const target = join(home, name);
  const path = join(folder, name);
  try {
    // Relative links outlive a move of the home. Windows wants junctions absolute.
    symlinkSync(process.platform === "win32" ? target : relative(folder, target), path, type);
  } catch (error) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) throw error;
  }
}
