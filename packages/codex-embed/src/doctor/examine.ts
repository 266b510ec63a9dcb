import { existsSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { Codex } from "../client/codex.js";
import { LaunchError } from "../errors/connection.js";
import { launchEnvironment, readVariable } from "../process/environment.js";
import { planLaunch, type SpawnRequest } from "../process/launch.js";
import { type LocatedRuntime, locateRuntime, resolutionBases, resolvePackageJson } from "../process/locate.js";
import { workingDirectory } from "../process/paths.js";
import { redactSecrets } from "../process/stderr.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { speaksOurProtocol } from "../runtime/handshake.js";
import type { CodexOptions } from "../runtime/options.js";
import type { NotificationOf } from "../stream/events.js";
import { onAbort } from "../util/async.js";
import {
  checkConfiguration,
  checkLogin,
  checkNetwork,
  checkSandbox,
  type DiagnoseOptions,
  type Diagnosis,
  type DiagnosisCheck,
  type DiagnosisCheckName,
  type LaunchSummary,
  type Questioned,
  readConfig,
  withoutPlugins,
} from "./questions.js";

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

/** The message of an error, without the full stop at its end. */
export function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}

const DEFAULT_CHECK_TIMEOUT_MS = 10_000;
const DEFAULT_STARTUP_TIMEOUT_MS = 15_000;

/** Makes all checks; see {@link diagnose}, which loads this file when it is called. */
export async function examine(options: DiagnoseOptions): Promise<Diagnosis> {
  const { signal, checkTimeoutMs = DEFAULT_CHECK_TIMEOUT_MS, ...codexOptions } = options;
  signal?.throwIfAborted();
  const binary = checkBinary(codexOptions);
  const home = checkHome(codexOptions);
  const launch = binary.found === null ? null : checkLaunch(codexOptions, binary.found);
  const request = launch?.found ?? null;
  const checks: DiagnosisCheck[] = [checkNode(process.versions.node), binary.check, home.check];
  if (launch !== null) checks.push(launch.check);
  let runtimeVersion: string | null = null;
  if (request !== null) {
    const asked = await askRuntime(codexOptions, { request, checkTimeoutMs, signal });
    signal?.throwIfAborted();
    runtimeVersion = asked.runtimeVersion;
    checks.push(...asked.checks);
  }
  checks.push(checkPeers());
  return {
    healthy: checks.every(({ status }) => status !== "problem"),
    nodeVersion: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    expectedRuntimeVersion: RUNTIME_VERSION,
    runtimeVersion,
    codexBin: binary.found?.path ?? null,
    codexHome: home.found,
    launch: request === null ? null : summarizeLaunch(request),
    checks,
  };
}

interface Asked {
  readonly runtimeVersion: string | null;
  readonly checks: readonly DiagnosisCheck[];
}

async function askRuntime(
  options: CodexOptions,
  context: { request: SpawnRequest; checkTimeoutMs: number; signal: AbortSignal | undefined },
): Promise<Asked> {
  const { request, checkTimeoutMs: timeoutMs, signal } = context;
  let codex: Codex;
  try {
    codex = quietCodex(options);
  } catch (error) {
    return { runtimeVersion: null, checks: [startFailure(error)] };
  }
  const stopListening = onAbort(signal, () => void codex.close());
  const warnings: NotificationOf<"configWarning">["params"][] = [];
  codex.on("configWarning", ({ params }) => warnings.push(params));
  try {
    try {
      await codex.start();
    } catch (error) {
      return { runtimeVersion: null, checks: [startFailure(error)] };
    }
    const { runtimeVersion } = codex.metadata;
    const detail = `Started and greeted as ${codex.metadata.userAgent}.`;
    const checks: DiagnosisCheck[] = [{ name: "runtime", status: "ok", detail }];
    const version = checkVersion(runtimeVersion, options.allowVersionMismatch === true);
    checks.push(version);
    // The answers of another protocol would be misread.
    if (version.status === "problem") return { runtimeVersion, checks };
    const config = await readConfig(codex, request.cwd ?? workingDirectory(), timeoutMs);
    const questioned: Questioned = { codex, options, env: request.env, timeoutMs, warnings, config };
    checks.push(checkConfiguration(questioned));
    for (const [name, ask] of QUESTIONS) {
      const check = await ask(questioned).catch((error: unknown) => unanswered(name, error));
      if (check !== null) checks.push(check);
    }
    return { runtimeVersion, checks };
  } finally {
    stopListening();
    await codex.close();
  }
}

function quietCodex(options: CodexOptions): Codex {
  return new Codex({
    ...withoutPlugins(options),
    startupTimeoutMs: options.startupTimeoutMs ?? DEFAULT_STARTUP_TIMEOUT_MS,
    // Compared here, so that the version that was found can be told.
    allowVersionMismatch: true,
    handlers: undefined,
    logger: SILENT,
  });
}

const QUESTIONS: readonly (readonly [
  DiagnosisCheckName,
  (questioned: Questioned) => Promise<DiagnosisCheck | null>,
])[] = [
  ["login", checkLogin],
  ["sandbox", checkSandbox],
  ["network", checkNetwork],
];

const ignore = (): void => {};
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

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

function startFailure(error: unknown): DiagnosisCheck {
  const advice = "Run the command of the check `launch` by hand to see more; then check config.toml in the home.";
  // The runtime prints an empty backtrace behind its message.
  const detail = messageOf(error).replace(/\n+Stack backtrace:\n[^]*$/, "");
  const isFile = LaunchError.isInstance(error) && error.code === "SPAWN_FAILED";
  return {
    name: "runtime",
    status: "problem",
    detail,
    advice: isFile ? `Install the packaged runtime: npm install @openai/codex@${RUNTIME_VERSION}.` : advice,
  };
}

function unanswered(name: DiagnosisCheckName, error: unknown): DiagnosisCheck {
  const detail = `This could not be found out: ${messageOf(error)}.`;
  return { name, status: "warning", detail, advice: "Try again; the runtime may be busy." };
}
