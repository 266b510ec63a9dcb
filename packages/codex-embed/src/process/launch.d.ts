/** Owns the plan of a launch: the command line, the environment and the folders that the runtime is started with. */
import { type ConfigObject } from "./config.js";
import { type Environment } from "./environment.js";
import type { LocatedRuntime } from "./locate.js";
/** Everything that is needed to start a process. */
export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  /** The folder that the process starts in. Default: the one of this program. */
  readonly cwd?: string | undefined;
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** The variable in `env` that identifies what the process starts, so that `close()` finds it. Pass it on as it is. */
  readonly mark?: string | undefined;
}
/** How the process is started: its command line, its configuration, its environment. */
export interface LaunchOptions {
  /** Replaces the whole argument list. It must end in something that speaks the protocol on stdio. */
  readonly launchArgs?: readonly string[] | undefined;
  /** The working directory of the process, and so the default one of threads. Default: this process's. */
  readonly cwd?: string | undefined;
  /** `CODEX_HOME`: configuration, login and history. Created when missing. Default: the runtime's (`~/.codex`). */
  readonly codexHome?: string | undefined;
  /** Environment variables, merged over this process's; an undefined value removes one. */
  readonly env?: Environment | undefined;
  /** False: `env` is the whole environment. Default true. */
  readonly inheritEnv?: boolean | undefined;
  /** Configuration, nested as in `config.toml`; passed as `-c` overrides. Visible in the process list: no secrets. */
  readonly config?: ConfigObject | undefined;
  /** Further overrides, each `key=value` with a TOML value. */
  readonly configOverrides?: readonly string[] | undefined;
  /**
   * Refused with `UsageError`: the pinned runtime takes profiles for `codex exec` and its terminal program, but not for
   * the app-server. Pass the profile's settings as `config`.
   */
  readonly profile?: string | undefined;
  /** Refuse to start when the configuration has unknown fields. Default false. */
  readonly strictConfig?: boolean | undefined;
  /** Features to switch on. */
  readonly enable?: readonly string[] | undefined;
  /** Features to switch off. */
  readonly disable?: readonly string[] | undefined;
}
/** What {@link planLaunch} makes a spawn request of. */
export interface LaunchPlan extends LaunchOptions {
  readonly located: LocatedRuntime;
  /** From `newMark()`. Left out when nothing is started. */
  readonly mark?: string | undefined;
}
/**
 * Makes the spawn request of a launch, and creates the folder of `codexHome`.
 *
 * @throws UsageError when an option is empty, contradicts another, or names a folder that cannot be used.
 */
export declare function planLaunch(plan: LaunchPlan): SpawnRequest;
/**
 * The arguments for `enable`, `disable` and `strictConfig`, which every subcommand of the runtime takes alike.
 *
 * @throws UsageError for a feature without a name, and for one that is in both lists.
 */
export declare function featureArgs({
  enable,
  disable,
  strictConfig,
}: Pick<LaunchOptions, "enable" | "disable" | "strictConfig">): string[];
/**
 * Throws `UsageError` when an argument is not a string, or holds a NUL character, which no command line can carry. It
 * says which one, and not what is in it.
 */
export declare function assertArguments(args: readonly unknown[]): asserts args is readonly string[];
/** The working directory of this program. Throws `UsageError` when it is gone. */
export declare function workingDirectory(): string;
/**
 * The absolute path of a working directory.
 *
 * @param base - what a relative path is relative to. Default: the working directory of this program.
 * @throws UsageError when it is empty, does not exist, or is not a folder.
 */
export declare function existingFolder(cwd: string, base?: string): string;
