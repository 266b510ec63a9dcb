/** Owns the caps: what a caller may ask for a thread, held against what the server's operator allows. */

import { realpathSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import type { ApprovalMode, Sandbox, StartThreadOptions } from "codex-embed";
import type { Settings } from "./options.js";
import { Refusal } from "./refusal.js";
import { SANDBOXES, type StartArguments } from "./toolInputs.js";

/** The settings that a thread is started with, and again resumed with. */
export interface ThreadSettings {
  readonly cwd: string;
  readonly sandbox: Sandbox;
  readonly approvalMode: ApprovalMode;
}

/** What a thread is started with. */
export type CappedStart = StartThreadOptions & ThreadSettings;

/** The names that the tool takes: the runtime's own, and the SDK's. */
const SANDBOX_NAMES: Readonly<Record<string, Sandbox>> = {
  "read-only": "read-only",
  "workspace-write": "workspace-write",
  "danger-full-access": "full-access",
  "full-access": "full-access",
};

/** The settings of the runtime that can neither widen anything nor reach anything. */
const CONFIG_KEYS: readonly string[] = ["model_reasoning_effort", "model_reasoning_summary", "model_verbosity"];

/** Makes the settings of a thread. Throws `Refusal`, which names the cap, for anything beyond it: nothing is narrowed. */
export function withinCaps(asked: StartArguments, settings: Settings): CappedStart {
  return {
    cwd: cwdWithin(asked.cwd, settings),
    sandbox: sandboxWithin(asked.sandbox, settings.maxSandbox),
    approvalMode: approvalWithin(asked.approvalPolicy, settings.approvalMode),
    ...(asked.config === undefined ? {} : { config: configWithin(asked.config) }),
    ...(asked.model === undefined ? {} : { model: asked.model }),
    ...(asked.baseInstructions === undefined ? {} : { baseInstructions: asked.baseInstructions }),
    ...(asked.developerInstructions === undefined ? {} : { developerInstructions: asked.developerInstructions }),
  };
}

function sandboxWithin(name: string | undefined, cap: Sandbox): Sandbox {
  if (name === undefined) return cap === "full-access" ? "workspace-write" : cap;
  const asked = Object.hasOwn(SANDBOX_NAMES, name) ? SANDBOX_NAMES[name] : undefined;
  if (asked === undefined) {
    throw new Refusal(
      `sandbox is ${show(name)}; it must be one of read-only, workspace-write, danger-full-access. This server allows ${cap} at most.`,
    );
  }
  if (SANDBOXES.indexOf(asked) <= SANDBOXES.indexOf(cap)) return asked;
  throw new Refusal(`sandbox ${show(name)} goes beyond what this server allows: ${cap} at most.`);
}

function approvalWithin(policy: string | undefined, cap: ApprovalMode): ApprovalMode {
  switch (policy) {
    case undefined:
      return cap;
    case "never":
      return "deny_all";
    case "on-request":
      if (cap !== "deny_all") return cap;
      throw new Refusal(
        'approval-policy "on-request" goes beyond what this server allows: the agent may not ask for more than its ' +
          'sandbox. Give "never", or leave it out.',
      );
    case "untrusted":
    case "on-failure":
      throw new Refusal(
        `approval-policy ${show(policy)} is not offered. Give "on-request" or "never", or leave it out.`,
      );
    default:
      throw new Refusal(`approval-policy is ${show(policy)}; it must be "on-request" or "never".`);
  }
}

function configWithin(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!CONFIG_KEYS.includes(key)) {
      throw new Refusal(
        `config holds ${show(key)}, which a caller may not set: configuration can widen what the agent may do. ` +
          `Allowed are ${CONFIG_KEYS.join(", ")}.`,
      );
    }
    if (typeof value !== "string") throw new Refusal(`config.${key} must be a string.`);
    allowed[key] = value;
  }
  return allowed;
}

function cwdWithin(cwd: string | undefined, { roots, defaultRoot }: Settings): string {
  if (cwd === undefined) return defaultRoot;
  const real = realFolder(resolve(defaultRoot, cwd));
  // One answer for what is missing and for what is outside, so that nobody learns what lies there.
  if (real === null || !roots.some((root) => isWithin(root, real))) {
    throw new Refusal(`cwd is not a folder that this server works in. It works below ${roots.map(show).join(", ")}.`);
  }
  return real;
}

/** Throws `Refusal` when the folder of a thread is gone, or a link by now: it may lead out of the roots. */
export function assertUnmoved(cwd: string): void {
  if (realFolder(cwd) !== cwd) throw new Refusal("The folder of this thread is not what it was: start a new thread.");
}

function realFolder(path: string): string | null {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : null;
  } catch {
    return null;
  }
}

function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** A value of a caller in a message: quoted, and no longer than a line. */
function show(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}
