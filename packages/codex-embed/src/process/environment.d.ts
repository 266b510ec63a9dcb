/** Environment variables; an undefined value stands for a variable that is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;
/** Reads a variable; on Windows its name is matched without regard to case. */
export declare function readVariable(env: Environment, name: string, platform: string): string | undefined;
/** The key under which `env` holds the variable, or `name` itself when it does not. */
export declare function variableKey(env: Environment, name: string, platform: string): string;
/** Lays `over` on top of `base`. An undefined value removes the variable. */
export declare function mergeEnvironment(
  base: Environment,
  over: Environment,
  platform: string,
): Record<string, string>;
/**
 * The environment that a runtime is started with: `env` over the one of this program, or `env` alone when
 * `inheritEnv` is false.
 *
 * @throws UsageError for a variable that no environment can hold. It names the variable, never its value.
 */
export declare function launchEnvironment(
  options: {
    readonly env?: Environment | undefined;
    readonly inheritEnv?: boolean | undefined;
  },
  platform?: string,
): Record<string, string>;
/** Puts a folder in front of PATH. */
export declare function withPathFolder(
  env: Readonly<Record<string, string>>,
  folder: string,
  platform?: string,
): Record<string, string>;
/**
 * Replaces a leading `~` by the user's home folder, as a shell does.
 *
 * @throws UsageError for `~name`, which a shell takes for the home of another user.
 */
export declare function expandHome(path: string, option: string): string;
/** The paths that a client resolves on this machine. */
interface ClientPaths {
  readonly codexBin?: string | undefined;
  readonly codexHome?: string | undefined;
  readonly cwd?: string | undefined;
}
/** The options of a client with `~` expanded in its paths. Throws `UsageError` as {@link expandHome} does. */
export declare function withHomePaths<T extends ClientPaths>(options: T): T;
/** Makes the name of a variable that no other launch has. */
export declare function newMark(): string;
/** The variable as it stands in the environment of a process. */
export declare function markAssignment(mark: string): string;
/** `env` with the mark, and with the marks that this program itself was started with. */
export declare function withMark(env: Readonly<Record<string, string>>, mark: string): Record<string, string>;
/** The override that has the runtime hand the mark to commands, also when they do not inherit its whole environment. */
export declare function markOverride(mark: string): string;
/** A file that was looked at and cannot be used, with the reason. */
export interface Rejected {
  readonly path: string;
  readonly reason: string;
}
/** A usable executable, or every place that was looked at in vain. */
export type ExecutableLookup =
  | {
      readonly path: string;
    }
  | {
      readonly rejected: readonly Rejected[];
    };
/** Says why a file cannot be run, or null when it can. */
export declare function whyNotExecutable(path: string, platform: string): string | null;
/** Tells whether the file is to be run by Node: a JavaScript file, also behind a link such as `.bin/codex`. */
export declare function isScript(path: string): boolean;
/** Finds the executable named by the user: a path, or a bare name that is looked up on the PATH of `env`. */
export declare function findExecutable(name: string, env: Environment, platform: string): ExecutableLookup;
export {};
