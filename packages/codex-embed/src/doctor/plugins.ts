/** Owns the one feature by which a runtime calls outside as soon as it starts: whether it is on, and how to do without. */

import type { CodexOptions } from "../options.js";
import { isRecord } from "../rpc/messages.js";

const FEATURE = "plugins";

/**
 * The same options without the search for plugins, so that a diagnosis contacts nobody. `launchArgs` cannot be changed
 * without knowing what they start: a runtime that is started by them does what its configuration says.
 */
export function withoutPlugins(options: CodexOptions): CodexOptions {
  if (options.launchArgs !== undefined) return options;
  return {
    ...options,
    enable: options.enable?.filter((feature) => feature !== FEATURE),
    // Not `disable`: a runtime that does not know the feature refuses that flag.
    configOverrides: [...(options.configOverrides ?? []), `features.${FEATURE}=false`],
  };
}

/** Whether a `Codex` with these options would look for plugins: the flags say so, then the overrides, then the files. */
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
