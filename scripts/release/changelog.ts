/** Owns which version comes next, and how the changelog that changesets write becomes that of this project. */

import { entryOf } from "./problems.js";
import { releaseVersion, runtimeOf } from "./version.js";

/**
 * The version of the next release: that of the pinned runtime while none was released for it, else the one that
 * `bumped` by changesets. Throws when changesets ask for more than a patch, for which this scheme has no room.
 */
export function nextVersion(current: string, bumped: string, runtime: string, changelogBefore: string): string {
  const first = releaseVersion(runtime);
  if (runtimeOf(current) !== runtime || entryOf(changelogBefore, first) === "") return first;
  if (runtimeOf(bumped) === runtime) return bumped;
  throw new Error(
    `The changesets lead from ${current} to ${bumped}, which belongs to the runtime ${runtimeOf(bumped)}. ` +
      `While ${runtime} is pinned, every changeset has to be a patch.`,
  );
}

/** The changelog after changesets wrote the section of `bumped`: under the right version, without headings of their own. */
export function retitle(changelog: string, bumped: string, version: string): string {
  return changelog
    .split(/^(?=## )/m)
    .map((section) => {
      if (section.split("\n", 1)[0]?.trim() !== `## ${bumped}`) return section;
      const body = section
        .slice(section.indexOf("\n"))
        .replace(/^### .*\n+/gm, "")
        .replace(/\n{2,}(?=- )/g, "\n")
        .trim();
      return `## ${version}\n\n${body}\n\n`;
    })
    .join("");
}
