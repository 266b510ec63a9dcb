import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, delimiter, dirname, extname, join, resolve } from "node:path";
import { UsageError } from "../errors/base.js";

/** Environment variables. An undefined value stands for a variable that is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a variable. On Windows its name is case-insensitive. */
export function readVariable(env: Environment, name: string, platform: string): string | undefined {
  return env[variableKey(env, name, platform)];
}

/** The key of the variable in `env`, or `name` when it is not set. */
export function variableKey(env: Environment, name: string, platform: string): string {
  if (platform !== "win32" || env[name] !== undefined) return name;
  const wanted = name.toUpperCase();
  return Object.keys(env).find((key) => key.toUpperCase() === wanted && env[key] !== undefined) ?? name;
}

/** Merges `over` into `base`. An undefined value removes the variable. */
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
 * The environment of a runtime: `env` merged over the environment of this program, or `env` alone with `inheritEnv: false`.
 *
 * @throws UsageError for a variable that no environment can carry. It names the variable, never its value.
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
        `env.${name.replaceAll("\0", "\\0")} contains a NUL character, which no environment can carry. Remove it.`,
      );
    }
  }
  return mergeEnvironment(options.inheritEnv === false ? {} : process.env, options.env ?? {}, platform);
}

/** Prepends a folder to PATH. */
export function withPathFolder(
  env: Readonly<Record<string, string>>,
  folder: string,
  platform: string = process.platform,
): Record<string, string> {
  const key = variableKey(env, "PATH", platform);
  const path = env[key] ?? "";
  return { ...env, [key]: path === "" ? folder : `${folder}${delimiter}${path}` };
}

const PREFIX = "CODEX_EMBED_MARK_";
const VALUE = "1";

/** A new name for the variable that marks one launch. */
export function newMark(): string {
  return `${PREFIX}${randomBytes(16).toString("hex")}`;
}

/** The mark as `NAME=value`, as it appears in the environment of a process. */
export function markAssignment(mark: string): string {
  return `${mark}=${VALUE}`;
}

/** `env` with the mark, and with the marks of this program itself. */
export function withMark(env: Readonly<Record<string, string>>, mark: string): Record<string, string> {
  const outer = Object.keys(process.env).filter((name) => name.startsWith(PREFIX));
  return { ...env, ...Object.fromEntries([...outer, mark].map((name) => [name, VALUE])) };
}

/** The override that makes the runtime pass the mark to commands, even if they do not inherit its environment. */
export function markOverride(mark: string): string {
  return `shell_environment_policy.set.${mark}="${VALUE}"`;
}

/** A file that cannot be used, with the reason. */
export interface Rejected {
  readonly path: string;
  readonly reason: string;
}

/** A usable executable, or every place that has none. */
export type ExecutableLookup = { readonly path: string } | { readonly rejected: readonly Rejected[] };

/** Why a file cannot be run, or null when it can. */
export function whyNotExecutable(path: string, platform: string): string | null {
  try {
    if (!statSync(path).isFile()) return "it is not a file";
  } catch (error) {
    return errorCode(error) === "ENOENT" ? "there is no such file" : `it cannot be read (${errorCode(error)})`;
  }
  if (platform === "win32" || isScript(path)) return null;
  try {
    accessSync(path, constants.X_OK);
    return null;
  } catch {
    return "it is not executable (run chmod +x)";
  }
}

/** Whether Node has to run the file: a JavaScript file, also behind a link such as `.bin/codex`. */
export function isScript(path: string): boolean {
  const isScriptName = (name: string) => /\.[cm]?js$/i.test(name);
  if (isScriptName(path)) return true;
  try {
    return isScriptName(realpathSync(path));
  } catch {
    return false;
  }
}

/** Finds the executable that the user named: a path, or a bare name to look up on the PATH of `env`. */
export function findExecutable(name: string, env: Environment, platform: string): ExecutableLookup {
  const isPath = name.includes("/") || (platform === "win32" && name.includes("\\"));
  if (isPath) return firstUsable(spellings(resolve(name), env, platform), platform);
  const searched = readVariable(env, "PATH", platform) ?? "";
  const folders = foldersOf(searched, platform);
  const candidates = folders.flatMap((folder) => spellings(join(folder, name), env, platform));
  const present = candidates.filter((path) => existsSync(path));
  if (present.length > 0) return firstUsable(present, platform);
  const where = folders.length === 0 ? "PATH is empty" : `it is in none of the ${folders.length} folders of PATH`;
  return { rejected: [{ path: name, reason: `${where} (${searched})` }] };
}

/** On Windows an entry may be quoted, and then contain a semicolon. */
function foldersOf(path: string, platform: string): string[] {
  const entries =
    platform === "win32"
      ? (path.match(/(?:"[^"]*"|[^;"])+/g) ?? []).map((entry) => entry.replaceAll('"', ""))
      : path.split(":");
  return entries.filter((folder) => folder !== "");
}

/** Windows runs `codex` as `codex.exe`, `codex.cmd`, and so on, in the order of PATHEXT. */
function spellings(path: string, env: Environment, platform: string): string[] {
  if (platform !== "win32") return [path];
  const listed = (readVariable(env, "PATHEXT", platform) ?? ".COM;.EXE;.BAT;.CMD").toLowerCase().split(";");
  const extensions = listed.filter((extension) => extension !== "");
  const known = [...extensions, ".ps1", ".js", ".cjs", ".mjs"];
  if (known.includes(extname(path).toLowerCase())) return [path];
  return [...extensions.map((extension) => path + extension), path];
}

function firstUsable(candidates: readonly string[], platform: string): ExecutableLookup {
  const rejected: Rejected[] = [];
  for (const candidate of candidates) {
    const reason = whyNotExecutable(candidate, platform);
    if (reason !== null) {
      rejected.push({ path: candidate, reason });
      continue;
    }
    if (platform !== "win32" || /\.(?:exe|com|[cm]?js)$/i.test(candidate)) return { path: candidate };
    const script = scriptBehindShim(candidate);
    if (script !== null) return { path: script };
    rejected.push({
      path: candidate,
      reason:
        "it is a shell script, and there is no @openai/codex package beside it; name codex.exe or codex.js instead",
    });
  }
  return { rejected };
}

/** npm writes `codex`, `codex.cmd` and `codex.ps1` beside `node_modules` or into `node_modules/.bin`. */
function scriptBehindShim(shim: string): string | null {
  const folder = dirname(shim);
  const inPackage = join("@openai", "codex", "bin", "codex.js");
  const known = [join(folder, "node_modules", inPackage), join(folder, "..", inPackage)];
  const found = known.find((path) => existsSync(path));
  if (found !== undefined) return found;
  return scriptNamedBy(shim);
}

/** Other package managers keep the script elsewhere. Their shims name it relative to their own folder. */
function scriptNamedBy(shim: string): string | null {
  const text = readFileSync(shim, "utf8").slice(0, 8192);
  const named = /(?:%~?dp0%?|\$basedir)[\\/]([^"'\r\n]*codex\.js)/i.exec(text)?.[1];
  if (named === undefined) return null;
  const path = join(dirname(shim), ...named.split(/[\\/]/));
  return basename(path) === "codex.js" && existsSync(path) ? path : null;
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
