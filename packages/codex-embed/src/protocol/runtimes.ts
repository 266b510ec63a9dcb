import { RUNTIME_VERSION } from "./generated/tables.js";

/** The versions of the runtime (`@openai/codex`) that this package works with. */
export interface SupportedRuntimes {
  /** The oldest version that is accepted. */
  readonly oldest: string;
  /** The newest version that the tests ran on: the one that comes with the package. */
  readonly newest: string;
  /** Every version that the end-to-end tests ran on, oldest first. */
  readonly tested: readonly string[];
}

const OLDEST = "0.150.0";

/**
 * The runtimes that this package works with. An older one is refused with `LaunchError` `VERSION_MISMATCH`, unless
 * `allowVersionMismatch` is set. A newer one is accepted with one warning.
 */
export const SUPPORTED_RUNTIMES: SupportedRuntimes = {
  oldest: OLDEST,
  newest: RUNTIME_VERSION,
  tested: [OLDEST, "0.160.1", "0.164.0", "0.169.0", RUNTIME_VERSION],
};

/** What the version of a runtime says: `untested` is newer than every tested one, `unknown` is no version. */
type Support = "supported" | "untested" | "tooOld" | "unknown";

/** Whether this package works with a runtime of this version. Patches of the newest tested version count as tested. */
export function supportOf(version: string): Support {
  if (!isKnownVersion(version)) return "unknown";
  const { oldest, newest } = SUPPORTED_RUNTIMES;
  if (compareVersions(version, oldest) < 0) return "tooOld";
  return compareVersions(lineOf(version), lineOf(newest)) > 0 ? "untested" : "supported";
}

/** `MAJOR.MINOR.PATCH`, and what semantic versions can have after it. */
const VERSION = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([\w.-]+))?(?:\+[\w.-]+)?$/;

/** Whether this names a version. A runtime that was built from source without a version says 0.0.0. */
function isKnownVersion(version: string): boolean {
  return VERSION.test(version) && version !== "0.0.0";
}

/** Whether a runtime is older than a version. False when its own version is unknown. */
export function isOlder(version: string, than: string): boolean {
  return isKnownVersion(version) && compareVersions(version, than) < 0;
}

/** Compares two versions by the order of semantic versions: a prerelease comes before its release. */
export function compareVersions(left: string, right: string): number {
  const [ours, theirs] = [partsOf(left), partsOf(right)];
  for (let at = 0; ; at++) {
    const [one, other] = [ours[at], theirs[at]];
    if (one === undefined || other === undefined) return ours.length - theirs.length;
    const order = compareParts(one, other);
    if (order !== 0) return order;
  }
}

/** The numbers of a version, whether it is a release (1) or a prerelease (0), and the parts of a prerelease. */
function partsOf(version: string): (string | number)[] {
  const [, major, minor, patch, suffix] = VERSION.exec(version) ?? [];
  const parts = suffix?.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)) ?? [];
  return [Number(major), Number(minor), Number(patch), suffix === undefined ? 1 : 0, ...parts];
}

/** Numbers come before words. */
function compareParts(one: string | number, other: string | number): number {
  if (typeof one === "number") return typeof other === "number" ? one - other : -1;
  if (typeof other === "number") return 1;
  return one === other ? 0 : one < other ? -1 : 1;
}

/** The release that opens the minor version of this one. */
function lineOf(version: string): string {
  const [major, minor] = partsOf(version);
  return `${major}.${minor}.0`;
}
