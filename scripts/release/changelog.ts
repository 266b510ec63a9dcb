/** Which version comes next, and how the changelog that changesets write becomes that of this project. */

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

/**
 * The changelog `before` with the section that changesets put into `written` for `bumped`, under the right version and
 * without headings of its own. Changesets put it above the introduction; here it goes below.
 */
export function withEntry(before: string, written: string, bumped: string, version: string): string {
  const heading = `## ${bumped}\n`;
  const start = written.indexOf(heading);
  const [, ...rest] = before.split("\n").filter((line) => line.trim() !== "");
  const end = written.indexOf(`\n${rest[0] ?? "## "}`, start);
  if (start === -1 || end === -1) throw new Error(`Changesets left no section ${bumped} in the changelog.`);
  const body = written
    .slice(start + heading.length, end)
    .replace(/^### .*\n+/gm, "")
    .replace(/\n{2,}(?=- )/g, "\n")
    .trim();
  const section = `## ${version}\n\n${body}\n\n`;
  const place = before.search(/^## /m);
  return place === -1
    ? `${before.trimEnd()}\n\n${section.trimEnd()}\n`
    : before.slice(0, place) + section + before.slice(place);
}
