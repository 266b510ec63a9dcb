import { existsSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { LaunchError } from "../errors/connection.js";
import { launchEnvironment, readVariable } from "../process/environment.js";
import { planLaunch, type SpawnRequest, workingDirectory } from "../process/launch.js";
import { type LocatedRuntime, locateRuntime, resolutionBases, resolvePackageJson } from "../process/locate.js";
import { redactSecrets } from "../process/stderr.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { speaksOurProtocol } from "../runtime/handshake.js";
import type { CodexOptions } from "../runtime/options.js";

/** How a {@link diagnose} is made: with the options that a `Codex` would be given. */
export interface DiagnoseOptions extends CodexOptions {
  /** Milliseconds until a single question to the runtime counts as failed. Default 10 000. */
  readonly checkTimeoutMs?: number | undefined;
  /** Ends the diagnosis and the runtime; it then rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The names of the checks, in the order in which they are made. */
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
  | "peers";

/** What one check has found. */
export interface DiagnosisCheck {
  readonly name: DiagnosisCheckName;
  /** `problem`: turns will fail, or not do what they should. `warning`: worth knowing. */
  readonly status: "ok" | "warning" | "problem";
  /** What was found, in one or more lines. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What would be spawned. Values of environment variables are left out, and secrets among the arguments are replaced. */
export interface LaunchSummary {
  readonly command: string;
  readonly args: readonly string[];
  /** The folder that the process starts in. */
  readonly cwd: string;
  readonly env: {
    /** The variables that differ from those of this program, by name. */
    readonly set: readonly string[];
    /** The variables of this program that the process does not get, by name. */
    readonly removed: readonly string[];
  };
}

/** What {@link diagnose} has found. */
export interface Diagnosis {
  /** Whether no check found a problem. */
  readonly healthy: boolean;
  readonly nodeVersion: string;
  /** The platform and the architecture of this program, such as `linux-x64`. */
  readonly platform: string;
  /** The version of the runtime that this SDK speaks to. */
  readonly expectedRuntimeVersion: string;
  /** The version of the runtime that was started, or null when none could be. */
  readonly runtimeVersion: string | null;
  /** The executable that was found, or null. */
  readonly codexBin: string | null;
  /** The folder of configuration, login and history, or null when it is not known. */
  readonly codexHome: string | null;
  /** Null when the options allow no launch. */
  readonly launch: LaunchSummary | null;
  /** The checks that could be made: without a runtime, those that need one are missing. */
  readonly checks: readonly DiagnosisCheck[];
}

/** What a check of the surroundings gives, and what the next ones go on with. */
export type Finding<T> = { readonly check: DiagnosisCheck; readonly found: T | null };

const MINIMUM_NODE = [20, 19] as const;

/** Checks the version of Node. */
export function checkNode(version: string): DiagnosisCheck {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const needed = MINIMUM_NODE.join(".");
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) {
    return { name: "node", status: "ok", detail: `Node ${version} (${needed} or later is needed).` };
  }
  const detail = `This is Node ${version}, but ${needed} or later is needed.`;
  return { name: "node", status: "problem", detail, advice: `Install Node ${needed} or later.` };
}

/** Looks for the executable as a launch does. */
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
        : ["No runtime was found. Tried:", ...tried.map(({ path, reason }) => `${path}: ${reason}`)].join("\n");
    const named = tried.find(({ source }) => source !== "package")?.source;
    const install = `npm install @openai/codex@${RUNTIME_VERSION}`;
    const advice =
      named === undefined
        ? `Install it: ${install}. Or name an executable with the option codexBin or the variable CODEX_BIN.`
        : `Correct ${named}, or leave it out to use the packaged runtime: ${install}.`;
    return { check: { name: "binary", status: "problem", detail, advice }, found: null };
  }
}

/** Checks the folder of `CODEX_HOME`: whether the runtime will find it, can write to it and will keep all of it. */
export function checkHome(options: CodexOptions): Finding<string> {
  const env = launchEnvironment(options);
  const named = options.codexHome ?? readVariable(env, "CODEX_HOME", process.platform);
  // The option is relative to this program; the variable is for the process to resolve.
  const path = named || join(homeOf(env), ".codex");
  const base = (): string => (options.codexHome === undefined ? options.cwd : undefined) ?? workingDirectory();
  const folder = isAbsolute(path) ? resolve(path) : resolve(base(), path);
  const report = (status: DiagnosisCheck["status"], detail: string, advice?: string): Finding<string> => ({
    check: { name: "home", status, detail, ...(advice === undefined ? {} : { advice }) },
    found: folder,
  });
  if (options.spawn !== undefined) return report("ok", `${folder}, as the process sees it (not looked at).`);
  if (!existsSync(folder)) {
    if (named && options.codexHome === undefined) {
      const advice = "Create the folder, or correct the variable. The option codexHome creates its folder.";
      return report("problem", `CODEX_HOME names ${folder}, which is not there.`, advice);
    }
    return report("ok", `${folder} (it will be created)`);
  }
  if (!statSync(folder).isDirectory()) {
    return report("problem", `${folder} is not a folder.`, "Remove the file, or choose a folder with codexHome.");
  }
  try {
    rmdirSync(mkdtempSync(join(folder, ".codex-embed-")));
  } catch (error) {
    const advice = "Correct its permissions, or choose another folder with codexHome.";
    return report("problem", `${folder} cannot be written to: ${messageOf(error)}.`, advice);
  }
  const temporary = temporaryFolder(env);
  if (isInside(realpathSync(folder), temporary)) {
    const detail = `${folder} lies in the temporary folder (${temporary}): the runtime makes no helper programs there.`;
    return report("warning", detail, "Choose another folder with codexHome. What is here may be cleaned away.");
  }
  return report("ok", folder);
}

/** Plans the launch and says what would be spawned. */
export function checkLaunch(options: CodexOptions, located: LocatedRuntime): Finding<SpawnRequest> {
  try {
    const found = planLaunch({ ...options, located });
    const { command, args, cwd, env } = summarizeLaunch(found);
    const names = env.set.length === 0 ? "no variables of its own" : `the variables ${env.set.join(", ")}`;
    const removed = env.removed.length === 0 ? "" : `, without ${env.removed.length} of this program's`;
    const how = options.spawn === undefined ? "" : "Through the given spawn: ";
    const detail = `${how}${[command, ...args].join(" ")}\nin ${cwd}, with ${names}${removed}`;
    return { check: { name: "launch", status: "ok", detail }, found };
  } catch (error) {
    return { check: { name: "launch", status: "problem", detail: messageOf(error) }, found: null };
  }
}

/** What would be spawned, without values of the environment and without secrets. */
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
  // A table in one line may name the secret inside.
  return SECRET_KEY.test(key) || (/[{[]/.test(override.slice(end)) && SECRET_KEY.test(override))
    ? `${key}=[redacted]`
    : redactSecrets(override);
}

const PEERS = [
  { name: "ajv", major: 8, use: "checks answers and arguments against plain JSON Schemas" },
  { name: "@modelcontextprotocol/server", major: 2, use: "serves Codex as an MCP server" },
] as const;

/** Says which of the optional packages are installed. */
export function checkPeers(): DiagnosisCheck {
  const base = resolutionBases()[0];
  const lines = PEERS.map(({ name, major, use }) => {
    const version = base === undefined ? null : installedVersion(name, base);
    const state =
      version === null
        ? "not installed"
        : version.startsWith(`${major}.`)
          ? version
          : `${version}, which is not used: ${major}.x is needed`;
    return `${name}: ${state} (${use})`;
  });
  return { name: "peers", status: "ok", detail: lines.join("\n") };
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

function homeOf(env: Readonly<Record<string, string>>): string {
  return readVariable(env, process.platform === "win32" ? "USERPROFILE" : "HOME", process.platform) || homedir();
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

/** Compares the runtime's version with the one that this SDK speaks to. */
export function checkVersion(runtimeVersion: string, mismatchAllowed: boolean): DiagnosisCheck {
  const name = "version";
  if (speaksOurProtocol(runtimeVersion)) {
    return { name, status: "ok", detail: `${runtimeVersion} (this SDK speaks the protocol of ${RUNTIME_VERSION})` };
  }
  return {
    name,
    status: mismatchAllowed ? "warning" : "problem",
    detail: `The runtime is version ${runtimeVersion}, but this SDK speaks the protocol of ${RUNTIME_VERSION}.`,
    advice:
      `Install @openai/codex@${RUNTIME_VERSION}, or the version of codex-embed that matches the runtime. ` +
      "To try it all the same, pass allowVersionMismatch: true.",
  };
}

/** The message of an error, without the full stop at its end. */
export function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
