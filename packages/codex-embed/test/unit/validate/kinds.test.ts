import { describe, expect, it } from "vitest";
import { didYouMean, editDistance } from "../../../src/validate/kinds.js";
import { verifies } from "../../support/verifies.js";

describe("didYouMean", () => {
  it.each([
    ["", "", 0],
    ["json", "json", 0],
    ["jsn", "json", 1],
    ["josn", "json", 1],
    ["jason", "json", 1],
    ["", "json", 4],
    ["kitten", "sitting", 3],
  ])("%j and %j are %i apart", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });

  const flags = ["json", "cwd", "config", "codex-home", "codex-bin", "approval-mode", "deadline"];
  it.each([
    ["jsn", "json"],
    ["codex-hmoe", "codex-home"],
    ["aproval-mod", "approval-mode"],
    ["approval", "approval-mode"],
    ["cnfig", "config"],
    ["cdw", "cwd"],
    ["verbose", null],
    ["x", null],
    ["co", null],
    [`json${"n".repeat(60)}`, null],
  ])("%j was meant to be %j", (word, candidate) => {
    verifies("mistyped-flag");
    expect(didYouMean(word, flags)).toBe(candidate);
  });
});
