/**
 * Holds deny rules against two lists of commands, one a line, in which `\\n` stands for a line's end: ways to run what is
 * denied, or what cannot be read, and everyday commands that only look like it.
 */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ENGINES } from "../../support/approvals.js";

function commandsOf(name: string): string[] {
  const text = readFileSync(new URL(`../../fixtures/approvals/${name}.txt`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll("\\n", "\n"));
}

const commands = { deny: ["rm", "git push", "curl"] };

describe.each(ENGINES)("%s", (_, decide) => {
  test.each(commandsOf("declined"))("declined: %s", async (script) => {
    expect(await decide(commands, script)).toMatchObject({ decision: "decline", by: "rule" });
  });

  test.each(commandsOf("accepted"))("accepted: %s", async (script) => {
    const { decision, reason } = await decide(commands, script);
    expect({ decision, why: decision === "accept" ? "" : reason }).toEqual({ decision: "accept", why: "" });
  });
});
