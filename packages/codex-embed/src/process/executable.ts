/** Owns the lookup of one executable that the user named: by path or on PATH, with the npm shims of Windows. */

import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { type Environment, readVariable } from "./environment.js";

/** A file that was looked at and cannot be used, with the reason. */
export interface Rejected {
  readonly path: string;
  readonly reason: string;
}

/** A usable executable, or every place that was looked at in vain. */
export type ExecutableLookup = { readonly path: string } | { readonly rejected: readonly Rejected[] };

/** Says why a file cannot be run, or null when it can. */
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
    return "it is not executable (chmod +x it)";
  }
}

/** Tells whether the file is to be run by Node: a JavaScript file, also behind a link such as `.bin/codex`. */
export function isScript(path: string): boolean {
  const isScriptName = (name: string) => /\.[cm]?js$/i.test(name);
  if (isScriptName(path)) return true;
  try {
    return isScriptName(realpathSync(path));
  } catch {
    return false;
  }
}

/** Finds the executable named by the user: a path, or a bare name that is looked up on the PATH of `env`. */
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

/** An entry of Windows may stand in quotes, and hold a semicolon then. */
function foldersOf(path: string, platform: string): string[] {
  const entries =
    platform === "win32"
      ? (path.match(/(?:"[^"]*"|[^;"])+/g) ?? []).map((entry) => entry.replaceAll('"', ""))
      : path.split(":");
  return entries.filter((folder) => folder !== "");
}

/** Windows runs `codex` as `codex.exe`, `codex.cmd`, ..., in the order of PATHEXT. */
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
      reason: "it is a script for a shell, and no @openai/codex package is beside it; name codex.exe or codex.js",
    });
  }
  return { rejected };
}

/** npm writes `codex`, `codex.cmd` and `codex.ps1` beside `node_modules`, or into `node_modules/.bin`. */
function scriptBehindShim(shim: string): string | null {
  const folder = dirname(shim);
  const inPackage = join("@openai", "codex", "bin", "codex.js");
  const known = [join(folder, "node_modules", inPackage), join(folder, "..", inPackage)];
  const found = known.find((path) => existsSync(path));
  if (found !== undefined) return found;
  return scriptNamedBy(shim);
}

/** Other package managers keep the script elsewhere; their shims name it relative to their own folder. */
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
