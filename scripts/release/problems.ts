/** What must be true of the repository before a release, and what to do when it is not. */

import { releaseVersion, runtimeOf } from "./version.js";

/** What a release is judged by. */
export interface ReleaseState {
  /** The version in package.json. */
  readonly version: string;
  /** The version in package-lock.json. */
  readonly lockedVersion: string;
  /** The runtime that package.json pins. */
  readonly runtime: string;
  /** The runtime that `src/protocol/generated` was made from. */
  readonly generatedFrom: string;
  readonly changelog: string;
  /** What `git status --porcelain` prints. */
  readonly uncommitted: string;
  /** The names of the files in `.changeset`. */
  readonly changesets: readonly string[];
}

/** The problems that stand in the way of a release: what is wrong, and what to do. */
export function releaseProblems(state: ReleaseState): string[] {
  const { version, lockedVersion, runtime, generatedFrom, uncommitted } = state;
  const problems: string[] = [];
  if (runtimeOf(version) !== runtime) {
    problems.push(
      `The version ${version} belongs to the runtime ${runtimeOf(version)}, but ${runtime} is pinned. ` +
        `Set it to ${releaseVersion(runtime)} (npm version ${releaseVersion(runtime)} --no-git-tag-version), ` +
        `or pin the other runtime (npm run runtime:update -- ${runtimeOf(version)}).`,
    );
  }
  if (generatedFrom !== runtime) {
    problems.push(
      `src/protocol/generated is that of ${generatedFrom}, but ${runtime} is pinned. Run npm run generate.`,
    );
  }
  if (lockedVersion !== version) {
    problems.push(`package-lock.json says ${lockedVersion}, package.json ${version}. Run npm install.`);
  }
  if (entryOf(state.changelog, version) === "") {
    problems.push(`CHANGELOG.md says nothing of ${version}. Run npm run release:version, or write the entry.`);
  }
  const pending = pendingChangesets(state.changesets);
  if (pending.length > 0) {
    problems.push(`${pending.length} changesets are not in CHANGELOG.md yet. Run npm run release:version.`);
  }
  if (uncommitted.trim() !== "") {
    problems.push(`There are uncommitted changes. Commit or remove them:\n${uncommitted.trimEnd()}`);
  }
  return problems;
}

/** The changesets among the files of their folder. */
function pendingChangesets(files: readonly string[]): string[] {
  return files.filter((name) => name.endsWith(".md") && name !== "README.md");
}

/** The text that the changelog has for a version. */
export function entryOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split("\n", 1)[0]?.trim() === version);
  return section?.slice(section.indexOf("\n")).trim() ?? "";
}
