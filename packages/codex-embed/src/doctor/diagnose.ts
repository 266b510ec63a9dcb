import { CODEX } from "../client/knownOptions.js";
import { withHomePaths } from "../process/environment.js";
import type { CodexOptions } from "../runtime/options.js";
import { milliseconds, signal } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";

/** How a {@link diagnose} is made: with the options that a `Codex` would be given. */
export interface DiagnoseOptions extends CodexOptions {
  /** Milliseconds until a single question to the runtime counts as failed. Default 10 000. */
  readonly checkTimeoutMs?: number | undefined;
  /** Ends the diagnosis and the runtime; it then rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The names of the checks, in the order in which they are made. */
export type DiagnosisCheckName =
  | "node"
  | "binary"
  | "home"
  | "launch"
  | "runtime"
  | "version"
  | "configuration"
  | "login"
  | "sandbox"
  | "network"
  | "peers";

/** What one check has found. */
export interface DiagnosisCheck {
  readonly name: DiagnosisCheckName;
  /** `problem`: turns will fail, or not do what they should. `warning`: worth knowing. */
  readonly status: "ok" | "warning" | "problem";
  /** What was found, in one or more lines. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What would be spawned. Values of environment variables are left out, and secrets among the arguments are replaced. */
export interface LaunchSummary {
  readonly command: string;
  readonly args: readonly string[];
  /** The folder that the process starts in. */
  readonly cwd: string;
  readonly env: {
    /** The variables that differ from those of this program, by name. */
    readonly set: readonly string[];
    /** The variables of this program that the process does not get, by name. */
    readonly removed: readonly string[];
  };
}

/** What {@link diagnose} has found. */
export interface Diagnosis {
  /** Whether no check found a problem. */
  readonly healthy: boolean;
  readonly nodeVersion: string;
  /** The platform and the architecture of this program, such as `linux-x64`. */
  readonly platform: string;
  /** The version of the runtime that this SDK speaks to. */
  readonly expectedRuntimeVersion: string;
  /** The version of the runtime that was started, or null when none could be. */
  readonly runtimeVersion: string | null;
  /** The executable that was found, or null. */
  readonly codexBin: string | null;
  /** The folder of configuration, login and history, or null when it is not known. */
  readonly codexHome: string | null;
  /** Null when the options allow no launch. */
  readonly launch: LaunchSummary | null;
  /** The checks that could be made: without a runtime, those that need one are missing. */
  readonly checks: readonly DiagnosisCheck[];
}

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
