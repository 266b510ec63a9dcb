import { type TriedLocation } from "../errors/connection.js";
import { type Environment } from "./environment.js";
/** What {@link locateRuntime} goes by. */
export interface LocateOptions {
  /** A path (relative to the working directory of this program), or a bare name to look up on PATH. */
  readonly codexBin?: string | undefined;
  /** What `codexBin` is called where the user gives it, for the messages. Default `codexBin`. */
  readonly optionName?: string | undefined;
  /** The environment to read CODEX_BIN, PATH and PATHEXT from. */
  readonly env: Environment;
  /** Default: the platform of this program. */
  readonly platform?: string | undefined;
  /** Default: the architecture of this program. */
  readonly arch?: string | undefined;
  /** How packages are found. Default: Node's resolution. */
  readonly resolvePackageJson?: ResolvePackageJson | undefined;
  /** The files to find packages from. Default: this module, the program's script, the working directory. */
  readonly bases?: readonly string[] | undefined;
}
/** The runtime's executable, and how to run it. */
export interface LocatedRuntime {
  /** The file that was found: the native binary, or a script for Node. */
  readonly path: string;
  /** What led to it. */
  readonly source: TriedLocation["source"];
  /** The program to spawn: `path`, or Node when `path` is a script. */
  readonly command: string;
  /** The arguments that come before all others: none, or `path` when it is a script. */
  readonly args: readonly string[];
  /** The folder of helper programs that goes in front of PATH, when the executable has one. */
  readonly pathDir: string | null;
}
/**
 * Finds the runtime: `codexBin`, else the CODEX_BIN variable, else the pinned package's binary for this platform. An
 * executable that was named and does not work is an error; nothing else is tried then.
 *
 * @throws LaunchError with code BINARY_NOT_FOUND; `tried` and the message hold every place and why it would not do.
 * @throws UsageError when `codexBin` is empty.
 */
export declare function locateRuntime(options: LocateOptions): LocatedRuntime;
/** Where the runtime's package keeps its files on one platform. */
export interface RuntimeTarget {
  /** The platform package that holds the native binary. */
  readonly packageName: string;
  /** The Rust target triple, which names the folder below `vendor`. */
  readonly triple: string;
  readonly binaryName: "codex" | "codex.exe";
}
/** Returns the runtime's target for a platform and an architecture, or null when none is published. */
export declare function runtimeTarget(platform: string, arch: string): RuntimeTarget | null;
/** Finds the `package.json` of a package as seen from a file; null when it is not installed there. */
export type ResolvePackageJson = (packageName: string, fromFile: string) => string | null;
/** {@link ResolvePackageJson} by Node's own resolution, so it follows workspaces and Plug'n'Play. */
export declare function resolvePackageJson(packageName: string, fromFile: string): string | null;
/** The files to resolve packages from, nearest first: this module, the program's script, the working directory. */
export declare function resolutionBases(): string[];
