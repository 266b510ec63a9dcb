/** Owns the verdict on permissions that are asked for: by the rules over paths and hosts, as they have none of their own. */

import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type {
  AdditionalFileSystemPermissions,
  AdditionalPermissionProfile,
  FileSystemPath,
} from "../generated/protocol.js";
import type { NetworkRules } from "./networkRules.js";
import type { PathRules } from "./pathRules.js";
import { open, together, type Verdict } from "./verdict.js";

/** Where permissions are asked for. */
export interface PermissionScope {
  /** The folder that relative paths are in; null when it is not known. */
  readonly cwd: string | null;
  /** The runtime's name of the machine; null for its only one. */
  readonly environmentId: string | null;
}

/** The verdict on a permission profile, or undefined when it asks for nothing. */
export function permissionVerdict(
  { network, fileSystem }: AdditionalPermissionProfile,
  scope: PermissionScope,
  rules: { readonly paths: PathRules; readonly network: NetworkRules },
): Verdict | undefined {
  const verdicts: Verdict[] = network?.enabled === true ? [rules.network.everything()] : [];
  if (fileSystem) verdicts.push(...fileSystemVerdicts(fileSystem, scope, rules.paths));
  const [first, ...rest] = verdicts;
  return first === undefined ? undefined : together([first, ...rest]);
}

function fileSystemVerdicts(
  { read, write, entries }: AdditionalFileSystemPermissions,
  { cwd, environmentId }: PermissionScope,
  rules: PathRules,
): Verdict[] {
  const bases = cwd === null ? [] : [cwd];
  // An entry that denies takes something away from the others: there is nothing to allow about it.
  const wanted = (entries ?? []).filter(({ access }) => access !== "deny").map(({ path }) => path);
  const plain = [...(read ?? []), ...(write ?? [])].map((path): FileSystemPath => ({ type: "path", path }));
  const verdicts = [...plain, ...wanted].map((path) => pathVerdict(path, bases, rules));
  if (verdicts.length > 0 && (environmentId ?? "local") !== "local") {
    verdicts.push(open(`where paths lead to in the environment ${JSON.stringify(environmentId)} cannot be told`));
  }
  return verdicts;
}

function pathVerdict(path: FileSystemPath, bases: readonly string[], rules: PathRules): Verdict {
  if (path.type === "path") return rules.tree(path.path, bases);
  const denied = foldersOf(path, bases).map((folder) => rules.denialBelow(folder, bases));
  const denial = denied.find((verdict) => verdict !== undefined);
  return denial ?? open(`rules cover paths, and this is another kind: ${JSON.stringify(path)}`);
}

/** The folders that all of it lies in, as far as they are known. */
function foldersOf(path: Exclude<FileSystemPath, { type: "path" }>, bases: readonly string[]): readonly string[] {
  if (path.type === "glob_pattern") return [fixedFolder(path.pattern)];
  // A newer runtime may know more kinds.
  if (path.type !== "special") return [];
  const { value } = path;
  switch (value.kind) {
    case "root":
      return [resolve("/")];
    case "tmpdir":
      return [tmpdir()];
    case "slash_tmp":
      return ["/tmp"];
    case "project_roots":
      return bases.map((base) => join(base, value.subpath ?? ""));
    case "unknown":
      return [join(value.path, value.subpath ?? "")];
    default:
      return [];
  }
}

/** The folder that everything is in that a glob covers. */
function fixedFolder(glob: string): string {
  const wild = glob.search(/[*?[{]/);
  const fixed = wild === -1 ? glob : glob.slice(0, wild);
  return fixed.slice(0, Math.max(fixed.lastIndexOf("/"), fixed.lastIndexOf("\\")) + 1) || ".";
}
