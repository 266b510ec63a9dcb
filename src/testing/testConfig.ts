/** Owns the configuration that keeps a test's runtime offline, quiet and on the scripted model. */

/** A value of a configuration file. */
export type ConfigValue = string | number | boolean | readonly ConfigValue[] | ConfigTable;

/** A table of a configuration file: nested, with the names of `config.toml`. */
export interface ConfigTable {
  readonly [key: string]: ConfigValue;
}

/** What the sandbox of the runtime allows. */
export type TestSandbox = "read-only" | "workspace-write" | "full-access";

/** What the configuration is made of. */
export interface TestConfigOptions {
  readonly baseUrl: string;
  readonly catalogPath: string;
  readonly sandbox: TestSandbox;
  readonly streamMaxRetries: number;
  readonly extraConfig: ConfigTable;
}

/** The content of `config.toml`. */
export function testConfigToml(options: TestConfigOptions): string {
  const base: ConfigTable = {
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
  return toToml(merge(base, options.extraConfig));
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

function merge(base: ConfigTable, extra: ConfigTable): ConfigTable {
  const merged: Record<string, ConfigValue> = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    const before = merged[key];
    merged[key] = isTable(before) && isTable(value) ? merge(before, value) : value;
  }
  return merged;
}

function toToml(table: ConfigTable): string {
  const entries = Object.entries(table);
  const plain = entries.flatMap(([key, value]) =>
    isTable(value) ? [] : [`${tomlKey(key)} = ${toTomlValue(value)}\n`],
  );
  const tables = entries.flatMap(([key, value]) =>
    isTable(value) ? [`\n[${tomlKey(key)}]\n${tableBody(value)}`] : [],
  );
  return [...plain, ...tables].join("");
}

function tableBody(table: ConfigTable): string {
  return Object.entries(table)
    .map(([key, value]) => `${tomlKey(key)} = ${toTomlValue(value)}\n`)
    .join("");
}

function toTomlValue(value: ConfigValue): string {
  if (Array.isArray(value)) return `[${value.map(toTomlValue).join(", ")}]`;
  if (isTable(value)) {
    const members = Object.entries(value).map(([key, member]) => `${tomlKey(key)} = ${toTomlValue(member)}`);
    return `{ ${members.join(", ")} }`;
  }
  // Strings, numbers and booleans of JSON are valid TOML too.
  return JSON.stringify(value);
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function isTable(value: ConfigValue | undefined): value is ConfigTable {
  return typeof value === "object" && !Array.isArray(value);
}
