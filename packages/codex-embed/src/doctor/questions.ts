import type { Codex } from "../client/codex.js";
import { findExecutable } from "../process/environment.js";
import { redactSecrets } from "../process/stderr.js";
import type { ExperimentalFeatureListResponse } from "../protocol/generated/protocol.js";
import type { CodexOptions } from "../runtime/options.js";
import type { NotificationOf } from "../stream/events.js";
import { isRecord } from "../util/json.js";
import { type DiagnosisCheck, messageOf } from "./checks.js";

/** The input of the checks that ask a running runtime. */
export interface RuntimeContext {
  readonly codex: Codex;
  /** The options under diagnosis. The runtime itself was started without the search for plugins. */
  readonly options: CodexOptions;
  /** The environment that the process was started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The runtime's warnings about its configuration so far. */
  readonly warnings: readonly NotificationOf<"configWarning">["params"][];
  /** The effective configuration, or why it cannot be read. */
  readonly config: ReadConfig;
}

/** The effective configuration and its source files, or why it cannot be read. */
export type ReadConfig =
  | {
      readonly values: Readonly<Record<string, unknown>>;
      /** The files that are not empty, in order of precedence. */
      readonly files: readonly { readonly path: string; readonly content: unknown }[];
      /** Why some layers are ignored: the runtime ignores the `.codex` of a folder until it is trusted. */
      readonly disabledReasons: readonly string[];
    }
  | { readonly problem: string };

/** Reads the configuration that threads will get (`config/read`). */
export async function readConfig(codex: Codex, cwd: string, timeoutMs: number): Promise<ReadConfig> {
  try {
    const { config, layers } = await codex.request("config/read", { includeLayers: true, cwd }, { timeoutMs });
    const files = (layers ?? []).flatMap(({ name, config: content }) => {
      const isUsed = isRecord(content) && Object.keys(content).length > 0;
      return isUsed && "file" in name && typeof name.file === "string" ? [{ path: name.file, content }] : [];
    });
    const disabledReasons = (layers ?? []).flatMap(({ disabledReason }) => disabledReason ?? []);
    return { values: config, files, disabledReasons };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

const TRUST_ADVICE =
  "Nothing is broken: threads run without the .codex of this folder. To use it, review it first. Then add " +
  '[projects."FOLDER"] with trust_level = "trusted" to config.toml, with the folder and the file named above.';

/** Checks whether the configuration loads. If it does not, the runtime starts with its defaults and refuses threads. */
export function checkConfiguration({ config, warnings }: RuntimeContext): DiagnosisCheck {
  const name = "configuration";
  const said = warnings.filter((warning) => !isAboutSandbox(warning)).map(warningText);
  if ("problem" in config) {
    const detail = ["The configuration does not load, so no thread can start:", ...said];
    if (said.length === 0) detail.push(config.problem);
    return {
      name,
      status: "problem",
      detail: detail.join("\n"),
      advice: "Correct the file, or choose another codexHome.",
    };
  }
  const from =
    config.files.length === 0
      ? "No configuration file; defaults apply."
      : `From ${config.files.map(({ path }) => path).join(", ")}.`;
  if (said.length === 0) return { name, status: "ok", detail: from };
  const isAboutTrust = (text: string): boolean => config.disabledReasons.some((reason) => text.includes(reason));
  const advice = [
    ...(said.every(isAboutTrust) ? [] : ["Correct the configuration."]),
    ...(said.some(isAboutTrust) ? [TRUST_ADVICE] : []),
  ].join(" ");
  return { name, status: "warning", detail: [...said, from].join("\n"), advice };
}

/** Checks whether the login that the model provider needs exists. Whether it is still valid shows on its first use. */
export async function checkLogin({ codex, env, timeoutMs, config }: RuntimeContext): Promise<DiagnosisCheck | null> {
  const name = "login";
  // With a broken configuration, the runtime reports its default provider.
  if ("problem" in config) return null;
  const provider = providerOf(config.values);
  // Unlike account/read, this contacts no other host.
  const status = await codex.request("getAuthStatus", { includeToken: false, refreshToken: false }, { timeoutMs });
  if (status.authMethod !== null) {
    const use = status.requiresOpenaiAuth === false ? `; the provider ${provider.id} does not require it` : "";
    return { name, status: "ok", detail: `Logged in (${status.authMethod})${use}.` };
  }
  if (status.requiresOpenaiAuth !== false) {
    const detail = `Not logged in, and the model provider ${provider.id} requires a login.`;
    const advice = "Run: npx codex login. Or in a program: await codex.loginApiKey(key).";
    return { name, status: "problem", detail, advice };
  }
  const variable = provider.entry["env_key"];
  if (typeof variable !== "string")
    return { name, status: "ok", detail: `The provider ${provider.id} requires no login.` };
  if (env[variable]) {
    return { name, status: "ok", detail: `The provider ${provider.id} reads its key from ${variable}, which is set.` };
  }
  const detail = `The provider ${provider.id} reads its key from the variable ${variable}, which is not set.`;
  return { name, status: "problem", detail, advice: `Set ${variable}, or pass it in env.` };
}

/** Runs a harmless command in the read-only sandbox (`command/exec`). */
export async function checkSandbox(context: RuntimeContext): Promise<DiagnosisCheck> {
  const { codex, timeoutMs, config, warnings } = context;
  const name = "sandbox";
  const { platformFamily, platformOs } = codex.metadata;
  const command = platformFamily === "windows" ? ["cmd.exe", "/d", "/c", "exit 0"] : ["/bin/sh", "-c", "exit 0"];
  const sandboxPolicy = { type: "readOnly", networkAccess: false } as const;
  const isLinux = platformOs === "linux";
  const which = isLinux ? ` ${bubblewrapText(context)}` : "";
  let failure: string;
  try {
    const params = { command, sandboxPolicy, timeoutMs };
    const { exitCode, stderr } = await codex.request("command/exec", params, { timeoutMs: timeoutMs + 1_000 });
    if (exitCode === 0) return { name, status: "ok", detail: `A command ran in the read-only sandbox.${which}` };
    failure = redactSecrets(stderr).trim().split("\n").at(-1) || `exit code ${exitCode}`;
  } catch (error) {
    failure = messageOf(error);
  }
  const usesNone = "values" in config && config.values["sandbox_mode"] === "danger-full-access";
  const said = warnings.filter(isAboutSandbox).map(warningText);
  return {
    name,
    // If the configuration uses no sandbox, only threads that ask for one fail.
    status: usesNone ? "warning" : "problem",
    detail: [`Commands cannot be sandboxed: ${failure}.${which}`, ...said].join("\n"),
    advice: isLinux
      ? "Install bubblewrap and allow unprivileged user namespaces, or use full-access inside a dedicated container."
      : "Use full-access only in an environment that you can afford to lose.",
  };
}

/** Names the copies of bubblewrap that the runtime chooses from. It does not report its choice. */
function bubblewrapText({ env }: RuntimeContext): string {
  const lookup = findExecutable("bwrap", env, process.platform);
  return "path" in lookup
    ? `Bubblewrap: ${lookup.path}, or the bundled one if that is too old.`
    : "Bubblewrap: the bundled one, since there is none on PATH.";
}

/** Reports which hosts the configuration lets the runtime contact. Contacts none of them. */
export async function checkNetwork({
  codex,
  options,
  config,
  timeoutMs,
}: RuntimeContext): Promise<DiagnosisCheck | null> {
  if ("problem" in config) return null;
  const { values } = config;
  const provider = providerOf(values);
  const contents = config.files.map(({ content }) => content);
  const plugins = wantsPlugins(options, contents, await isOnByDefault(codex, "plugins", timeoutMs));
  const servers = recordIn(values, "mcp_servers");
  const remote = Object.keys(servers).filter((server) => typeof recordIn(servers, server)["url"] === "string");
  const local = Object.keys(servers).filter((server) => !remote.includes(server));
  const lines = [
    plugins
      ? "At startup: looks for plugins (git and HTTPS). To turn this off, set features.plugins=false."
      : "At startup: nothing (the feature plugins is off).",
    `Each turn: the model provider ${provider.id}, ${provider.place}.`,
    ...(remote.length > 0 ? [`Remote MCP servers: ${remote.join(", ")}.`] : []),
    ...(local.length > 0 ? [`Local MCP servers: ${local.join(", ")}.`] : []),
    ...(hasExporter(recordIn(values, "otel")) ? ["Telemetry is exported (otel)."] : []),
    ...(recordIn(values, "analytics")["enabled"] === true ? ["Analytics are on."] : []),
  ];
  return { name: "network", status: "ok", detail: lines.join("\n") };
}

async function isOnByDefault(codex: Codex, name: string, timeoutMs: number): Promise<boolean> {
  let cursor: string | null = null;
  do {
    const page: ExperimentalFeatureListResponse = await codex.request(
      "experimentalFeature/list",
      { cursor },
      { timeoutMs },
    );
    const feature = page.data.find((one) => one.name === name);
    if (feature !== undefined) return feature.defaultEnabled;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return false;
}

interface Provider {
  readonly id: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** Its address, without user names, passwords and query parameters. */
  readonly place: string;
}

function providerOf(values: Readonly<Record<string, unknown>>): Provider {
  const id = typeof values["model_provider"] === "string" ? values["model_provider"] : "openai";
  const entry = recordIn(recordIn(values, "model_providers"), id);
  const url = entry["base_url"] ?? (id === "openai" ? values["openai_base_url"] : undefined);
  return { id, entry, place: typeof url === "string" ? placeOf(url) : "at its default address" };
}

function placeOf(text: string): string {
  if (!URL.canParse(text)) return "at an invalid URL";
  const { protocol, host, hostname, pathname } = new URL(text);
  const isHere = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return `${isHere ? "on this machine" : "on another host"} (${protocol}//${host}${pathname})`;
}

function hasExporter(otel: Readonly<Record<string, unknown>>): boolean {
  const exporters = [otel["exporter"], otel["trace_exporter"], otel["metrics_exporter"]];
  return exporters.some((exporter) => exporter !== undefined && exporter !== null && exporter !== "none");
}

function recordIn(values: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = values[key];
  return isRecord(value) ? value : {};
}

type Warning = NotificationOf<"configWarning">["params"];

/** Only decides which check shows the runtime's message. */
function isAboutSandbox({ summary }: Warning): boolean {
  return /bubblewrap|bwrap|sandbox/i.test(summary);
}

function warningText({ summary, details }: Warning): string {
  return redactSecrets(details === null ? summary : `${summary} ${details}`);
}

const FEATURE = "plugins";

/**
 * Turns the search for plugins off, so that a diagnosis contacts no other host. Options with `launchArgs` stay as they
 * are: what those arguments start is unknown, so the runtime does what its configuration says.
 */
export function withoutPlugins(options: CodexOptions): CodexOptions {
  if (options.launchArgs !== undefined) return options;
  return {
    ...options,
    enable: options.enable?.filter((feature) => feature !== FEATURE),
    // Not `disable`: a runtime without this feature rejects the flag.
    configOverrides: [...(options.configOverrides ?? []), `features.${FEATURE}=false`],
  };
}

/** Whether a `Codex` with these options would look for plugins. Flags win over overrides, overrides over files. */
export function wantsPlugins(options: CodexOptions, files: readonly unknown[], byDefault: boolean): boolean {
  if (options.disable?.includes(FEATURE) === true) return false;
  if (options.enable?.includes(FEATURE) === true) return true;
  const said = [
    ...(options.configOverrides ?? []).map(inOverride).reverse(),
    inConfig(options.config),
    ...files.map(inConfig),
  ];
  return said.find((value) => value !== undefined) ?? byDefault;
}

function inConfig(config: unknown): boolean | undefined {
  const features = isRecord(config) ? config["features"] : undefined;
  const value = isRecord(features) ? features[FEATURE] : undefined;
  return typeof value === "boolean" ? value : undefined;
}

/** Reads `features.plugins=true` and `features={plugins=true}`. */
function inOverride(override: string): boolean | undefined {
  const value = /^\s*features\s*(?:\.|=.*[{,\s])\s*plugins\s*=\s*(true|false)\b/.exec(override)?.[1];
  return value === undefined ? undefined : value === "true";
}
