import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors/base.js";
import { LaunchError, type TriedLocation } from "../errors/connection.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { type Environment, findExecutable, isScript, readVariable, whyNotExecutable } from "./environment.js";

/** Options of {@link locateRuntime}. */
export interface LocateOptions {
  /** A path (relative to the working directory of this program), or a bare name to look up on PATH. */
  readonly codexBin?: string | undefined;
  /** The name of the option that holds `codexBin`, for messages. Default `codexBin`. */
  readonly optionName?: string | undefined;
  /** The environment to read CODEX_BIN, PATH and PATHEXT from. */
  readonly env: Environment;
  /** Default: the platform of this program. */
  readonly platform?: string | undefined;
  /** Default: the architecture of this program. */
  readonly arch?: string | undefined;
  /** How packages are found. Default: Node's resolution. */
  readonly resolvePackageJson?: ResolvePackageJson | undefined;
  /** The files to resolve packages from. Default: this module, the program's script, the working directory. */
  readonly bases?: readonly string[] | undefined;
}

/** The runtime's executable, and how to run it. */
export interface LocatedRuntime {
  /** The file that was found: the native binary, or a script for Node. */
  readonly path: string;
  /** What named it. */
  readonly source: TriedLocation["source"];
  /** The program to spawn: `path`, or Node when `path` is a script. */
  readonly command: string;
  /** The first arguments: none, or `path` when it is a script. */
  readonly args: readonly string[];
  /** The folder of helper programs to prepend to PATH, or null when the executable has none. */
  readonly pathDir: string | null;
}

/** Packages that depend on the runtime: it may be resolvable only from them. */
const DEPENDENTS = ["@openai/codex", "@openai/codex-sdk", "codex-embed"] as const;

/**
 * Finds the runtime: `codexBin`, else the CODEX_BIN variable, else the pinned package's binary for this platform. When a
 * named executable does not work, nothing else is tried.
 *
 * @throws LaunchError `BINARY_NOT_FOUND`; `tried` and the message list every place and what is wrong with it.
 * @throws UsageError when `codexBin` is empty.
 */
export function locateRuntime(options: LocateOptions): LocatedRuntime {
  const { platform = process.platform, optionName = "codexBin" } = options;
  if (options.codexBin !== undefined) {
    if (options.codexBin === "") throw new UsageError(`${optionName} is empty. Give a path or a name, or omit it.`);
    return named(options.codexBin, "codexBin", `The option ${optionName}`, options.env, platform);
  }
  const fromEnvironment = readVariable(options.env, "CODEX_BIN", platform);
  if (fromEnvironment !== undefined && fromEnvironment !== "") {
    return named(fromEnvironment, "CODEX_BIN", "The environment variable CODEX_BIN", options.env, platform);
  }
  return packaged({ ...options, optionName }, platform, options.arch ?? process.arch);
}

function named(
  name: string,
  source: "codexBin" | "CODEX_BIN",
  what: string,
  env: Environment,
  platform: string,
): LocatedRuntime {
  const lookup = findExecutable(unpacked(name), env, platform);
  if ("path" in lookup) return located(lookup.path, source);
  const tried = lookup.rejected.map(({ path, reason }) => ({ source, path, reason }));
  throw new LaunchError(
    "BINARY_NOT_FOUND",
    `${what} names ${JSON.stringify(name)}, which cannot be run:\n${list(tried)}\n` +
      `Correct it, or remove it to use the packaged runtime (run npm install @openai/codex@${RUNTIME_VERSION})`,
    { tried },
  );
}

function packaged(
  options: LocateOptions & { readonly optionName: string },
  platform: string,
  arch: string,
): LocatedRuntime {
  const target = runtimeTarget(platform, arch);
  const tried: TriedLocation[] = [];
  if (target === null) {
    tried.push({ source: "package", path: `${platform}-${arch}`, reason: "no runtime is published for this platform" });
    throw packageNotFound(tried, options.optionName);
  }
  const resolvePackage = options.resolvePackageJson ?? resolvePackageJson;
  const otherVersions: string[] = [];
  for (const packageJson of packageCandidates(target, options.bases ?? resolutionBases(), resolvePackage, tried)) {
    const path = join(dirname(packageJson), "vendor", target.triple, "bin", target.binaryName);
    const reason = whyNotExecutable(path, platform);
    if (reason !== null) tried.push({ source: "package", path, reason });
    else if (isPinned(packageJson)) return located(path, "package");
    else otherVersions.push(path);
  }
  // A copy of another version is better than none: the handshake compares versions.
  const other = otherVersions[0];
  if (other !== undefined) return located(other, "package");
  throw packageNotFound(tried, options.optionName);
}

/** Each installed copy of the platform package, once: directly from a base, then through its dependents. */
function* packageCandidates(
  target: RuntimeTarget,
  bases: readonly string[],
  resolvePackage: ResolvePackageJson,
  tried: TriedLocation[],
): Generator<string> {
  const seen = new Set<string>();
  for (const base of bases) {
    let found = false;
    for (const start of startingPoints(base, resolvePackage)) {
      const packageJson = resolvePackage(target.packageName, start);
      if (packageJson === null) continue;
      found = true;
      const usable = unpacked(packageJson);
      if (!seen.has(usable)) yield usable;
      seen.add(usable);
    }
    if (!found) {
      const reason = `${target.packageName} is not installed here, nor with ${DEPENDENTS.join(", ")}`;
      tried.push({ source: "package", path: base, reason });
    }
  }
}

function* startingPoints(base: string, resolvePackage: ResolvePackageJson): Generator<string> {
  yield base;
  // Strict package managers (pnpm, Plug'n'Play) show a package only to its dependents.
  for (const dependent of DEPENDENTS) {
    const packageJson = resolvePackage(dependent, base);
    if (packageJson === null) continue;
    yield packageJson;
    const nested = dependent === "@openai/codex" ? null : resolvePackage("@openai/codex", packageJson);
    if (nested !== null) yield nested;
  }
}

/** Platform packages are published as `<version>-<platform>` of one name. */
function isPinned(packageJson: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(packageJson, "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("version" in manifest)) return false;
    return String(manifest.version) === RUNTIME_VERSION || String(manifest.version).startsWith(`${RUNTIME_VERSION}-`);
  } catch {
    return false;
  }
}

function located(path: string, source: TriedLocation["source"]): LocatedRuntime {
  const pathDir = helperFolder(path);
  return isScript(path)
    ? { path, source, command: process.execPath, args: [path], pathDir }
    : { path, source, command: path, args: [], pathDir };
}

/** In the package, the folder `codex-path` is beside the `bin` of the binary. */
function helperFolder(path: string): string | null {
  const binary = isScript(path) ? path : realpathSync(path);
  const folder = join(dirname(binary), "..", "codex-path");
  return existsSync(folder) ? folder : null;
}

/** Electron reads files inside an archive but cannot spawn them. Spawnable copies are beside the archive. */
function unpacked(path: string): string {
  return path.replace(/([\\/]app\.asar)(?=[\\/])/g, "$1.unpacked");
}

function packageNotFound(tried: readonly TriedLocation[], optionName: string): LaunchError {
  return new LaunchError(
    "BINARY_NOT_FOUND",
    `The Codex runtime was not found. Tried:\n${list(tried)}\n` +
      `Run npm install @openai/codex@${RUNTIME_VERSION} (an optional dependency, which --omit=optional skips), or name an ` +
      `executable with the option ${optionName} or the environment variable CODEX_BIN`,
    { tried },
  );
}

function list(tried: readonly TriedLocation[]): string {
  return tried.map(({ path, reason }) => `- ${path}: ${reason}`).join("\n");
}

/** Where the runtime's package keeps its files, on one platform. */
export interface RuntimeTarget {
  /** The platform package with the native binary. */
  readonly packageName: string;
  /** The Rust target triple, which names the folder below `vendor`. */
  readonly triple: string;
  readonly binaryName: "codex" | "codex.exe";
}

const TRIPLES: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
};

/** The runtime's target for a platform and an architecture, or null when none is published. */
export function runtimeTarget(platform: string, arch: string): RuntimeTarget | null {
  const name = `${platform === "android" ? "linux" : platform}-${arch}`;
  const triple = Object.hasOwn(TRIPLES, name) ? TRIPLES[name] : undefined;
  if (triple === undefined) return null;
  return {
    packageName: `@openai/codex-${name}`,
    triple,
    binaryName: platform === "win32" ? "codex.exe" : "codex",
  };
}

/** Finds the `package.json` of a package as seen from a file; null when it is not installed there. */
export type ResolvePackageJson = (packageName: string, fromFile: string) => string | null;

/** {@link ResolvePackageJson} with Node's own resolution, which follows workspaces and Plug'n'Play. */
export function resolvePackageJson(packageName: string, fromFile: string): string | null {
  // Bundlers replace an imported `createRequire` with one that resolves inside the bundle.
  const { createRequire } = process.getBuiltinModule("node:module");
  let lookupPaths: readonly string[] | null;
  try {
    const { resolve } = createRequire(fromFile);
    try {
      return resolve(`${packageName}/package.json`);
    } catch {
      lookupPaths = resolve.paths(packageName);
    }
  } catch {
    return null;
  }
  // The `exports` of a package may hide its package.json, which is still on disk.
  const hidden = lookupPaths?.map((path) => join(path, packageName, "package.json"));
  return hidden?.find((path) => existsSync(path)) ?? null;
}

/** The files to resolve packages from, nearest first: this module, the program's script, the working directory. */
export function resolutionBases(): string[] {
  const bases: string[] = [];
  const ownUrl: unknown = import.meta.url; // undefined in a bundle of CommonJS format
  if (typeof ownUrl === "string" && ownUrl.startsWith("file:")) bases.push(fileURLToPath(ownUrl));
  const script = process.argv[1];
  if (script !== undefined && isAbsolute(script)) {
    bases.push(script);
    try {
      bases.push(realpathSync(script));
    } catch {
      // The script may exist only in memory or inside an archive.
    }
  }
  try {
    bases.push(join(process.cwd(), "index.js"));
  } catch {
    // The working directory may have been deleted.
  }
  return [...new Set(bases)];
}
