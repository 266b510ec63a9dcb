/** Owns the configuration that keeps a test's runtime offline, quiet and on the scripted model. */

import type { ConfigObject, Sandbox } from "../index.js";
import { mergeConfig, toToml } from "./toml.js";

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
