import { existsSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative, sep } from "node:path";
import { LaunchError } from "../errors/connection.js";
import { launchEnvironment, readVariable } from "../process/environment.js";
import { homeFolder, ownHomeFolder } from "../process/home.js";
import { planLaunch, type SpawnRequest } from "../process/launch.js";
import { type LocatedRuntime, locateRuntime, resolutionBases, resolvePackageJson } from "../process/locate.js";
import { workingDirectory } from "../process/paths.js";
import { withProfile } from "../process/profile.js";
import { redactSecrets } from "../process/stderr.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { SUPPORTED_RUNTIMES, type SupportedRuntimes } from "../protocol/runtimes.js";
import { versionProblem } from "../runtime/handshake.js";
import type { CodexOptions } from "../runtime/options.js";

/** Options of {@link diagnose}: those that a `Codex` would get, and two of its own. */
export interface DiagnoseOptions extends CodexOptions {
  /** Milliseconds after which a single request to the runtime counts as failed. Default 10 000. */
  readonly checkTimeoutMs?: number | undefined;
  /** Stops the diagnosis and its runtime. `diagnose` then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** The names of the checks, in the order in which they run. */
export type DiagnosisCheckName =
  | "node"
  | "binary"
  | "home"
  | "launch"
  | "runtime"
  | "version"
  | "configuration"
  | "login"
  | "sandbox"
  | "network"
  | "packages";

/** The result of one check. */
export interface DiagnosisCheck {
  readonly name: DiagnosisCheckName;
  /** `problem`: turns will fail or misbehave. `warning`: turns work, but you should know about it. */
  readonly status: "ok" | "warning" | "problem";
  /** The finding, in one or more lines. */
  readonly detail: string;
  /** How to fix it. */
  readonly advice?: string;
}

/**
 * The process that would be spawned: without values of environment variables, and with secrets in arguments redacted.
 */
export interface LaunchSummary {
  readonly command: string;
  readonly args: readonly string[];
  /** The working directory of the process. */
  readonly cwd: string;
  readonly env: {
    /** The names of variables whose values differ from this program's. */
    readonly set: readonly string[];
    /** The names of this program's variables that the process does not get. */
    readonly removed: readonly string[];
  };
}

/** The result of {@link diagnose}. */
export interface Diagnosis {
  /** True if no check has the status `problem`. */
  readonly healthy: boolean;
  readonly nodeVersion: string;
  /** The platform and the architecture of this program, such as `linux-x64`. */
  readonly platform: string;
  /** The version of the runtime that comes with the package. */
  readonly expectedRuntimeVersion: string;
  /** The versions of the runtime that this SDK works with. */
  readonly supportedRuntimes: SupportedRuntimes;
  /** The version of the runtime that was started, or null if none started. */
  readonly runtimeVersion: string | null;
  /** The executable that was found, or null. */
  readonly codexBin: string | null;
  /** The folder of configuration, login and history, or null if it is unknown. */
  readonly codexHome: string | null;
  /** Null if the options allow no launch. */
  readonly launch: LaunchSummary | null;
  /** The checks that ran. Without a runtime, the checks that need one are missing. */
  readonly checks: readonly DiagnosisCheck[];
}

/** The result of a check that needs no runtime, and the value that later checks use. */
export type Finding<T> = { readonly check: DiagnosisCheck; readonly found: T | null };

const MINIMUM_NODE = [20, 19] as const;

/** Checks the version of Node. */
export function checkNode(version: string): DiagnosisCheck {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const needed = MINIMUM_NODE.join(".");
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) {
    return { name: "node", status: "ok", detail: `Node ${version} (requires ${needed} or later).` };
  }
  const detail = `Node ${version} is too old: ${needed} or later is required.`;
  return { name: "node", status: "problem", detail, advice: `Install Node ${needed} or later.` };
}

/** Locates the executable in the same way as a launch. */
export function checkBinary(options: CodexOptions): Finding<LocatedRuntime> {
  try {
    const found = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
    const source = { codexBin: "the option codexBin", CODEX_BIN: "the variable CODEX_BIN", package: "its package" };
    const detail = `${found.path} (from ${source[found.source]})`;
    return { check: { name: "binary", status: "ok", detail }, found };
  } catch (error) {
    const tried = LaunchError.isInstance(error) ? error.tried : [];
    const detail =
      tried.length === 0
        ? messageOf(error)
        : ["No runtime found. Tried:", ...tried.map(({ path, reason }) => `${path}: ${reason}`)].join("\n");
    const named = tried.find(({ source }) => source !== "package")?.source;
    const install = `npm install @openai/codex@${RUNTIME_VERSION}`;
    const advice =
      named === undefined
        ? `Run: ${install}. Or set the option codexBin or the variable CODEX_BIN to an executable.`
        : `Correct ${named}, or remove it to use the packaged runtime: ${install}.`;
    return { check: { name: "binary", status: "problem", detail, advice }, found: null };
  }
}

/** Checks the folder of `CODEX_HOME`: whether it exists, is writable and is not temporary. */
export function checkHome(options: CodexOptions): Finding<string> {
  const env = launchEnvironment(options);
  const named = options.codexHome ?? readVariable(env, "CODEX_HOME", process.platform);
  const folder = homeFolder(options);
  const own = ownHomeFolder(folder, options);
  const about = own === folder ? "" : `\nThe runtime uses ${own}: ${ownHomeNote(options)}`;
  const report = (status: DiagnosisCheck["status"], detail: string, advice?: string): Finding<string> => ({
    check: { name: "home", status, detail: detail + about, ...(advice === undefined ? {} : { advice }) },
    found: own,
  });
  if (options.spawn !== undefined) return report("ok", `${folder} (in the environment of the process; not checked)`);
  if (!existsSync(folder)) {
    if (named && options.codexHome === undefined && own === folder) {
      const advice = `Run: mkdir -p ${folder}. Or correct CODEX_HOME, or use the option codexHome, which creates its folder.`;
      return report("problem", `CODEX_HOME is ${folder}, which does not exist.`, advice);
    }
    return report("ok", `${folder} (it will be created)`);
  }
  if (!statSync(folder).isDirectory()) {
    return report("problem", `${folder} is not a folder.`, "Remove the file, or choose another folder with codexHome.");
  }
  try {
    rmdirSync(mkdtempSync(join(folder, ".codex-embed-")));
  } catch (error) {
    const advice = "Correct its permissions, or choose another folder with codexHome.";
    return report("problem", `${folder} is not writable: ${messageOf(error)}.`, advice);
  }
  const temporary = temporaryFolder(env);
  if (isInside(realpathSync(folder), temporary)) {
    const detail = `${folder} is inside the temporary folder (${temporary}): the runtime creates no helper programs there.`;
    return report("warning", detail, "Choose another folder with codexHome. The system may delete this one.");
  }
  return report("ok", folder);
}

/** Plans the launch and reports what would be spawned. */
export async function checkLaunch(options: CodexOptions, located: LocatedRuntime): Promise<Finding<SpawnRequest>> {
  try {
    const found = planLaunch({ ...(await withProfile(options)), located });
    const { command, args, cwd, env } = summarizeLaunch(found);
    const names = env.set.length === 0 ? "none" : env.set.join(", ");
    const how = options.spawn === undefined ? "" : "Through the option spawn: ";
    const removed = env.removed.length === 0 ? "" : `; removed: ${env.removed.length}`;
    const place = `in ${cwd}; variables set: ${names}${removed}`;
    const detail = `${how}${[command, ...args].join(" ")}\n${place}`;
    return { check: { name: "launch", status: "ok", detail }, found };
  } catch (error) {
    return { check: { name: "launch", status: "problem", detail: messageOf(error) }, found: null };
  }
}

/** Summarizes a launch without values of the environment and without secrets. */
export function summarizeLaunch(request: SpawnRequest): LaunchSummary {
  const { command, args, cwd, env } = request;
  return {
    command,
    args: args.map((argument, index) => (args[index - 1] === "-c" ? shownOverride(argument) : redactSecrets(argument))),
    cwd: cwd ?? workingDirectory(),
    env: {
      set: Object.keys(env)
        .filter((name) => env[name] !== process.env[name])
        .sort(),
      removed: Object.keys(process.env)
        .filter((name) => !(name in env))
        .sort(),
    },
  };
}

const SECRET_KEY = /key|token|secret|password|passwd|credential|header|bearer|auth|cookie/i;

function shownOverride(override: string): string {
  const end = override.indexOf("=");
  const key = override.slice(0, end);
  // An inline table may contain the secret.
  return SECRET_KEY.test(key) || (/[{[]/.test(override.slice(end)) && SECRET_KEY.test(override))
    ? `${key}=[redacted]`
    : redactSecrets(override);
}

/** Packages that the program loads if they are installed. */
const OPTIONAL_PACKAGES = [{ name: "@codex-embed/mcp-server", use: "serves Codex to MCP clients: codex-embed mcp" }];

/** Reports which optional packages are installed. Never a problem. */
export function checkPackages(): DiagnosisCheck {
  const base = resolutionBases()[0];
  const lines = OPTIONAL_PACKAGES.map(({ name, use }) => {
    const version = base === undefined ? null : installedVersion(name, base);
    return `${name}: ${version ?? "not installed"} (${use})`;
  });
  return { name: "packages", status: "ok", detail: lines.join("\n") };
}

function installedVersion(name: string, base: string): string | null {
  const path = resolvePackageJson(name, base);
  if (path === null) return null;
  try {
    const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
    const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
    return isManifest ? String(manifest.version) : null;
  } catch {
    return null;
  }
}

function ownHomeNote({ ignoreUserConfig, ignoreRules }: CodexOptions): string {
  const ignored = [
    ...(ignoreUserConfig === true ? ["config.toml"] : []),
    ...(ignoreRules === true ? ["the user's rules"] : []),
  ];
  return `it shares auth.json by a link, has threads of its own, and leaves out ${ignored.join(" and ")}.`;
}

function temporaryFolder(env: Readonly<Record<string, string>>): string {
  const folder = process.platform === "win32" ? tmpdir() : env["TMPDIR"] || "/tmp";
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Checks whether this SDK works with the version of the runtime. */
export function checkVersion(runtimeVersion: string, mismatchAllowed: boolean): DiagnosisCheck {
  const name = "version";
  const { oldest, newest } = SUPPORTED_RUNTIMES;
  const problem = versionProblem(runtimeVersion, null);
  if (problem === null) {
    return { name, status: "ok", detail: `${runtimeVersion} (this SDK works with ${oldest} to ${newest})` };
  }
  const { detail, advice, refused } = problem;
  return { name, status: refused && !mismatchAllowed ? "problem" : "warning", detail, advice };
}

/** The message of an error, redacted and without its final period. */
export function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
