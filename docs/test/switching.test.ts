/** Keeps what the pages say of a switch from `@openai/codex-sdk`: with one line changed, a program runs as before. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { Stage } from "./support/execute.js";
import { type CodeBlock, readPages } from "./support/pages.js";
import { typeFaults } from "./support/typecheck.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const blocks = readPages().flatMap((page) => page.blocks);
const changes = blocks.filter(({ language }) => language === "diff");

/** One side of a change, as a block of its own. */
function sideOf(change: CodeBlock, side: "-" | "+"): CodeBlock {
  const other = side === "-" ? "+" : "-";
  const lines = change.text.split("\n").map((line) => (line.startsWith(other) ? "" : line.slice(1)));
  return {
    ...change,
    language: "ts",
    page: `${change.page}${side === "-" ? ".before" : ".after"}`,
    text: lines.join("\n"),
  };
}

/** A program as it was before the change. */
function before(change: CodeBlock, program: CodeBlock): CodeBlock {
  const [was, is] = [sideOf(change, "-").text.trim(), sideOf(change, "+").text.trim()];
  expect(program.text).toContain(is);
  return { ...program, page: `${program.page}.before`, text: program.text.replace(is, was) };
}

const [change] = changes.filter(({ page }) => page === "docs/exec.md");
const program = blocks.find(
  ({ page, language, line }) => page === change?.page && language === "ts" && line > change.line,
);
if (change === undefined || program === undefined) throw new Error("docs/exec.md has no change and no program.");
const old = before(change, program);

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set([old]);
});
afterAll(() => stage.close());

test("there are changes, of whole lines", () => {
  expect(changes.length).toBeGreaterThan(1);
  for (const { place, text } of changes) expect(text, place).toMatch(/^(?:[-+ ].*\n)+$/);
});

test("both sides of each change are accepted by the compiler, and so is the program that was there before", () => {
  verifies("docs-switching");
  const sides = changes.flatMap((one) => [sideOf(one, "-"), sideOf(one, "+")]);
  expect(typeFaults([...sides, old])).toEqual([]);
}, 180_000);

test("the program runs with the other package as well", async () => {
  verifies("docs-switching");
  expect(old.text).toContain('from "@openai/codex-sdk"');
  const { exitCode, output } = await stage.run(old);
  expect(exitCode, output).toBe(0);
}, 90_000);
