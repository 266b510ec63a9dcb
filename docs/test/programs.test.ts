/**
 * Keeps the TypeScript of the documentation. A block with imports is a whole program: it is compiled, and run against
 * the real runtime. `file`: compiled here, and run by a trial of `trials.test.ts`. `fragment`: part of a test that
 * runs, and compiled here with the names of `test/support/docs/prelude.ts`.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Stage } from "./support/execute.js";
import { type CodeBlock, readPages } from "./support/pages.js";
import { typeFaults } from "./support/typecheck.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const code = readPages().flatMap((page) => page.blocks.filter(({ language }) => /^(?:tsx?|jsx?|html)$/.test(language)));
const blocks = code.filter(({ language }) => /^tsx?$/.test(language));
const MARKS = ["file", "fragment"];
const programs = blocks.filter(({ marks }) => marks.length === 0);

test("each is a program, or says by its mark what it is", () => {
  const marks = code.flatMap(({ place, marks: given }) => given.map((mark) => ({ place, mark })));
  expect(marks.filter(({ mark }) => !MARKS.includes(mark))).toEqual([]);
  // Those are parts of tests that run: `unit/testing/docs.test.ts`.
  const pieces = code.filter((block) => block.marks.includes("fragment"));
  expect(pieces.filter(({ page }) => page !== "docs/testing.md").map(({ place }) => place)).toEqual([]);
  const unmarked = code.filter((block) => block.marks.length === 0);
  const isProgram = ({ language, text }: CodeBlock): boolean => language === "ts" && /^import /m.test(text);
  expect(unmarked.filter((block) => !isProgram(block)).map(({ place }) => place)).toEqual([]);
});

test("all are accepted by the compiler", () => {
  verifies("docs-programs");
  expect(typeFaults(blocks)).toEqual([]);
}, 180_000);

describe.concurrent("the program runs and ends by itself", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.set(programs);
  });
  afterAll(() => stage.close());

  test.each(programs.map((program) => ({ place: program.place, program })))(
    "$place",
    async ({ program }) => {
      verifies("docs-programs");
      const { exitCode, output } = await stage.run(program);
      expect(exitCode, output).toBe(0);
    },
    90_000,
  );
});
