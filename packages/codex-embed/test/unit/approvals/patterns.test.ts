import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { UsageError } from "codex-embed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  coversAbove,
  coversFolder,
  coversPath,
  foldCase,
  foldGlob,
  followLinks,
  overlaps,
  pathGlob,
  resolveGlob,
  touchesFolder,
  wildcard,
  wildcardText,
} from "../../../src/approvals/patterns.js";

const PLACE = { call: "approvalRules", path: "paths.allow" };

describe("overlaps", () => {
  test.each([
    ["abc", "abc", true],
    ["abc", "abd", false],
    ["abc", "ab", false],
    ["", "", true],
    ["", "*", true],
    ["a*", "a", true],
    ["a*c", "abbc", true],
    ["a*c", "abbd", false],
    ["*a*", "*b*", true],
    ["a*", "*b", true],
    ["a*", "b*", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["?", "*", true],
    ["*", "?", true],
  ])("of %j and %j is %s, both ways", (a, b, expected) => {
    expect(overlaps(wildcard(a, "?"), wildcard(b, "?"))).toBe(expected);
    expect(overlaps(wildcard(b, "?"), wildcard(a, "?"))).toBe(expected);
  });

  test("reads ? as itself unless it is told otherwise", () => {
    expect(overlaps(wildcard("a?"), wildcard("ab"))).toBe(false);
    expect(wildcardText(wildcard("a*?", "?"))).toBe("a*?");
  });
});

describe("a path glob", () => {
  const glob = (source: string) => pathGlob(source, PLACE);

  test.each([
    ["/a/b", "/a/b", true],
    ["/a/b", "/a/b/c", false],
    ["/a/*", "/a/b", true],
    ["/a/*", "/a/b/c", false],
    ["/a/*", "/a", false],
    ["/a/b?", "/a/bc", true],
    ["/a/**", "/a", true],
    ["/a/**", "/a/b/c", true],
    ["/a/**", "/ab", false],
    ["/a/**/d", "/a/d", true],
    ["/a/**/d", "/a/b/c/d", true],
    ["/a/**/*.key", "/a/b/c.key", true],
    ["/a/./b/../c", "/a/c", true],
    ["/**", "/", true],
  ])("%s covers the path %s: %s", (source, path, expected) => {
    expect(coversPath(glob(source), path)).toBe(expected);
  });

  test("covers a folder only with everything below it", () => {
    expect(coversFolder(glob("/a/**"), "/a")).toBe(true);
    expect(coversFolder(glob("/a/**"), "/a/b")).toBe(true);
    expect(coversFolder(glob("/a/*"), "/a/b")).toBe(false);
    expect(coversFolder(glob("/a/**"), "/")).toBe(false);
  });

  test("touches a folder that it covers a part of", () => {
    expect(touchesFolder(glob("/a/b/c"), "/a")).toBe(true);
    expect(touchesFolder(glob("/a/**/*.key"), "/a/b")).toBe(true);
    expect(touchesFolder(glob("/a/b"), "/a/c")).toBe(false);
  });

  test("that ends in a plain name covers what is below it, for denials", () => {
    expect(coversAbove(glob("/a/secret"), "/a/secret/b/c")).toBe(true);
    expect(coversAbove(glob("/a/*"), "/a/b/c")).toBe(false);
    expect(coversAbove(glob("/a/secret"), "/a/secrets")).toBe(false);
  });

  test("can ignore case and the ways to encode an accent", () => {
    expect(coversPath(foldGlob(glob("/A/Caf\u00e9*")), foldCase("/a/CAFE\u0301.md"))).toBe(true);
  });

  test.each([
    ["no string", 7],
    ["nothing", ""],
    ["a NUL", "/a\0"],
    ["a relative path", "a/**"],
    ["braces", "/a/{b,c}"],
    ["dots after a wildcard", "/a/*/../b"],
  ])("is refused for %s, with the option in the message", (_, source) => {
    expect(() => pathGlob(source, { call: "approvalRules", path: "paths.deny" })).toThrow(UsageError);
    expect(() => pathGlob(source, { call: "approvalRules", path: "paths.deny" })).toThrow(
      /^approvalRules: the pattern .* in paths\.deny /,
    );
  });
});

describe("links", () => {
  let folder: string;
  const at = (...names: string[]) => join(folder, ...names);
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "patterns-")));
    mkdirSync(at("real", "sub"), { recursive: true });
    writeFileSync(at("file"), "");
    symlinkSync(at("real"), at("link"));
    symlinkSync("real/sub", at("relative"));
    symlinkSync(at("nowhere", "new"), at("dangling"));
    symlinkSync(at("loop"), at("loop"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ["what is no link", ["real", "sub"], ["real", "sub"]],
    ["what does not exist", ["real", "new", "x"], ["real", "new", "x"]],
    ["a link to a folder", ["link", "sub", "x"], ["real", "sub", "x"]],
    ["a relative link", ["relative", "x"], ["real", "sub", "x"]],
    ["a dangling link", ["dangling"], ["nowhere", "new"]],
  ])("are followed: %s", (_, path, target) => {
    expect(followLinks(at(...path))).toBe(at(...target));
  });

  test("are followed before a .. behind them, as the system does", () => {
    expect(followLinks(`${at("relative")}${sep}..${sep}x`)).toBe(at("real", "x"));
  });

  test.each([
    ["a loop", () => at("loop")],
    ["a file as a folder", () => at("file", "x", "y")],
    ["a relative path", () => "real"],
    ["a NUL", () => at("a\0b")],
  ])("cannot be followed: %s", (_, path) => {
    expect(followLinks(path())).toBeNull();
  });

  test.runIf(process.platform === "linux")("below /proc lead each process elsewhere", () => {
    expect(followLinks("/proc/self/cwd")).toBeNull();
  });

  test("in the fixed prefix of a glob are followed", () => {
    expect(coversPath(resolveGlob(pathGlob(at("link", "**"), PLACE)), at("real", "sub"))).toBe(true);
    expect(resolveGlob(pathGlob(at("loop", "**"), PLACE))).toEqual(pathGlob(at("loop", "**"), PLACE));
  });
});
