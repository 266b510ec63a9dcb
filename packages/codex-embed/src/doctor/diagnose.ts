import { CODEX } from "../client/knownOptions.js";
import { withHomePaths } from "../process/paths.js";
import { milliseconds, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import type { DiagnoseOptions, Diagnosis } from "./questions.js";

const DIAGNOSE: OptionTable<DiagnoseOptions> = { ...CODEX, checkTimeoutMs: milliseconds, signal };

/**
 * Finds out whether a `Codex` with these options would work here, and if not, why: the executable, its version, its
 * home and configuration, the login, the sandbox, what it would call outside.
 *
 * It starts the runtime, asks it, and ends it; no thread is started, no model is asked, and no host outside is
 * contacted: the search for plugins, which a runtime may begin with, is left out. Handlers and loggers of the options are
 * not used. Resolves whatever it finds; rejects only with the reason of `signal`.
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const checked = withHomePaths(checkOptions(options, "diagnose", DIAGNOSE));
  const { examine } = await import("./examine.js");
  return examine(checked);
}
