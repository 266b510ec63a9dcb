/**
 * Holds deny rules against two lists of commands, one a line, in which `\\n` stands for a line's end: ways to run what is
 * denied, or what cannot be read, and everyday commands that only look like it.
 */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { askAbout, shown } from "../../support/approvals.js";

function commandsOf(name: string): string[] {
  const text = readFileSync(new URL(`../../fixtures/approvals/${name}.txt`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll("\\n", "\n"));
}

const options = {
  commands: { deny: ["rm", "git push", "curl"] },
  otherwise: { approveCommand: () => "accept" as const },
};

test.each(commandsOf("declined"))("declined: %s", async (script) => {
  const { decision, why } = await askAbout(options, shown(script));
  expect({ decision, by: why?.by }).toEqual({ decision: "decline", by: "rule" });
});

test.each(commandsOf("accepted"))("accepted: %s", async (script) => {
  const { decision, why } = await askAbout(options, shown(script));
  expect({ decision, why: decision === "accept" ? "" : why?.reason }).toEqual({ decision: "accept", why: "" });
});
