import { lstatSync } from "node:fs";
import { isIPv6 } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type {
  AdditionalFileSystemPermissions,
  AdditionalPermissionProfile,
  FileSystemPath,
} from "../protocol/generated/protocol.js";
import type { CommandApprovalRequest } from "../requests/handlers.js";
import type { Place } from "../validate/kinds.js";
import {
  coversAbove,
  coversFolder,
  coversPath,
  foldCase,
  foldGlob,
  followLinks,
  type PathGlob,
  pathGlob,
  patternError,
  resolveGlob,
  touchesFolder,
} from "./patterns.js";
import { accepted, combine, declined, type RuleList, unknown, unmatched, type Verdict } from "./types.js";

/** Rules for paths. A relative path is resolved against each of `bases`; without one its location is unknown. */
export interface PathRules {
  /** The verdict on one file. */
  file(path: string, bases: readonly string[]): Verdict;
  /** The verdict on a path as a permission grants it: a file that exists, or else a folder with everything below it. */
  tree(path: string, bases: readonly string[]): Verdict;
  /** The denial of the path or of anything below it, if there is one. */
  denialBelow(path: string, bases: readonly string[]): Verdict | undefined;
}

/**
 * Compiles the rules for paths. The links in the fixed prefix of an allow pattern are followed once, now: a link that
 * replaces an allowed folder later is not allowed.
 *
 * @throws {@link UsageError} for a pattern that is not an absolute glob of `*`, `?` and `**`.
 */
export function pathRules(
  list: RuleList<string>,
  platform: string = process.platform,
  call = "approvalRules",
): PathRules {
  const allow = (list.allow ?? []).map((source) => pathGlob(source, { call, path: "paths.allow" })).map(resolveGlob);
  const deny = (list.deny ?? []).map((source) => pathGlob(source, { call, path: "paths.deny" }));
  const denyNow = deny.flatMap((glob) => [glob, resolveGlob(glob)]);
  const ignoresCase = platform === "darwin" || platform === "win32";

  const denial = (path: string, { spellings, targets }: Location, isTree: boolean): Verdict | undefined => {
    const globs = [...denyNow, ...deny.map(resolveGlob)];
    const folded = ignoresCase ? globs.map(foldGlob) : [];
    const find = (all: readonly PathGlob[], at: string) =>
      all.find((glob) => coversPath(glob, at) || coversAbove(glob, at) || (isTree && touchesFolder(glob, at)));
    for (const at of new Set([...spellings, ...(targets ?? [])])) {
      const rule = find(globs, at) ?? find(folded, foldCase(at));
      if (rule === undefined) continue;
      const what = isTree ? "matches, or matches something below," : "matches";
      return declined(`paths.deny has ${quote(rule.source)}, which ${what} ${described(path, at)}.`, rule.source);
    }
    return undefined;
  };

  const verdict = (path: string, bases: readonly string[], isTree: boolean): Verdict => {
    const location = locate(path, bases, platform);
    const denied = denial(path, location, isTree && !isFile(location));
    if (denied !== undefined) return denied;
    if (location.targets === null) return unknown(`the file that ${quote(path)} leads to cannot be determined`);
    const covers = isTree && !isFile(location) ? coversFolder : coversPath;
    const rules = new Set<string>();
    for (const target of location.targets) {
      const rule = allow.find((glob) => covers(glob, target));
      if (rule === undefined) return unmatched(`no pattern of paths.allow matches ${described(path, target)}`);
      rules.add(rule.source);
    }
    const sources = [...rules].join(", ");
    return accepted(`paths.allow has ${quote(sources)}, which matches ${quote(path)}.`, sources);
  };

  return {
    file: (path, bases) => verdict(path, bases, false),
    tree: (path, bases) => verdict(path, bases, true),
    denialBelow: (path, bases) => denial(path, locate(path, bases, platform), true),
  };
}

/** How a path is spelled, and what it leads to. `targets` is null if that cannot be determined. */
interface Location {
  readonly spellings: readonly string[];
  readonly targets: readonly string[] | null;
}

function locate(path: string, bases: readonly string[], platform: string): Location {
  if (/^file:/i.test(path)) return { spellings: fromUrl(path), targets: null };
  const absolute = isAbsolute(path)
    ? [path]
    : bases.filter((base) => isAbsolute(base)).map((base) => base + sep + path);
  const spellings = absolute.map((each) => resolve(each));
  const targets: string[] = [];
  for (const spelling of absolute) {
    // A runtime may remove `..` from the text, or let the system go up from a link's target: both must be allowed.
    const lexical = resolve(spelling);
    const folder = followLinks(dirname(lexical));
    // Removing or moving a link changes the folder that contains it.
    const entry = folder === null ? null : join(folder, basename(lexical));
    for (const target of [followLinks(spelling), followLinks(lexical), entry]) {
      if (target === null || isAmbiguous(target, platform)) return { spellings, targets: null };
      targets.push(target);
    }
  }
  return { spellings, targets: targets.length === 0 ? null : [...new Set(targets)] };
}

/** Windows opens one file by many names: a stream, a short name, a trailing blank or dot. */
function isAmbiguous(path: string, platform: string): boolean {
  return platform === "win32" && /~\d|[?*]|[ .]([\\/]|$)|:/.test(path.slice(2));
}

function fromUrl(url: string): string[] {
  try {
    return [fileURLToPath(url)];
  } catch {
    return [];
  }
}

function isFile({ targets }: Location): boolean {
  return targets !== null && targets.every((target) => lstatSync(target, { throwIfNoEntry: false })?.isFile() === true);
}

function described(path: string, at: string): string {
  return path === at ? quote(path) : `${quote(path)}, which is ${quote(at)}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** Checks the folder of a command. Returns why it is not allowed there, or undefined if it is. */
export type FolderCheck = (
  request: Pick<CommandApprovalRequest, "cwd" | "environmentId">,
  threadCwd: string | null,
) => string | undefined;

/**
 * Compiles `commands.cwd`: the folders that an allowed command may run in, by default the working directory of the
 * thread alone. Links are followed on both sides.
 *
 * @throws {@link UsageError} for a folder that is not an absolute glob of `*`, `?` and `**`.
 */
export function commandFolders(cwd: string | readonly string[] | undefined, call: string): FolderCheck {
  const sources: readonly string[] | undefined = typeof cwd === "string" ? [cwd] : cwd;
  const globs = sources?.map((source) => pathGlob(source, { call, path: "commands.cwd" })).map(resolveGlob);
  return ({ cwd: folder, environmentId }, threadCwd) => {
    if (typeof folder !== "string") return "the folder of the command is unknown";
    if ((environmentId ?? "local") !== "local") return "the command runs on another machine";
    const own = typeof threadCwd === "string" ? followLinks(threadCwd) : null;
    const targets = [followLinks(folder), followLinks(resolve(folder))];
    const isAllowed = (target: string | null): boolean => {
      if (target === null) return false;
      if (globs !== undefined) return globs.some((glob) => coversPath(glob, target));
      return own !== null && target === own;
    };
    if (targets.every(isAllowed)) return undefined;
    if (globs !== undefined) return "no pattern of commands.cwd matches the folder of the command";
    if (own === null) return "the working directory of the thread is unknown";
    return "the command does not run in the working directory of the thread";
  };
}

/** Rules for hosts. */
export interface NetworkRules {
  /** The verdict on one host. */
  host(host: string): Verdict;
  /** The verdict on the whole network: accepted if `allow` has `*` and nothing is denied. */
  everything(): Verdict;
}

/**
 * Compiles the rules for hosts.
 *
 * @throws {@link UsageError} for a pattern other than a host, `*.` and a host, or `*`.
 */
export function networkRules(list: RuleList<string>, call = "approvalRules"): NetworkRules {
  const allow = (list.allow ?? []).map((source) => hostPattern(source, { call, path: "network.allow" }));
  const deny = (list.deny ?? []).map((source) => hostPattern(source, { call, path: "network.deny" }, asIPv4));
  return {
    host: (host) => {
      const spelled = host
        .toLowerCase()
        .replace(/^\[(.*)\]$/, "$1")
        .replace(/\.$/, "");
      const canonical = canonicalHost(host);
      const forms = [spelled, ...(canonical === null ? [] : [canonical, asIPv4(canonical)])];
      const denial = deny.find(({ matches }) => forms.some((form) => matches(form)));
      if (denial !== undefined) return declined(`network.deny has ${quote(denial.source)}.`, denial.source);
      // Two programs may read an unusual spelling as two hosts.
      if (canonical !== spelled) return unknown(`${quote(host)} is not the canonical spelling of a host`);
      const rule = allow.find(({ matches }) => matches(spelled));
      if (rule === undefined) return unmatched(`no pattern of network.allow matches ${quote(host)}`);
      return accepted(`network.allow has ${quote(rule.source)}.`, rule.source);
    },
    everything: () => {
      const denial = deny[0];
      if (denial !== undefined) {
        const reason = `network.deny has ${quote(denial.source)}, and the request is for the whole network.`;
        return declined(reason, denial.source);
      }
      const rule = allow.find(({ source }) => source === "*");
      if (rule !== undefined) return accepted('network.allow has "*".', rule.source);
      return unmatched('the request is for the whole network, and network.allow does not have "*"');
    },
  };
}

interface HostPattern {
  /** The pattern as it was written. */
  readonly source: string;
  readonly matches: (host: string) => boolean;
}

/** Parses a pattern. `normalize` is applied to its host. */
function hostPattern(source: unknown, place: Place, normalize = (host: string) => host): HostPattern {
  if (typeof source !== "string") throw patternError(source, place, "is not a string");
  if (source === "*") return { source, matches: () => true };
  const isBelow = source.startsWith("*.");
  const host = canonicalHost(isBelow ? source.slice(2) : source);
  const hasPort = /:\d+$/.test(source) && !isIPv6(source);
  if (host === null || hasPort || source.includes("*", isBelow ? 1 : 0)) {
    throw patternError(source, place, 'is not a host. Write "example.org", "*.example.org" or "*"');
  }
  const wanted = normalize(host);
  return { source, matches: isBelow ? (other) => other.endsWith(`.${host}`) : (other) => other === wanted };
}

/** The host as a URL parser spells it: lower case, international names encoded, IPv4 as four numbers. Null if invalid. */
function canonicalHost(host: string): string | null {
  // A zone, as in `fe80::1%eth0`, selects an interface. URLs have none.
  const address = host.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const authority = isIPv6(address) ? `[${address}]` : host;
  if (authority === "" || /[\s/?#@\\]/.test(authority)) return null;
  try {
    return new URL(`http://${authority}/`).hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  } catch {
    return null;
  }
}

/** The IPv4 address that an IPv6 address stands for (RFC 4291, 6052 and 7915). Any other host is returned unchanged. */
function asIPv4(host: string): string {
  const [, high = "", low = ""] = /^(?:::ffff:|::ffff:0:|64:ff9b::|::)([\da-f]{1,4}):([\da-f]{1,4})$/.exec(host) ?? [];
  if (low === "") return host;
  const number = Number.parseInt(high, 16) * 0x1_00_00 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

/** Where a request for permissions comes from. */
export interface PermissionScope {
  /** The folder that relative paths are in. Null if unknown. */
  readonly cwd: string | null;
  /** The runtime's name of the machine. Null if it has only one. */
  readonly environmentId: string | null;
}

/** The verdict on a permission profile, or undefined if it asks for nothing. */
export function permissionVerdict(
  { network, fileSystem }: AdditionalPermissionProfile,
  scope: PermissionScope,
  rules: { readonly paths: PathRules; readonly network: NetworkRules },
): Verdict | undefined {
  const verdicts: Verdict[] = network?.enabled === true ? [rules.network.everything()] : [];
  if (fileSystem) verdicts.push(...fileSystemVerdicts(fileSystem, scope, rules.paths));
  const [first, ...rest] = verdicts;
  return first === undefined ? undefined : combine([first, ...rest]);
}

function fileSystemVerdicts(
  { read, write, entries }: AdditionalFileSystemPermissions,
  { cwd, environmentId }: PermissionScope,
  rules: PathRules,
): Verdict[] {
  const bases = cwd === null ? [] : [cwd];
  // An entry with `deny` only restricts the others: there is nothing to allow.
  const wanted = (entries ?? []).filter(({ access }) => access !== "deny").map(({ path }) => path);
  const plain = [...(read ?? []), ...(write ?? [])].map((path): FileSystemPath => ({ type: "path", path }));
  const verdicts = [...plain, ...wanted].map((path) => pathVerdict(path, bases, rules));
  if (verdicts.length > 0 && (environmentId ?? "local") !== "local") {
    verdicts.push(unmatched(`paths of the environment ${JSON.stringify(environmentId)} cannot be resolved here`));
  }
  return verdicts;
}

function pathVerdict(path: FileSystemPath, bases: readonly string[], rules: PathRules): Verdict {
  if (path.type === "path") return rules.tree(path.path, bases);
  const denied = foldersOf(path, bases).map((folder) => rules.denialBelow(folder, bases));
  const denial = denied.find((verdict) => verdict !== undefined);
  return denial ?? unmatched(`rules match plain paths only, and the request is for ${JSON.stringify(path)}`);
}

/** The folders that contain everything that this stands for, as far as they are known. */
function foldersOf(path: Exclude<FileSystemPath, { type: "path" }>, bases: readonly string[]): readonly string[] {
  if (path.type === "glob_pattern") return [fixedFolder(path.pattern)];
  // A newer runtime may send other types.
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

/** The folder that contains everything that a glob matches. */
function fixedFolder(glob: string): string {
  const wild = glob.search(/[*?[{]/);
  const fixed = wild === -1 ? glob : glob.slice(0, wild);
  return fixed.slice(0, Math.max(fixed.lastIndexOf("/"), fixed.lastIndexOf("\\")) + 1) || ".";
}
