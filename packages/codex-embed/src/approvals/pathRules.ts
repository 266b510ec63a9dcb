import { lstatSync } from "node:fs";
import { isIPv6 } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors/base.js";
import type {
  AdditionalFileSystemPermissions,
  AdditionalPermissionProfile,
  FileSystemPath,
} from "../protocol/generated/protocol.js";
import {
  coversAbove,
  coversFolder,
  coversPath,
  foldCase,
  foldedGlob,
  followLinks,
  type PathGlob,
  pathGlob,
  resolvedGlob,
  touchesFolder,
} from "./patterns.js";
import { accepted, declined, open, type RuleList, together, type Verdict } from "./types.js";

/** The rules over hosts. */
export interface NetworkRules {
  /** The verdict on one host. */
  host(host: string): Verdict;
  /** The verdict on the whole network: allowed when every host is and none is denied. */
  everything(): Verdict;
}

/**
 * Makes the rules over hosts.
 *
 * @throws UsageError for a pattern that is not a host, `*.` with a host, or `*`.
 */
export function networkRules(list: RuleList<string>): NetworkRules {
  const allow = (list.allow ?? []).map((source) => hostPattern(source, "network.allow"));
  const deny = (list.deny ?? []).map((source) => hostPattern(source, "network.deny", asIPv4));
  return {
    host: (host) => {
      const spelled = host
        .toLowerCase()
        .replace(/^\[(.*)\]$/, "$1")
        .replace(/\.$/, "");
      const canonical = canonicalHost(host);
      const forms = [spelled, ...(canonical === null ? [] : [canonical, asIPv4(canonical)])];
      const denial = deny.find(({ covers }) => forms.some((form) => covers(form)));
      if (denial !== undefined) return declined(`network.deny has ${JSON.stringify(denial.source)}.`, denial.source);
      // Two programs may read an unusual spelling as two hosts.
      if (canonical !== spelled) return open(`${JSON.stringify(host)} is not the plain name of a host`);
      const rule = allow.find(({ covers }) => covers(spelled));
      if (rule === undefined) return open("no pattern of network.allow covers the host");
      return accepted(`network.allow has ${JSON.stringify(rule.source)}.`, rule.source);
    },
    everything: () => {
      const denial = deny[0];
      if (denial !== undefined) {
        const reason = `network.deny has ${JSON.stringify(denial.source)}, and the whole network is asked for.`;
        return declined(reason, denial.source);
      }
      const rule = allow.find(({ source }) => source === "*");
      if (rule === undefined) return open('the whole network is asked for, and network.allow does not have "*"');
      return accepted('network.allow has "*".', rule.source);
    },
  };
}

interface HostPattern {
  /** The pattern as it was written. */
  readonly source: string;
  readonly covers: (host: string) => boolean;
}

/** Reads a pattern; `normalize` is applied to its host. */
function hostPattern(source: unknown, where: string, normalize = (host: string) => host): HostPattern {
  const unusable = (problem: string) =>
    new UsageError(`The pattern ${String(JSON.stringify(source))} in ${where} ${problem}.`);
  if (typeof source !== "string") throw unusable("is not text");
  if (source === "*") return { source, covers: () => true };
  const isBelow = source.startsWith("*.");
  const host = canonicalHost(isBelow ? source.slice(2) : source);
  const isPort = /:\d+$/.test(source) && !isIPv6(source);
  if (host === null || isPort || source.includes("*", isBelow ? 1 : 0)) {
    throw unusable('is not a host: write "example.org", "*.example.org" or "*"');
  }
  const wanted = normalize(host);
  return { source, covers: isBelow ? (other) => other.endsWith(`.${host}`) : (other) => other === wanted };
}

/** The host as browsers spell it: in lower case, international names encoded, numbers as dotted addresses. */
function canonicalHost(host: string): string | null {
  // A zone, as in `fe80::1%eth0`, says which interface is used, and URLs have none.
  const address = host.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const authority = isIPv6(address) ? `[${address}]` : host;
  if (authority === "" || /[\s/?#@\\]/.test(authority)) return null;
  try {
    return new URL(`http://${authority}/`).hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  } catch {
    return null;
  }
}

/** The IPv4 address that an IPv6 address stands for (RFC 4291, 6052 and 7915), or else the host as it is. */
function asIPv4(host: string): string {
  const [, high = "", low = ""] = /^(?:::ffff:|::ffff:0:|64:ff9b::|::)([\da-f]{1,4}):([\da-f]{1,4})$/.exec(host) ?? [];
  if (low === "") return host;
  const number = Number.parseInt(high, 16) * 0x1_00_00 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

/** The rules over paths. A relative path is one below each of `bases`, of which there may be none. */
export interface PathRules {
  /** The verdict on one file. */
  file(path: string, bases: readonly string[]): Verdict;
  /** The verdict on what this path names: a file that exists, or else a folder with everything below it. */
  tree(path: string, bases: readonly string[]): Verdict;
  /** The deny rule that covers the path or anything below it, when there is one. */
  denialBelow(path: string, bases: readonly string[]): Verdict | undefined;
}

/** How a path is spelled, and where it leads to; null when nobody can tell. */
interface Place {
  readonly spellings: readonly string[];
  readonly targets: readonly string[] | null;
}

/**
 * Makes the rules over paths. The links at the beginning of a glob are followed now, once: what an allowed folder is
 * replaced with later is not allowed by that.
 *
 * @throws UsageError for a glob that is empty, relative, or not one of `*`, `?` and `**`.
 */
export function pathRules(list: RuleList<string>, platform: string = process.platform): PathRules {
  const allow = (list.allow ?? [])
    .map((source) => pathGlob(source, "paths.allow"))
    .map((glob) => resolvedGlob(glob) ?? glob);
  const deny = (list.deny ?? []).map((source) => pathGlob(source, "paths.deny"));
  const denyNow = deny.flatMap((glob) => [glob, resolvedGlob(glob) ?? glob]);
  const ignoresCase = platform === "darwin" || platform === "win32";

  const denial = (path: string, { spellings, targets }: Place, isTree: boolean): Verdict | undefined => {
    const globs = [...denyNow, ...deny.map((glob) => resolvedGlob(glob) ?? glob)];
    const folded = ignoresCase ? globs.map(foldedGlob) : [];
    const covers = (all: readonly PathGlob[], at: string) =>
      all.find((glob) => coversPath(glob, at) || coversAbove(glob, at) || (isTree && touchesFolder(glob, at)));
    for (const at of new Set([...spellings, ...(targets ?? [])])) {
      const rule = covers(globs, at) ?? covers(folded, foldCase(at));
      if (rule === undefined) continue;
      const what = isTree ? "covers or lies below" : "covers";
      return declined(`paths.deny has ${quote(rule.source)}, which ${what} ${described(path, at)}.`, rule.source);
    }
    return undefined;
  };

  const verdict = (path: string, bases: readonly string[], isTree: boolean): Verdict => {
    const place = placeOf(path, bases, platform);
    const denied = denial(path, place, isTree && !isFile(place));
    if (denied !== undefined) return denied;
    if (place.targets === null) return open(`nobody can tell where ${quote(path)} leads to`);
    const covers = isTree && !isFile(place) ? coversFolder : coversPath;
    const rules = new Set<string>();
    for (const target of place.targets) {
      const rule = allow.find((glob) => covers(glob, target));
      if (rule === undefined) return open(`no glob of paths.allow covers ${described(path, target)}`);
      rules.add(rule.source);
    }
    const sources = [...rules].join(", ");
    return accepted(`paths.allow has ${quote(sources)} for ${quote(path)}.`, sources);
  };

  return {
    file: (path, bases) => verdict(path, bases, false),
    tree: (path, bases) => verdict(path, bases, true),
    denialBelow: (path, bases) => denial(path, placeOf(path, bases, platform), true),
  };
}

function placeOf(path: string, bases: readonly string[], platform: string): Place {
  if (/^file:/i.test(path)) return { spellings: fromUrl(path), targets: null };
  const absolute = isAbsolute(path)
    ? [path]
    : bases.filter((base) => isAbsolute(base)).map((base) => base + sep + path);
  const spellings = absolute.map((each) => resolve(each));
  const targets: string[] = [];
  for (const spelling of absolute) {
    // A runtime may take `..` off the text, or let the system go up from where a link leads to: both have to be allowed.
    const lexical = resolve(spelling);
    const folder = followLinks(dirname(lexical));
    // Removing a link, or moving it, changes the folder that the link is in.
    const entry = folder === null ? null : join(folder, basename(lexical));
    for (const target of [followLinks(spelling), followLinks(lexical), entry]) {
      if (target === null || isAmbiguous(target, platform)) return { spellings, targets: null };
      targets.push(target);
    }
  }
  return { spellings, targets: targets.length === 0 ? null : [...new Set(targets)] };
}

/** Windows opens one file by many names: with a stream, a short form, a blank or a dot at the end. */
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

function isFile({ targets }: Place): boolean {
  return targets !== null && targets.every((target) => lstatSync(target, { throwIfNoEntry: false })?.isFile() === true);
}

function described(path: string, at: string): string {
  return path === at ? quote(path) : `${quote(path)}, which is ${quote(at)}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

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
