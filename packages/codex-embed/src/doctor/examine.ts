import { Codex } from "../client/codex.js";
import { LaunchError } from "../errors/connection.js";
import type { SpawnRequest } from "../process/launch.js";
import { workingDirectory } from "../process/paths.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { SUPPORTED_RUNTIMES } from "../protocol/runtimes.js";
import type { CodexOptions } from "../runtime/options.js";
import type { NotificationOf } from "../stream/events.js";
import { onAbort } from "../util/async.js";
import {
  checkBinary,
  checkHome,
  checkLaunch,
  checkNode,
  checkPackages,
  checkVersion,
  type DiagnoseOptions,
  type Diagnosis,
  type DiagnosisCheck,
  type DiagnosisCheckName,
  messageOf,
  summarizeLaunch,
} from "./checks.js";
import {
  checkConfiguration,
  checkLogin,
  checkNetwork,
  checkSandbox,
  type RuntimeContext,
  readConfig,
  withoutPlugins,
} from "./questions.js";

const DEFAULT_CHECK_TIMEOUT_MS = 10_000;
const DEFAULT_STARTUP_TIMEOUT_MS = 15_000;

/** Runs all checks. {@link diagnose} loads this file on its first call. */
export async function examine(options: DiagnoseOptions): Promise<Diagnosis> {
  const { signal, checkTimeoutMs = DEFAULT_CHECK_TIMEOUT_MS, ...codexOptions } = options;
  signal?.throwIfAborted();
  const binary = checkBinary(codexOptions);
  const home = checkHome(codexOptions);
  const launch = binary.found === null ? null : await checkLaunch(codexOptions, binary.found);
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
  checks.push(checkPackages());
  return {
    healthy: checks.every(({ status }) => status !== "problem"),
    nodeVersion: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    expectedRuntimeVersion: RUNTIME_VERSION,
    supportedRuntimes: SUPPORTED_RUNTIMES,
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
    const detail = `Started. The handshake returned ${codex.metadata.userAgent}.`;
    const checks: DiagnosisCheck[] = [{ name: "runtime", status: "ok", detail }];
    const version = checkVersion(runtimeVersion, options.allowVersionMismatch === true);
    checks.push(version);
    // Replies in another version of the protocol could be misread.
    if (version.status === "problem") return { runtimeVersion, checks };
    const config = await readConfig(codex, request.cwd ?? workingDirectory(), timeoutMs);
    const context: RuntimeContext = { codex, options, env: request.env, timeoutMs, warnings, config };
    checks.push(checkConfiguration(context));
    for (const [name, ask] of RUNTIME_CHECKS) {
      const check = await ask(context).catch((error: unknown) => checkFailure(name, error));
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
    // `checkVersion` compares the versions, so that the report names the one found.
    allowVersionMismatch: true,
    handlers: undefined,
    logger: SILENT,
  });
}

const RUNTIME_CHECKS: readonly (readonly [
  DiagnosisCheckName,
  (context: RuntimeContext) => Promise<DiagnosisCheck | null>,
])[] = [
  ["login", checkLogin],
  ["sandbox", checkSandbox],
  ["network", checkNetwork],
];

const ignore = (): void => {};
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function startFailure(error: unknown): DiagnosisCheck {
  const advice =
    "Run the command of the check `launch` in a shell to see its whole output, and check config.toml in the home.";
  // The runtime prints an empty backtrace after its message.
  const detail = messageOf(error).replace(/\n+Stack backtrace:\n[^]*$/, "");
  const isSpawnFailure = LaunchError.isInstance(error) && error.code === "SPAWN_FAILED";
  return {
    name: "runtime",
    status: "problem",
    detail,
    advice: isSpawnFailure ? `Run: npm install @openai/codex@${RUNTIME_VERSION}` : advice,
  };
}

function checkFailure(name: DiagnosisCheckName, error: unknown): DiagnosisCheck {
  const detail = `The check failed: ${messageOf(error)}.`;
  return { name, status: "warning", detail, advice: "Run the diagnosis again: the runtime may have been busy." };
}
