/** The tests of versions, of the changelog, and of what stands in the way of a release. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextVersion, withEntry } from "../release/changelog.js";
import { type ReleaseState, releaseProblems } from "../release/problems.js";
import { releaseVersion, runtimeOf } from "../release/version.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

describe("the version of this package", () => {
  it.each([
    ["0.169.0", 0, "0.169.0"],
    ["0.169.0", 1, "0.169.1"],
    ["0.153.4", 0, "0.153.400"],
    ["0.153.4", 12, "0.153.412"],
    ["0.170.0-alpha.3", 0, "0.170.0-alpha.3"],
  ])("for the runtime %s and revision %i is %s", (runtime, revision, version) => {
    expect(releaseVersion(runtime, revision)).toBe(version);
    expect(runtimeOf(version)).toBe(runtime);
  });

  it("rises with the runtime first, then with the revision", () => {
    const release = fc.tuple(fc.nat(50), fc.nat(50), fc.nat(99));
    const order = (version: string) => version.split(".").map(Number);
    fc.assert(
      fc.property(release, release, (one, other) => {
        const [left, right] = [one, other].map(([minor, patch, revision]) =>
          order(releaseVersion(`0.${minor}.${patch}`, revision)),
        );
        const sign = (a: readonly number[], b: readonly number[]) =>
          Math.sign(a.map((each, at) => each - (b[at] ?? 0)).find((difference) => difference !== 0) ?? 0);
        expect(sign(left ?? [], right ?? [])).toBe(sign(one, other));
      }),
    );
  });

  it("has no room for a hundredth revision, and is not made of anything else", () => {
    expect(() => releaseVersion("0.169.0", 100)).toThrow("from 0 to 99");
    expect(() => releaseVersion("0.169.0", 0.5)).toThrow("from 0 to 99");
    expect(() => releaseVersion("0.169")).toThrow('"0.169" is no version');
    expect(() => runtimeOf("v0.169.0")).toThrow("is no version");
  });
});

const ready: ReleaseState = {
  version: "0.169.1",
  lockedVersion: "0.169.1",
  runtime: "0.169.0",
  generatedFrom: "0.169.0",
  changelog: "# Changelog\n\n## 0.169.1\n\n- Better.\n\n## 0.169.0\n\nThe first.\n",
  uncommitted: "",
  changesets: ["README.md", "config.json"],
};

describe("a release", () => {
  it("may be made when nothing stands in its way", () => {
    expect(releaseProblems(ready)).toEqual([]);
  });

  it.each<[string, Partial<ReleaseState>, string]>([
    ["another runtime is pinned", { runtime: "0.170.0", generatedFrom: "0.170.0" }, "npm version 0.170.0 "],
    ["the types are of another runtime", { generatedFrom: "0.168.0" }, "Run npm run generate"],
    ["the lock file is older", { lockedVersion: "0.169.0" }, "Run npm install"],
    ["the changelog has no such version", { changelog: "## 0.169.0\n\n- Old.\n" }, "says nothing of 0.169.1"],
    ["its entry is empty", { changelog: "## 0.169.1\n\n## 0.169.0\n\n- Old.\n" }, "says nothing of 0.169.1"],
    ["changesets wait", { changesets: ["README.md", "brave-cats.md"] }, "1 changesets are not in CHANGELOG.md"],
    [
      "something is not committed",
      { uncommitted: " M src/index.ts\n" },
      "uncommitted changes. Commit or remove them:\n M src",
    ],
  ])("is refused with a way out when %s", (_, state, advice) => {
    verifies("release-version");
    const problems = releaseProblems({ ...ready, ...state });
    expect(problems).toEqual([expect.stringContaining(advice)]);
  });
});

describe("the next version", () => {
  const released = "## 0.169.0\n\n- The first.\n";

  it.each([
    ["a revision of the same runtime", "0.169.0", "0.169.1", "0.169.0", "0.169.1"],
    ["the first of a new runtime", "0.169.1", "0.169.2", "0.170.0", "0.170.0"],
    ["the first of a new patch of the runtime", "0.169.1", "0.169.2", "0.169.1", "0.169.100"],
    ["the first of a new runtime, already set", "0.170.0", "0.170.1", "0.170.0", "0.170.0"],
  ])("is %s", (_, current, bumped, runtime, version) => {
    expect(nextVersion(current, bumped, runtime, released)).toBe(version);
  });

  it("is never that of a runtime that is not pinned", () => {
    expect(() => nextVersion("0.169.0", "0.170.0", "0.169.0", released)).toThrow("has to be a patch");
    expect(() => nextVersion("0.169.99", "0.169.100", "0.169.0", released)).toThrow("has to be a patch");
  });
});

describe("the changelog of changesets", () => {
  const section = "## 0.169.1\n\n### Patch Changes\n\n- One.\n\n- Two\n  lines.\n";

  it("becomes a section of this project's, below the introduction", () => {
    const before = "# Changelog\n\nWords.\n\n## 0.169.0\n\n- Old.\n";
    const written = `# Changelog\n\n${section}\nWords.\n\n## 0.169.0\n\n- Old.\n`;
    expect(withEntry(before, written, "0.169.1", "0.170.0")).toBe(
      "# Changelog\n\nWords.\n\n## 0.170.0\n\n- One.\n- Two\n  lines.\n\n## 0.169.0\n\n- Old.\n",
    );
  });

  it("needs no introduction", () => {
    const written = `# Changelog\n\n${section}\n## 0.169.0\n\n- Old.\n`;
    expect(withEntry("# Changelog\n\n## 0.169.0\n\n- Old.\n", written, "0.169.1", "0.169.1")).toBe(
      "# Changelog\n\n## 0.169.1\n\n- One.\n- Two\n  lines.\n\n## 0.169.0\n\n- Old.\n",
    );
  });

  it("is missed when there is none", () => {
    expect(() => withEntry("# Changelog\n\nWords.\n", "# Changelog\n\nWords.\n", "1.0.0", "1.0.0")).toThrow(
      "no section 1.0.0",
    );
  });
});
