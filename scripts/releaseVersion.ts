/** The command that moves the changesets into CHANGELOG.md and sets the version that the release will have. */

import { nextVersion, withEntry } from "./release/changelog.js";
import { read, runs, setVersions, versions, write } from "./release/repository.js";

const before = versions();
const changelogBefore = read("CHANGELOG.md");
if (!runs("npx", "--no-install", "changeset", "version")) throw new Error("changeset version failed.");

const bumped = versions().version;
if (bumped === before.version) throw new Error("There is no changeset to release: npx changeset.");
try {
  const version = nextVersion(before.version, bumped, before.runtime, changelogBefore);
  write("CHANGELOG.md", withEntry(changelogBefore, read("CHANGELOG.md"), bumped, version));
  setVersions(version, before.runtime);
  if (!runs("npm", "install", "--package-lock-only", "--ignore-scripts")) throw new Error("npm install failed.");
  console.log(`The next release is ${version}, for the runtime ${before.runtime}. Read CHANGELOG.md, then commit.`);
} catch (error) {
  setVersions(before.version, before.runtime);
  throw error;
}
