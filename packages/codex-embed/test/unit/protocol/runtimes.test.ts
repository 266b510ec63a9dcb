/** Tests the order of versions and what follows from it for a runtime. */

import { describe, expect, test } from "vitest";
import { RUNTIME_VERSION } from "../../../src/protocol/generated/tables.js";
import { compareVersions, isOlder, SUPPORTED_RUNTIMES, supportOf } from "../../../src/protocol/runtimes.js";
import { verifies } from "../../support/verifies.js";

const { oldest, newest, tested } = SUPPORTED_RUNTIMES;

/** The version with one of its numbers moved. */
function moved(version: string, place: 0 | 1 | 2, by: number): string {
  return version
    .split(".")
    .map((part, at) => Number(part) + (at === place ? by : 0))
    .join(".");
}

test("the tested versions are in order, from the oldest accepted one to the pinned one", () => {
  expect(tested).toEqual([...tested].sort(compareVersions));
  expect(tested[0]).toBe(oldest);
  expect(tested.at(-1)).toBe(newest);
  expect(newest).toBe(RUNTIME_VERSION);
});

test("versions have the order of semantic versions", () => {
  const ordered = [
    "0.9.0",
    "0.10.0-alpha",
    "0.10.0-alpha.1",
    "0.10.0-alpha.beta",
    "0.10.0-alpha.beta.2",
    "0.10.0-beta.2",
    "0.10.0-beta.11",
    "0.10.0-rc.1",
    "0.10.0",
    "0.10.2",
    "0.10.11",
    "0.100.0",
    "1.0.0",
    "10.0.0",
  ];
  for (const [at, left] of ordered.entries()) {
    for (const [other, right] of ordered.entries()) {
      expect(Math.sign(compareVersions(left, right)), `${left} and ${right}`).toBe(Math.sign(at - other));
    }
  }
  expect(compareVersions("1.2.3+build.1", "1.2.3")).toBe(0);
});

describe("what a version says", () => {
  test.each([
    [oldest, "supported"],
    [moved(oldest, 2, 1), "supported"],
    [newest, "supported"],
    [moved(newest, 2, 7), "supported"],
    [`${newest}-alpha.1`, "supported"],
    [`${oldest}-alpha.1`, "tooOld"],
    [moved(oldest, 1, -1), "tooOld"],
    [moved(newest, 1, 1), "untested"],
    [`${moved(newest, 1, 1)}-alpha.1`, "untested"],
    [moved(newest, 0, 1), "untested"],
    // Built from source.
    ["0.0.0", "unknown"],
    ["not-a-version", "unknown"],
    ["0.150", "unknown"],
    ["0.1234567890.0", "unknown"],
    ["", "unknown"],
  ])("%s: %s", (version, support) => {
    verifies("runtime-version");
    expect(supportOf(version)).toBe(support);
  });
});

test("an unknown version is older than nothing", () => {
  expect(isOlder("unknown", newest)).toBe(false);
  expect(isOlder("0.0.0", newest)).toBe(false);
  expect(isOlder(newest, newest)).toBe(false);
  expect(isOlder(`${newest}-alpha.1`, newest)).toBe(true);
});
