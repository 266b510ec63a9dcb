/** Owns the environment variables of the runtime: merging, and names that differ only in case on Windows. */

import { delimiter } from "node:path";
import { UsageError } from "../errors/index.js";

/** Environment variables; an undefined value stands for a variable that is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a variable; on Windows its name is matched without regard to case. */
export function readVariable(env: Environment, name: string, platform: string): string | undefined {
  return env[variableKey(env, name, platform)];
}

/** The key under which `env` holds the variable, or `name` itself when it does not. */
export function variableKey(env: Environment, name: string, platform: string): string {
  if (platform !== "win32" || env[name] !== undefined) return name;
  const wanted = name.toUpperCase();
  return Object.keys(env).find((key) => key.toUpperCase() === wanted && env[key] !== undefined) ?? name;
}

/** Lays `over` on top of `base`. An undefined value removes the variable. */
export function mergeEnvironment(base: Environment, over: Environment, platform: string): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [key, value] of Object.entries(base)) {
    if (value !== undefined) merged[key] = value;
  }
  for (const [key, value] of Object.entries(over)) {
    delete merged[variableKey(merged, key, platform)];
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

/**
 * The environment that a runtime is started with: `env` over the one of this program, or `env` alone when
 * `inheritEnv` is false.
 *
 * @throws UsageError for a variable that no environment can hold. It names the variable, never its value.
 */
export function launchEnvironment(
  options: { readonly env?: Environment | undefined; readonly inheritEnv?: boolean | undefined },
  platform: string = process.platform,
): Record<string, string> {
  for (const [name, value] of Object.entries<unknown>(options.env ?? {})) {
    if (value !== undefined && typeof value !== "string") {
      throw new UsageError(
        `env.${name} is of type ${typeof value}. Give a string, or undefined to remove the variable.`,
      );
    }
    if (name.includes("\0") || value?.includes("\0")) {
      throw new UsageError(
        `env.${name.replaceAll("\0", "\\0")} holds a NUL character, which no environment can carry.`,
      );
    }
  }
  return mergeEnvironment(options.inheritEnv === false ? {} : process.env, options.env ?? {}, platform);
}

/** Puts a folder in front of PATH. */
export function withPathFolder(
  env: Readonly<Record<string, string>>,
  folder: string,
  platform: string = process.platform,
): Record<string, string> {
  const key = variableKey(env, "PATH", platform);
  const path = env[key] ?? "";
  return { ...env, [key]: path === "" ? folder : `${folder}${delimiter}${path}` };
}
