/** Owns the plan of a launch: the command line, the environment and the folders that the runtime is started with. */

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../errors/base.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { type ConfigObject, checkedOverrides, configOverrides } from "./config.js";
import { type Environment, launchEnvironment, markOverride, withMark, withPathFolder } from "./environment.js";
import type { LocatedRuntime } from "./locate.js";
import { absolutePath, existingFolder } from "./paths.js";

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
  if (plan.profile !== undefined) {
    throw new UsageError(
      `profile ${JSON.stringify(plan.profile)} cannot be used: the app-server of runtime ${RUNTIME_VERSION} takes no ` +
        "profile. Give its settings as config, or use a codexHome of its own.",
    );
  }
  const overrides = [...configOverrides(plan.config ?? {}), ...checkedOverrides(plan.configOverrides ?? [])];
  if (plan.mark !== undefined) overrides.push(markOverride(plan.mark));
  return ["app-server", ...overrides.flatMap((override) => ["-c", override]), ...featureArgs(plan)];
}

/**
 * The arguments for `enable`, `disable` and `strictConfig`, which every subcommand of the runtime takes alike.
 *
 * @throws UsageError for a feature without a name, and for one that is in both lists.
 */
export function featureArgs({
  enable = [],
  disable = [],
  strictConfig,
}: Pick<LaunchOptions, "enable" | "disable" | "strictConfig">): string[] {
  if ([...enable, ...disable].some((feature) => feature.trim() === "")) {
    throw new UsageError("enable and disable take names of features; one of them is empty.");
  }
  const both = enable.find((feature) => disable.includes(feature));
  if (both !== undefined) throw new UsageError(`The feature ${both} is in both enable and disable.`);
  return [
    ...enable.flatMap((feature) => ["--enable", feature]),
    ...disable.flatMap((feature) => ["--disable", feature]),
    ...(strictConfig === true ? ["--strict-config"] : []),
  ];
}

/**
 * Throws `UsageError` when an argument is not a string, or holds a NUL character, which no command line can carry. It
 * says which one, and not what is in it.
 */
export function assertArguments(args: readonly unknown[]): asserts args is readonly string[] {
  for (const [index, argument] of args.entries()) {
    if (typeof argument === "string" && !argument.includes("\0")) continue;
    const before = args[index - 1];
    const flag = typeof before === "string" && /^--?[\w-]+$/.test(before) ? ` (after ${before})` : "";
    const why = typeof argument === "string" ? "holds a NUL character" : `is of type ${typeof argument}`;
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
      `launchArgs replaces the whole command line, so ${names} would have no effect. Give one of them.`,
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
      throw new UsageError(`codexHome (${folder}) and env.CODEX_HOME (${given}) differ. Give one of them.`);
    }
    env["CODEX_HOME"] = folder;
  }
  const marked = plan.mark === undefined ? env : withMark(env, plan.mark);
  return plan.located.pathDir === null ? marked : withPathFolder(marked, plan.located.pathDir);
}

function createdFolder(codexHome: string): string {
  if (codexHome.trim() === "") throw new UsageError("codexHome is empty. Give a folder, or leave it out.");
  const folder = absolutePath(codexHome);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`codexHome is ${folder}, which is not a folder and cannot be made one: ${why}.`, { cause });
  }
  return folder;
}
