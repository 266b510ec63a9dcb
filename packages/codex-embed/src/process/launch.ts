import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../errors/base.js";
import { type ConfigObject, checkedOverrides, configOverrides } from "./config.js";
import {
  type Environment,
  launchEnvironment,
  markOverride,
  variableKey,
  withMark,
  withPathFolder,
} from "./environment.js";
import { homeFolder, prepareOwnHome } from "./home.js";
import type { LocatedRuntime } from "./locate.js";
import { absolutePath, existingFolder } from "./paths.js";

/** Everything that is needed to start a process; a custom `spawn` receives it. */
export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  /** The working directory of the process. Default: the one of this program. */
  readonly cwd?: string | undefined;
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** The variable in `env` by which `close()` finds everything that the process starts. Pass it on unchanged. */
  readonly mark?: string | undefined;
}

/** How the process of a runtime starts: command line, configuration, environment. */
export interface LaunchOptions {
  /** Replaces the whole command line. The command must speak the app-server protocol on stdio. */
  readonly launchArgs?: readonly string[] | undefined;
  /** The working directory of the process, and the default one of threads. Default: the one of this program. */
  readonly cwd?: string | undefined;
  /** `CODEX_HOME`: configuration, login and history. Created if missing. Default: `~/.codex`, as the runtime sets it. */
  readonly codexHome?: string | undefined;
  /** Environment variables, merged over those of this program. An undefined value removes a variable. */
  readonly env?: Environment | undefined;
  /** With false, `env` is the whole environment. Default true. */
  readonly inheritEnv?: boolean | undefined;
  /** Configuration, nested as in `config.toml`. Passed as `-c` overrides, which the process list shows: no secrets. */
  readonly config?: ConfigObject | undefined;
  /** Further overrides, each `key=value` with a TOML value. */
  readonly configOverrides?: readonly string[] | undefined;
  /**
   * Lays `<codexHome>/<profile>.config.toml` over `config.toml`, and `config` over both; tables merge by key. The app-server
   * takes no profile, so the SDK reads the file at each start and passes it like `config`: no secrets. Unlike with
   * `codex exec`, a missing file is an error, and the profile wins over the configuration of a project.
   */
  readonly profile?: string | undefined;
  /**
   * Leave out the user's `config.toml`. The runtime gets a home of its own, `<codexHome>/codex-embed/…`, which shares the
   * login and the `rules` by links and nothing else: clients with the same `codexHome`, `ignoreUserConfig` and `ignoreRules`
   * share their threads, no others. Default false.
   */
  readonly ignoreUserConfig?: boolean | undefined;
  /**
   * Leave out the user's `.rules` files, by such a home with a link to `config.toml`, whose relative paths then begin there.
   * The rules of a project still hold where `config.toml` trusts the project; `ignoreUserConfig` leaves out the trust too.
   * Default false.
   */
  readonly ignoreRules?: boolean | undefined;
  /** Refuse to start when the configuration has unknown fields. Default false. */
  readonly strictConfig?: boolean | undefined;
  /** Features to enable. */
  readonly enable?: readonly string[] | undefined;
  /** Features to disable. */
  readonly disable?: readonly string[] | undefined;
}

/** Input of {@link planLaunch}. */
export interface LaunchPlan extends LaunchOptions {
  readonly located: LocatedRuntime;
  /** From `newMark()`. Omit it when nothing is started. */
  readonly mark?: string | undefined;
}

/**
 * Turns launch options into a spawn request. Creates the folder of `codexHome`. A profile must have been read: `withProfile`.
 *
 * @throws UsageError when an option is empty, contradicts another, or names a folder that cannot be used.
 */
export function planLaunch(plan: LaunchPlan): SpawnRequest {
  const args = [...plan.located.args, ...(plan.launchArgs === undefined ? appServerArgs(plan) : onlyLaunchArgs(plan))];
  assertArguments(args);
  return {
    command: plan.located.command,
    args,
    // spawn() reports a missing folder as a missing executable.
    cwd: plan.cwd === undefined ? undefined : existingFolder(plan.cwd),
    env: environment(plan),
    mark: plan.mark,
  };
}

function appServerArgs(plan: LaunchPlan): string[] {
  const overrides = [...configOverrides(plan.config ?? {}), ...checkedOverrides(plan.configOverrides ?? [])];
  if (plan.mark !== undefined) overrides.push(markOverride(plan.mark));
  return ["app-server", ...overrides.flatMap((override) => ["-c", override]), ...featureArgs(plan)];
}

/**
 * The arguments for `enable`, `disable` and `strictConfig`, which are the same for every subcommand of the runtime.
 *
 * @throws UsageError for an empty name, and for a feature that is in both lists.
 */
export function featureArgs({
  enable = [],
  disable = [],
  strictConfig,
}: Pick<LaunchOptions, "enable" | "disable" | "strictConfig">): string[] {
  if ([...enable, ...disable].some((feature) => feature.trim() === "")) {
    throw new UsageError("enable and disable must be non-empty feature names. Remove the empty one.");
  }
  const both = enable.find((feature) => disable.includes(feature));
  if (both !== undefined)
    throw new UsageError(`The feature ${both} is in both enable and disable. Remove it from one of them.`);
  return [
    ...enable.flatMap((feature) => ["--enable", feature]),
    ...disable.flatMap((feature) => ["--disable", feature]),
    ...(strictConfig === true ? ["--strict-config"] : []),
  ];
}

/**
 * Throws `UsageError` when an argument is not a string or contains a NUL character, which no command line can carry. The
 * message says which argument, never its content.
 */
export function assertArguments(args: readonly unknown[]): asserts args is readonly string[] {
  for (const [index, argument] of args.entries()) {
    if (typeof argument === "string" && !argument.includes("\0")) continue;
    const before = args[index - 1];
    const flag = typeof before === "string" && /^--?[\w-]+$/.test(before) ? ` (after ${before})` : "";
    const why = typeof argument === "string" ? "contains a NUL character" : `is of type ${typeof argument}`;
    throw new UsageError(`Argument ${index + 1} of the command line${flag} ${why}. Give a plain string.`);
  }
}

function onlyLaunchArgs(plan: LaunchPlan): readonly string[] {
  const { launchArgs = [], config, configOverrides: raw, profile, strictConfig, enable, disable } = plan;
  const others = { config, configOverrides: raw, profile, strictConfig, enable, disable };
  const ignored = Object.entries(others).filter(([, value]) => value !== undefined);
  if (ignored.length > 0) {
    const names = ignored.map(([name]) => name).join(", ");
    throw new UsageError(
      `launchArgs replaces the whole command line, so ${names} would have no effect. Remove launchArgs or the others.`,
    );
  }
  return launchArgs;
}

function environment(plan: LaunchPlan): Record<string, string> {
  const env = launchEnvironment(plan);
  if (plan.codexHome !== undefined) {
    const folder = createdFolder(plan.codexHome);
    const given = plan.env?.["CODEX_HOME"];
    if (given !== undefined && resolve(given) !== folder) {
      throw new UsageError(`codexHome (${folder}) and env.CODEX_HOME (${given}) differ. Remove one of them.`);
    }
    env["CODEX_HOME"] = folder;
  }
  if (plan.ignoreUserConfig === true || plan.ignoreRules === true) {
    env[variableKey(env, "CODEX_HOME", process.platform)] = prepareOwnHome(homeFolder(plan), plan);
  }
  const marked = plan.mark === undefined ? env : withMark(env, plan.mark);
  return plan.located.pathDir === null ? marked : withPathFolder(marked, plan.located.pathDir);
}

function createdFolder(codexHome: string): string {
  if (codexHome.trim() === "") throw new UsageError("codexHome is empty. Give a folder, or omit it.");
  const folder = absolutePath(codexHome);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(
      `codexHome (${folder}) is not a folder and cannot be created: ${why}. Give a path that this user can write to.`,
      { cause },
    );
  }
  return folder;
}

/**
 * Runs "$@" and ends it at the end of stdin, which comes even when this program is killed. After the first SIGTERM a server
 * waits for running turns, after the second it does not. Exits as the server does: with its exit code or by its signal. Does
 * not rely on PATH, which the user may have set.
 */
const SCRIPT = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  while read -r line; do :; done <&3
  kill -TERM "$server" 2>/dev/null
  command -p sleep 0.1
  kill -TERM "$server" 2>/dev/null
  command -p sleep 2
  kill -KILL "$server" 2>/dev/null
} &
guard=$!
exec 3<&-
trap 'kill -TERM "$server" 2>/dev/null' TERM INT
while :; do
  wait "$server" 2>/dev/null
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
kill -TERM "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
trap - TERM INT
if [ "$code" -gt 128 ]; then kill -"$((code - 128))" $$; fi
exit "$code"
`;

/** The same process, but ended at the end of its stdin. On Windows, which has no shell for it, the request as it is. */
export function guarded(request: SpawnRequest): SpawnRequest {
  if (process.platform === "win32") return request;
  return { ...request, command: "/bin/sh", args: ["-c", SCRIPT, "codex-embed", request.command, ...request.args] };
}
