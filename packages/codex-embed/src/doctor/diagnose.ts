import { CODEX } from "../client/knownOptions.js";
import { withHomePaths } from "../process/paths.js";
import { milliseconds, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import type { DiagnoseOptions, Diagnosis } from "./checks.js";

const DIAGNOSE: OptionTable<DiagnoseOptions> = { ...CODEX, checkTimeoutMs: milliseconds, signal };

/**
 * Checks whether a `Codex` with these options works on this machine, and how to fix what does not: Node, the
 * executable, its version, home, configuration, login and sandbox, and the hosts that it would contact.
 *
 * Starts the runtime, asks it and stops it. Starts no thread, sends nothing to a model and contacts no other host: the
 * search for plugins, which a runtime may start with, is turned off. Ignores the handlers and loggers of the options.
 *
 * @param options - what `new Codex()` would get, and `checkTimeoutMs` and `signal`.
 * @returns the checks with their findings, once the runtime is gone. Problems do not reject.
 * @throws UsageError for an unknown option; the reason of `signal` once it aborts.
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const checked = withHomePaths(checkOptions(options, "diagnose", DIAGNOSE));
  const { examine } = await import("./examine.js");
  return examine(checked);
}
