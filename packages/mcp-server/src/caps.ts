/** The caps: what a caller asks for a thread, checked against what the server's operator allows. */

import { realpathSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import type { ApprovalMode, Sandbox, StartThreadOptions } from "codex-embed";
import type { Settings } from "./options.js";
import { ToolError } from "./results.js";
import { CONFIG_KEYS, defaultSandbox, SANDBOXES, type StartArguments } from "./tools.js";

/** The settings of a thread that also hold when it is resumed. */
export interface ThreadSettings {
  readonly cwd: string;
  readonly sandbox: Sandbox;
  readonly approvalMode: ApprovalMode;
}

/** What a thread is started with. */
export type CappedStart = StartThreadOptions & ThreadSettings;

/** The names that callers may use: the runtime's, and those of codex-embed. */
const SANDBOX_BY_NAME: Readonly<Record<string, Sandbox>> = {
  "read-only": "read-only",
  "workspace-write": "workspace-write",
  "danger-full-access": "full-access",
  "full-access": "full-access",
};

/**
 * The settings of a thread for the arguments of a caller.
 *
 * @throws ToolError naming the cap, for anything that goes beyond it. Nothing is narrowed silently.
 */
export function withinCaps(args: StartArguments, settings: Settings): CappedStart {
  return {
    cwd: cwdWithin(args.cwd, settings),
    sandbox: sandboxWithin(args.sandbox, settings.maxSandbox),
    approvalMode: approvalWithin(args.approvalPolicy, settings.approvalMode),
    ...(args.config === undefined ? {} : { config: configWithin(args.config) }),
    ...(args.model === undefined ? {} : { model: args.model }),
    ...(args.baseInstructions === undefined ? {} : { baseInstructions: args.baseInstructions }),
    ...(args.developerInstructions === undefined ? {} : { developerInstructions: args.developerInstructions }),
  };
}

function sandboxWithin(name: string | undefined, cap: Sandbox): Sandbox {
  if (name === undefined) return defaultSandbox(cap);
  const sandbox = Object.hasOwn(SANDBOX_BY_NAME, name) ? SANDBOX_BY_NAME[name] : undefined;
  if (sandbox === undefined) {
    throw new ToolError(
      `sandbox is ${quote(name)}; it must be one of read-only, workspace-write, danger-full-access. ` +
        `This server allows ${cap} at most.`,
    );
  }
  if (SANDBOXES.indexOf(sandbox) <= SANDBOXES.indexOf(cap)) return sandbox;
  throw new ToolError(`sandbox ${quote(name)} goes beyond what this server allows: ${cap} at most.`);
}

function approvalWithin(policy: string | undefined, cap: ApprovalMode): ApprovalMode {
  switch (policy) {
    case undefined:
      return cap;
    case "never":
      return "deny_all";
    case "on-request":
      if (cap !== "deny_all") return cap;
      throw new ToolError(
        'approval-policy "on-request" goes beyond what this server allows: the agent may not ask for more than its ' +
          'sandbox. Pass "never", or leave it out.',
      );
    case "untrusted":
    case "on-failure":
      throw new ToolError(
        `approval-policy ${quote(policy)} is not supported. Pass "on-request" or "never", or leave it out.`,
      );
    default:
      throw new ToolError(`approval-policy is ${quote(policy)}; it must be "on-request" or "never".`);
  }
}

function configWithin(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!CONFIG_KEYS.includes(key)) {
      throw new ToolError(
        `config holds ${quote(key)}, which a caller may not set: configuration can widen what the agent may do. ` +
          `Allowed: ${CONFIG_KEYS.join(", ")}.`,
      );
    }
    if (typeof value !== "string") throw new ToolError(`config.${key} must be a string.`);
    allowed[key] = value;
  }
  return allowed;
}

function cwdWithin(cwd: string | undefined, { roots, defaultRoot }: Settings): string {
  if (cwd === undefined) return defaultRoot;
  const real = realFolder(resolve(defaultRoot, cwd));
  // The same answer for a missing folder and for one outside, so that a caller learns nothing about other folders.
  if (real === null || !roots.some((root) => isWithin(root, real))) {
    throw new ToolError(
      `cwd is not a folder that this server works in. Pass an existing folder inside ${roots.map(quote).join(" or ")}, ` +
        "or leave it out.",
    );
  }
  return real;
}

/** Throws `ToolError` when the folder of a thread is gone or has become a link: a link could lead out of the roots. */
export function assertUnmoved(cwd: string): void {
  if (realFolder(cwd) === cwd) return;
  throw new ToolError("The folder of this thread was removed or replaced. Start a new thread with codex.");
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

/** A caller's value in a message: quoted, and no longer than a line. */
function quote(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}
