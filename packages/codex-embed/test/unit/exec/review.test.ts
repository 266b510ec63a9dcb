import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { type ReviewTarget, readReview, reviewRequest } from "../../../src/exec/client.js";

describe("reviewRequest", () => {
  it.each<[ReviewTarget, readonly string[], string]>([
    [{ type: "uncommittedChanges" }, ["--uncommitted"], ""],
    [{ type: "baseBranch", branch: "main" }, ["--base", "main"], ""],
    [{ type: "commit", sha: "abc" }, ["--commit", "abc"], ""],
    [{ type: "commit", sha: "abc", title: null }, ["--commit", "abc"], ""],
    [{ type: "commit", sha: "abc", title: "Begin" }, ["--commit", "abc", "--title", "Begin"], ""],
    [{ type: "custom", instructions: "Look for races." }, ["-"], "Look for races."],
  ])("asks for %j", (target, args, prompt) => {
    expect(reviewRequest(target)).toEqual({ args, prompt });
  });

  it.each<[unknown, string]>([
    [{ type: "baseBranch", branch: "" }, "review: target.branch is an empty string. Give a non-empty string."],
    [{ type: "commit" }, "review: target.sha is undefined."],
    [{ type: "custom", instructions: " \n" }, "review: target.instructions is a string. Give a non-empty string."],
    [{ type: "commit", sha: "x", tile: "y" }, "review: unknown option target.tile. Did you mean title?"],
    [{ type: "everything" }, "review: target.type is an unknown string; it must be one of"],
    [{}, "review: target.type is undefined"],
  ])("refuses %j", (target, message) => {
    const call = () => Reflect.apply(reviewRequest, undefined, [target]);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(message);
  });
});

describe("readReview", () => {
  it("takes what has no findings for an explanation", () => {
    const turn = { items: [], finalResponse: "All is well.", usage: null };
    expect(readReview(turn, null)).toEqual({
      turn,
      threadId: null,
      text: "All is well.",
      findings: [],
      verdict: { correctness: null, explanation: "All is well.", confidence: null },
    });
  });
});
