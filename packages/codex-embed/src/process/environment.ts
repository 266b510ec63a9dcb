import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
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

/** `~` and `~/…` mean the home folder of the user of this program. */
const OWN_HOME = process.platform === "win32" ? /^~(?:[/\\]|$)/ : /^~(?:\/|$)/;

/**
 * Replaces a leading `~` by the user's home folder, as a shell does.
 *
 * @throws UsageError for `~name`, which a shell takes for the home of another user.
 */
export function expandHome(path: string, option: string): string {
  if (!path.startsWith("~")) return path;
  if (OWN_HOME.test(path)) return join(homedir(), path.slice(1));
  throw new UsageError(
    `${option} begins with ~ and a name. Only ~ and ~/… are expanded, to your own home folder: give the absolute ` +
      "path, or put ./ in front of a folder that has such a name.",
  );
}

/** The paths that a client resolves on this machine. */
interface ClientPaths {
  readonly codexBin?: string | undefined;
  readonly codexHome?: string | undefined;
  readonly cwd?: string | undefined;
}

/** The options of a client with `~` expanded in its paths. Throws `UsageError` as {@link expandHome} does. */
export function withHomePaths<T extends ClientPaths>(options: T): T {
  const { codexBin, codexHome, cwd } = options;
  const given = Object.entries({ codexBin, codexHome, cwd });
  const expanded = given.flatMap(([name, path]) => (path?.startsWith("~") ? [[name, expandHome(path, name)]] : []));
  return expanded.length === 0 ? options : Object.assign({}, options, Object.fromEntries(expanded));
}

const PREFIX = "CODEX_EMBED_MARK_";
const VALUE = "1";

/** Makes the name of a variable that no other launch has. */
export function newMark(): string {
  return `${PREFIX}${randomBytes(16).toString("hex")}`;
}

/** The variable as it stands in the environment of a process. */
export function markAssignment(mark: string): string {
  return `${mark}=${VALUE}`;
}

/** `env` with the mark, and with the marks that this program itself was started with. */
export function withMark(env: Readonly<Record<string, string>>, mark: string): Record<string, string> {
  const outer = Object.keys(process.env).filter((name) => name.startsWith(PREFIX));
  return { ...env, ...Object.fromEntries([...outer, mark].map((name) => [name, VALUE])) };
}

/** The override that has the runtime hand the mark to commands, also when they do not inherit its whole environment. */
export function markOverride(mark: string): string {
  return `shell_environment_policy.set.${mark}="${VALUE}"`;
}
