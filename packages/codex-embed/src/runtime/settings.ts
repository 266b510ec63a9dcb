import { realpathSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { UsageError } from "../errors/base.js";
import type {
  ActivePermissionProfile,
  ApprovalsReviewer,
  AskForApproval,
  SandboxMode,
  SandboxPolicy,
} from "../protocol/generated/protocol.js";
import type { ApprovalMode, ResumeThreadOptions, Sandbox, ThreadModes } from "./options.js";

const SANDBOX_MODES: Readonly<Record<Sandbox, SandboxMode>> = {
  "read-only": "read-only",
  "workspace-write": "workspace-write",
  "full-access": "danger-full-access",
};

const SANDBOX_POLICIES: Readonly<Record<Sandbox, SandboxPolicy>> = {
  "read-only": { type: "readOnly", networkAccess: false },
  "workspace-write": {
    type: "workspaceWrite",
    writableRoots: [],
    networkAccess: false,
    excludeTmpdirEnvVar: false,
    excludeSlashTmp: false,
  },
  "full-access": { type: "dangerFullAccess" },
};

/** The wire's two fields for who decides. */
export interface ApprovalFields {
  approvalPolicy: AskForApproval;
  approvalsReviewer?: ApprovalsReviewer;
}

const APPROVAL_FIELDS: Readonly<Record<ApprovalMode, ApprovalFields>> = {
  auto_review: { approvalPolicy: "on-request", approvalsReviewer: "auto_review" },
  ask: { approvalPolicy: "on-request", approvalsReviewer: "user" },
  deny_all: { approvalPolicy: "never" },
};

/** The wire's fields for a thread's modes; what is omitted is not sent. Throws `UsageError` for an unknown mode. */
export function threadModeFields(modes: ThreadModes): Partial<ApprovalFields> & { sandbox?: SandboxMode } {
  return {
    ...(modes.sandbox === undefined ? {} : { sandbox: choose("sandbox", modes.sandbox, SANDBOX_MODES) }),
    ...approvalFields(modes.approvalMode),
  };
}

/** The wire's fields for a turn's modes; what is omitted is not sent. Throws `UsageError` for an unknown mode. */
export function turnModeFields(modes: ThreadModes): Partial<ApprovalFields> & { sandboxPolicy?: SandboxPolicy } {
  return {
    ...(modes.sandbox === undefined ? {} : { sandboxPolicy: choose("sandbox", modes.sandbox, SANDBOX_POLICIES) }),
    ...approvalFields(modes.approvalMode),
  };
}

/** The settings in force, as the runtime reports them with a thread. */
export interface EffectiveSettings {
  readonly model: string;
  readonly modelProvider: string;
  readonly serviceTier: string | null;
  readonly activePermissionProfile: ActivePermissionProfile | null;
  readonly cwd: string;
  readonly sandbox: SandboxPolicy;
  readonly approvalPolicy: AskForApproval;
  readonly approvalsReviewer: ApprovalsReviewer;
}

/** What a thread is opened with, and the runtime reports back. */
export type RequestedSettings = ThreadModes &
  Pick<ResumeThreadOptions, "model" | "modelProvider" | "serviceTier" | "permissions" | "cwd">;

/** The requested settings that are not in force, as pairs of what was asked for and what there is; null when all are. */
export function settingsMismatch(
  modes: RequestedSettings,
  effective: EffectiveSettings,
): { requested: Record<string, unknown>; effective: Record<string, unknown> } | null {
  const requested: Record<string, unknown> = {};
  const inForce: Record<string, unknown> = {};
  const sandbox = modes.sandbox === undefined ? undefined : SANDBOX_POLICIES[modes.sandbox].type;
  if (sandbox !== undefined && sandbox !== effective.sandbox.type) {
    requested["sandbox"] = modes.sandbox;
    inForce["sandbox"] = sandboxName(effective.sandbox);
  }
  const approval = approvalFields(modes.approvalMode);
  const differs =
    (approval.approvalPolicy !== undefined && approval.approvalPolicy !== effective.approvalPolicy) ||
    (approval.approvalsReviewer !== undefined && approval.approvalsReviewer !== effective.approvalsReviewer);
  if (differs) {
    requested["approvalMode"] = modes.approvalMode;
    inForce["approvalPolicy"] = effective.approvalPolicy;
    inForce["approvalsReviewer"] = effective.approvalsReviewer;
  }
  if (typeof modes.cwd === "string" && !samePath(modes.cwd, effective.cwd)) {
    requested["cwd"] = modes.cwd;
    inForce["cwd"] = effective.cwd;
  }
  const { model, modelProvider, serviceTier, permissions } = modes;
  const reported = { ...effective, permissions: effective.activePermissionProfile?.id ?? null };
  for (const [name, value] of Object.entries({ model, modelProvider, serviceTier, permissions })) {
    if (typeof value !== "string" || value === Reflect.get(reported, name)) continue;
    requested[name] = value;
    inForce[name] = Reflect.get(reported, name);
  }
  return Object.keys(requested).length === 0 ? null : { requested, effective: inForce };
}

/** Relative paths are the runtime's to resolve, so only absolute ones can be compared. */
function samePath(asked: string, effective: string): boolean {
  return !isAbsolute(asked) || resolve(asked) === resolve(effective) || realPath(asked) === realPath(effective);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The SDK's name for a sandbox in force, or the wire's for one that it has no name for. */
function sandboxName(policy: SandboxPolicy): string {
  const named = Object.entries(SANDBOX_POLICIES).find(([, { type }]) => type === policy.type);
  return named?.[0] ?? policy.type;
}

function approvalFields(mode: ApprovalMode | undefined): Partial<ApprovalFields> {
  return mode === undefined ? {} : choose("approvalMode", mode, APPROVAL_FIELDS);
}

/** Looks a mode up, for callers without a compiler too: an unknown one must not fall back to anything. */
function choose<K extends string, V>(option: string, value: K, table: Readonly<Record<K, V>>): V {
  if (Object.hasOwn(table, value)) return table[value];
  throw new UsageError(`${option} is ${JSON.stringify(value)}; it must be one of ${Object.keys(table).join(", ")}.`);
}
