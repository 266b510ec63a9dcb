/** The versions of this package: which one belongs to a version of the runtime. docs/decisions says why. */

/** The room for releases of this package alone between two patches of the runtime. */
const REVISIONS = 100;

interface Version {
  readonly line: string;
  readonly patch: number;
  /** With its hyphen; empty for a release. */
  readonly suffix: string;
}

/** The version of this package for one of the runtime: `revision` counts the releases in between that are its own. */
export function releaseVersion(runtime: string, revision = 0): string {
  const { line, patch, suffix } = parse(runtime);
  if (revision < 0 || revision >= REVISIONS || !Number.isInteger(revision)) {
    throw new Error(`There is no revision ${revision}: they go from 0 to ${REVISIONS - 1}.`);
  }
  return `${line}.${patch * REVISIONS + revision}${suffix}`;
}

/** The version of the runtime that a version of this package belongs to. */
export function runtimeOf(version: string): string {
  const { line, patch, suffix } = parse(version);
  return `${line}.${Math.floor(patch / REVISIONS)}${suffix}`;
}

function parse(version: string): Version {
  const [, line, patch, suffix = ""] = /^(\d+\.\d+)\.(\d+)(-[\w.-]+)?$/.exec(version) ?? [];
  if (line === undefined || patch === undefined) throw new Error(`${JSON.stringify(version)} is no version.`);
  return { line, patch: Number(patch), suffix };
}
