import {
  access,
  constants,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, relative, sep } from "node:path";
import { CODEX } from "../client/knownOptions.js";
import { Codex, type CodexOptions, type ConfigObject, Sandbox } from "../index.js";
import { integer, oneOf, record, required } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { ScriptedModel } from "./scriptedModel.js";
import { mergeConfig, toToml } from "./toml.js";

/** Options of `createTestHome`. */
export interface TestHomeOptions {
  /** The model that the runtime shall ask. */
  readonly model: { readonly baseUrl: string };
  /** The sandbox of commands, unless a thread says otherwise. Default `full-access`, which works on every machine. */
  readonly sandbox?: Sandbox;
  /** How often the runtime tries again when a stream breaks. Default 0. */
  readonly streamMaxRetries?: number;
  /** More configuration, nested as in `config.toml`; it is merged over the kit's own. */
  readonly extraConfig?: ConfigObject;
}

/** @internal What the home shares with the whole bench. */
export const HOME: OptionTable<Omit<TestHomeOptions, "model">> = {
  sandbox: oneOf(Object.values(Sandbox)),
  streamMaxRetries: integer(0),
  extraConfig: record,
};

const TEST_HOME: OptionTable<TestHomeOptions> = { ...HOME, model: required(record) };

/** A throw-away home and workspace. */
export interface TestHome {
  /** The runtime's `CODEX_HOME`, with `config.toml` and a model catalog. */
  readonly codexHome: string;
  /** An empty folder to work in. */
  readonly workspace: string;
  /** The whole environment for the runtime: that of this process without credentials, proxies and user settings. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes all of it. Idempotent. End the runtime first. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a home and a workspace. Rejects when no folder can be written to; nothing is left behind then. */
export async function createTestHome(options: TestHomeOptions): Promise<TestHome> {
  checkOptions(options, "createTestHome", TEST_HOME);
  const folder = await makeTestFolder();
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const codexHome = join(folder, "codex-home");
    const workspace = join(folder, "workspace");
    const userHome = join(folder, "home");
    const temporary = join(folder, "tmp");
    await Promise.all([codexHome, workspace, userHome, temporary].map((path) => mkdir(path)));
    const catalogPath = join(codexHome, "catalog.json");
    await writeFile(catalogPath, testCatalogJson());
    const config = testConfigToml({
      baseUrl: options.model.baseUrl,
      catalogPath,
      sandbox: options.sandbox ?? "full-access",
      streamMaxRetries: options.streamMaxRetries ?? 0,
      extraConfig: options.extraConfig ?? {},
    });
    await writeFile(join(codexHome, "config.toml"), config);
    const env = testEnvironment(process.env, { codexHome, userHome, temporary });
    const bin = await linkBubblewrap(join(folder, "bin"), env["PATH"] ?? "");
    if (bin !== undefined) env["PATH"] = [bin, env["PATH"]].filter(Boolean).join(delimiter);
    return { codexHome, workspace, env, dispose, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Where a fresh folder may be made. */
export interface TestPlaces {
  /** The folders to try in order. */
  readonly caches: readonly string[];
  /** The system's temporary folder, as the last resort. */
  readonly temporary: string;
}

/**
 * Makes a fresh folder in the user's cache, else in the cache of the project around the working directory, else in the
 * system's temporary folder. Rejects when none of them can be written to.
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
  const found = await stat(candidate).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (found) return candidate;
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

/** The folders that the environment points to. */
export interface TestFolders {
  readonly codexHome: string;
  readonly userHome: string;
  /** The folder for temporary files. */
  readonly temporary: string;
}

/**
 * Makes the environment out of that of this process: without credentials, proxies, git variables (a test may run in a
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
  return REMOVED.has(name) || REMOVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * Copies the `bwrap` of the runtime package into `folder`, when this is Linux and `searchPath` has none: without one on
 * its PATH the runtime prints an error. Returns the folder when it has to be put on the PATH, else undefined.
 */
export async function linkBubblewrap(folder: string, searchPath: string): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const places = searchPath.split(delimiter).filter((path) => path !== "");
  for (const place of places) if (await isExecutable(join(place, "bwrap"))) return undefined;
  const bundled = await findBundled();
  if (bundled === undefined) return undefined;
  await mkdir(folder);
  // A copy, since the runtime takes none whose real path lies in the temporary folder, where a project may lie.
  await copyFile(bundled, join(folder, "bwrap"));
  return folder;
}

async function findBundled(): Promise<string | undefined> {
  const vendor = vendorFolder();
  if (vendor === undefined) return undefined;
  for (const target of await readdir(vendor).catch(() => [])) {
    const candidate = join(vendor, target, "codex-resources", "bwrap");
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function vendorFolder(): string | undefined {
  try {
    const runtime = createRequire(import.meta.url).resolve("@openai/codex/package.json");
    const platform = `@openai/codex-${process.platform}-${process.arch}/package.json`;
    return join(dirname(createRequire(runtime).resolve(platform)), "vendor");
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What the configuration is made of. */
export interface TestConfigOptions {
  readonly baseUrl: string;
  readonly catalogPath: string;
  readonly sandbox: Sandbox;
  readonly streamMaxRetries: number;
  readonly extraConfig: ConfigObject;
}

/** The content of `config.toml`. */
export function testConfigToml(options: TestConfigOptions): string {
  const base: ConfigObject = {
    model: "mock-model",
    model_provider: "mock",
    model_catalog_json: options.catalogPath,
    sandbox_mode: options.sandbox === "full-access" ? "danger-full-access" : options.sandbox,
    check_for_update_on_startup: false,
    // The workspace is a project of its own, even inside another one whose AGENTS.md would change what the model gets.
    project_root_markers: [],
    analytics: { enabled: false },
    features: { plugins: false, apps: false, shell_snapshot: false, unbounded_connection_retries: false },
    tools: { update_plan: { enabled: true } },
    model_providers: {
      mock: {
        name: "Mock",
        base_url: options.baseUrl,
        wire_api: "responses",
        request_max_retries: 0,
        stream_max_retries: options.streamMaxRetries,
      },
    },
  };
  return toToml(mergeConfig(base, options.extraConfig));
}

/** The content of the model catalog: the scripted model, and one more that the runtime looks up on its own. */
export function testCatalogJson(): string {
  return JSON.stringify({
    models: [
      catalogEntry({ slug: "mock-model", display_name: "Mock", visibility: "list", priority: 1 }),
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

/** Options of `startTestCodex`: those of the client and those of the home. */
export interface TestCodexOptions extends CodexOptions, Omit<TestHomeOptions, "model"> {
  /** A model that runs already. It stays open when the bench closes. Default: a new one, closed with the bench. */
  readonly model?: ScriptedModel;
}

const TEST_CODEX: OptionTable<TestCodexOptions> = { ...CODEX, ...HOME, model: record };

/** A client of a runtime that talks to a scripted model. */
export interface TestCodex extends AsyncDisposable {
  readonly codex: Codex;
  readonly model: ScriptedModel;
  /** An empty folder; the working directory of the runtime and so of its threads. */
  readonly workspace: string;
  readonly codexHome: string;
  /** What `codex` was made with: give it to `Codex.launch` for another runtime on the same home. */
  readonly codexOptions: CodexOptions;
  /** Ends the runtime, closes the model and removes the folders, each also when another fails. Idempotent. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the pinned runtime against a scripted model: offline, and cut off from the user's settings and credentials.
 * Client options go over the kit's own (`env` variable by variable). Rejects as `Codex.launch` does; nothing is left
 * behind then.
 */
export async function startTestCodex(options: TestCodexOptions = {}): Promise<TestCodex> {
  const checked = checkOptions(options, "startTestCodex", TEST_CODEX);
  const { model: givenModel, sandbox, streamMaxRetries, extraConfig, ...clientOptions } = checked;
  const closers: Closer[] = [];
  try {
    const model = givenModel ?? (await ScriptedModel.start());
    if (givenModel === undefined) closers.unshift(() => model.close());
    const home = await createTestHome({
      model,
      ...(sandbox !== undefined && { sandbox }),
      ...(streamMaxRetries !== undefined && { streamMaxRetries }),
      ...(extraConfig !== undefined && { extraConfig }),
    });
    closers.push(() => home.dispose());
    const codexOptions = withHome(clientOptions, home);
    const codex = await Codex.launch(codexOptions);
    closers.unshift(() => codex.close());
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= closeAll(closers));
    const { codexHome, workspace } = home;
    return { codex, model, workspace, codexHome, codexOptions, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await closeAll(closers).catch(() => {});
    throw error;
  }
}

function withHome(options: CodexOptions, home: TestHome): CodexOptions {
  return {
    codexHome: home.codexHome,
    cwd: home.workspace,
    inheritEnv: false,
    ...options,
    env: { ...home.env, ...options.env },
  };
}

type Closer = () => Promise<void>;

async function closeAll(closers: readonly Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers) await close().catch((error: unknown) => errors.push(error));
  if (errors.length > 1) throw new AggregateError(errors, "The test bench could not be closed.");
  if (errors.length === 1) throw errors[0];
}
