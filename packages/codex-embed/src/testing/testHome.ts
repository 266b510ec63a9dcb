import { realpathSync } from "node:fs";
import { access, constants, copyFile, mkdir, mkdtemp, realpath, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, relative, sep } from "node:path";
import { type ConfigObject, Sandbox } from "../index.js";
import { configToml, mergeConfig } from "../process/config.js";
import { locateRuntime } from "../process/locate.js";
import { integer, oneOf, record, required, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";

/** @internal The options of {@link createTestHome} that `startTestCodex` has too. */
export const HOME: OptionTable<Omit<TestHomeOptions, "model">> = {
  codexBin: text,
  sandbox: oneOf(Object.values(Sandbox)),
  streamMaxRetries: integer(0),
  extraConfig: record,
};

const TEST_HOME: OptionTable<TestHomeOptions> = { ...HOME, model: required(record) };

/** Options of {@link createTestHome}. */
export interface TestHomeOptions {
  /** The model that the runtime sends its requests to. */
  readonly model: { readonly baseUrl: string };
  /** The runtime to use: a path, or a bare name to look up on PATH. Default: `CODEX_BIN`, then the package `@openai/codex`. */
  readonly codexBin?: string | undefined;
  /** The sandbox of threads that set none. Default `full-access`, which works on every machine. */
  readonly sandbox?: Sandbox;
  /** How often the runtime retries a broken stream. Default 0. */
  readonly streamMaxRetries?: number;
  /** More configuration, nested as in `config.toml`, merged over the kit's own. */
  readonly extraConfig?: ConfigObject;
}

/** A temporary home and workspace for a runtime. */
export interface TestHome {
  /** The runtime's `CODEX_HOME`, with `config.toml` and a model catalog. */
  readonly codexHome: string;
  /** An empty folder to work in. */
  readonly workspace: string;
  /**
   * The complete environment for the runtime: that of this process without credentials, proxies and user settings.
   * `CODEX_BIN` names the runtime if this process or the option does.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Removes all its folders. Idempotent. Stop the runtime first. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates a home and a workspace, for a runtime that you start yourself. {@link startTestCodex} does both.
 *
 * @throws UsageError for an unknown option; the file system's error if no folder is writable. Nothing is left behind
 * then.
 */
export async function createTestHome(options: TestHomeOptions): Promise<TestHome> {
  return makeHome(checkOptions(options, "createTestHome", TEST_HOME));
}

/** The name of the kit's own model. */
const MOCK_MODEL = "mock-model";

const CATALOG = "catalog.json";

/** @internal A home with what its `config.toml` says. */
export interface MadeHome extends TestHome {
  readonly config: ConfigObject;
}

/**
 * @internal Creates a home whose runtime asks for the model `slug`. Other models than the kit's own have their metadata
 * from the catalog of the runtime; null is the runtime's default model.
 */
export async function makeHome(options: TestHomeOptions, slug: string | null = MOCK_MODEL): Promise<MadeHome> {
  const folder = await makeTestFolder();
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const codexHome = join(folder, "codex-home");
    const workspace = join(folder, "workspace");
    const userHome = join(folder, "home");
    const temporary = join(folder, "tmp");
    await Promise.all([codexHome, workspace, userHome, temporary].map((path) => mkdir(path)));
    if (slug === MOCK_MODEL) await writeFile(join(codexHome, CATALOG), testCatalogJson());
    const config = testConfig(options, codexHome, slug);
    await writeFile(join(codexHome, "config.toml"), configToml(config));
    const env = testEnvironment(process.env, { codexHome, userHome, temporary });
    if (options.codexBin !== undefined) env["CODEX_BIN"] = options.codexBin;
    const bin = await linkBubblewrap(join(folder, "bin"), env);
    if (bin !== undefined) env["PATH"] = [bin, env["PATH"]].filter(Boolean).join(delimiter);
    return { codexHome, workspace, env, config, dispose, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Where a test folder may be created. */
export interface TestPlaces {
  /** The folders to try in order. */
  readonly caches: readonly string[];
  /** The system's temporary folder, the last resort. */
  readonly temporary: string;
}

/**
 * Creates a folder in the user's cache, else in `node_modules/.cache` of the project, else in the system's temporary
 * folder: below the latter, the runtime creates no helper programs. Rejects if none of them is writable.
 */
export async function makeTestFolder(places?: TestPlaces): Promise<string> {
  const { caches, temporary } = places ?? { caches: await cacheFolders(), temporary: tmpdir() };
  const temporaryPath = await realpath(temporary);
  for (const cache of caches) {
    const path = await tryMake(join(cache, "codex-embed-testing"));
    if (path === undefined) continue;
    if (!isInside(path, temporaryPath)) return path;
    await rmdir(path);
  }
  return mkdtemp(join(temporaryPath, "codex-embed-testing-"));
}

async function cacheFolders(): Promise<string[]> {
  const project = await nearestNodeModules(process.cwd());
  const folders = [process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache")];
  if (project !== undefined) folders.push(join(project, ".cache"));
  return folders;
}

async function tryMake(parent: string): Promise<string | undefined> {
  try {
    await mkdir(parent, { recursive: true });
    return await realpath(await mkdtemp(join(parent, "run-")));
  } catch {
    return undefined;
  }
}

async function nearestNodeModules(from: string): Promise<string | undefined> {
  const candidate = join(from, "node_modules");
  const entry = await stat(candidate).catch(() => null);
  if (entry?.isDirectory()) return candidate;
  const parent = dirname(from);
  return parent === from ? undefined : nearestNodeModules(parent);
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && way !== path;
}

const REMOVED = new Set([
  "HOME",
  "USERPROFILE",
  "BASH_ENV",
  "ENV",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "XDG_DATA_HOME",
  "XDG_STATE_HOME",
  "ALL_PROXY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
]);

const REMOVED_PREFIXES = ["OPENAI_", "CODEX_", "AZURE_OPENAI_", "GIT_"];

/** The folders that the test environment points to. */
export interface TestFolders {
  readonly codexHome: string;
  readonly userHome: string;
  /** The folder for temporary files. */
  readonly temporary: string;
}

/**
 * Derives the environment from that of this process, without credentials, proxies, git variables (a test may run in a
 * git hook) and the user's own home.
 */
export function testEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  folders: TestFolders,
  platform: string = process.platform,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && !isRemoved(name.toUpperCase())) env[name] = value;
  }
  env["CODEX_HOME"] = folders.codexHome;
  env["HOME"] = folders.userHome;
  if (platform === "win32") env["USERPROFILE"] = folders.userHome;
  for (const name of ["TMPDIR", "TMP", "TEMP"]) env[name] = folders.temporary;
  return env;
}

function isRemoved(name: string): boolean {
  if (name === "CODEX_BIN") return false; // it names the runtime to test
  return REMOVED.has(name) || REMOVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * On Linux, copies the `bwrap` of the runtime's package into `folder` if the PATH of `env` has none: without one on its PATH
 * the runtime prints an error. Returns the folder if it has to be added to PATH.
 */
export async function linkBubblewrap(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const places = (env["PATH"] ?? "").split(delimiter).filter((path) => path !== "");
  for (const place of places) if (await isExecutable(join(place, "bwrap"))) return undefined;
  // A wrapper script has no package, so that of the package is next.
  for (const source of [env, { ...env, CODEX_BIN: "" }]) {
    const bundled = bundledBubblewrap(source);
    if (bundled === undefined || !(await isExecutable(bundled))) continue;
    await mkdir(folder);
    // A copy: the runtime rejects one whose real path is inside the temporary folder, where a project may be.
    await copyFile(bundled, join(folder, "bwrap"));
    return folder;
  }
  return undefined;
}

/** Where the package of a runtime keeps `bwrap`. */
function bundledBubblewrap(env: Readonly<Record<string, string>>): string | undefined {
  try {
    return join(dirname(realpathSync(locateRuntime({ env }).path)), "..", "codex-resources", "bwrap");
  } catch {
    return undefined; // the start of the runtime says what is wrong with it
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** @internal The content of `config.toml`. A null `slug` leaves the choice of the model to the runtime. */
export function testConfig(
  options: TestHomeOptions,
  codexHome: string,
  slug: string | null = MOCK_MODEL,
): ConfigObject {
  const { model, sandbox = "full-access", streamMaxRetries = 0, extraConfig = {} } = options;
  const base: ConfigObject = {
    ...(slug !== null && { model: slug }),
    model_provider: "mock",
    ...(slug === MOCK_MODEL && { model_catalog_json: join(codexHome, CATALOG) }),
    sandbox_mode: sandbox === "full-access" ? "danger-full-access" : sandbox,
    check_for_update_on_startup: false,
    // Makes the workspace its own project: the AGENTS.md of a project around it would change what the model gets.
    project_root_markers: [],
    analytics: { enabled: false },
    features: { plugins: false, apps: false, shell_snapshot: false, unbounded_connection_retries: false },
    tools: { update_plan: { enabled: true } },
    model_providers: {
      mock: {
        name: "Mock",
        base_url: model.baseUrl,
        wire_api: "responses",
        request_max_retries: 0,
        stream_max_retries: streamMaxRetries,
      },
    },
  };
  return mergeConfig(base, extraConfig);
}

/** The content of the model catalog: the scripted model, and one more that the runtime looks up on its own. */
function testCatalogJson(): string {
  return JSON.stringify({
    models: [
      catalogEntry({ slug: MOCK_MODEL, display_name: "Mock", visibility: "list", priority: 1 }),
      catalogEntry({ slug: "gpt-5.6-luna", display_name: "Hidden mock", visibility: "hide", priority: 2 }),
    ],
  });
}

function catalogEntry(own: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    ...own,
    description: "Scripted",
    default_reasoning_level: "medium",
    supported_reasoning_levels: [
      { effort: "low", description: "Low" },
      { effort: "medium", description: "Medium" },
      { effort: "high", description: "High" },
    ],
    shell_type: "unified_exec",
    supported_in_api: true,
    support_verbosity: true,
    default_verbosity: "low",
    default_reasoning_summary: "none",
    // Runtimes before 0.145 require it, later ones ignore it (measured).
    supports_reasoning_summaries: true,
    apply_patch_tool_type: "freeform",
    truncation_policy: { mode: "tokens", limit: 10_000 },
    supports_parallel_tool_calls: true,
    context_window: 272_000,
    max_context_window: 272_000,
    effective_context_window_percent: 95,
    input_modalities: ["text", "image"],
    experimental_supported_tools: [],
    base_instructions: "You are a scripted model.",
  };
}
