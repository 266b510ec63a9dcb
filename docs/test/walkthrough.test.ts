/** Holds docs/walkthrough.md to what it shows: the page is run as one program. */

import { beforeAll, expect, test } from "vitest";
import { LIMIT_MS, readBlocks, runProgram, toProgram } from "./support/walkthrough.js";

const SEPARATOR = "\u001e";
const blocks = readBlocks();

let printed: Awaited<ReturnType<typeof runProgram>>;
beforeAll(async () => {
  printed = await runProgram(
    toProgram(blocks, () => SEPARATOR),
    "collect",
  );
}, LIMIT_MS + 10_000);

/** Ids are the only thing on the page that differs from run to run. */
function withPlaceholders(output: string): string {
  return output.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>");
}

test("it runs to its end, and says nothing on stderr", () => {
  expect(printed).toMatchObject({ exitCode: 0, stderr: "" });
});

test("there are blocks", () => {
  expect(blocks.length).toBeGreaterThan(10);
});

for (const [index, { heading, shown }] of blocks.entries()) {
  test(`block ${index + 1}, ${heading}: prints what is shown below it`, () => {
    const outputs = printed.stdout.split(SEPARATOR).slice(1);
    expect(withPlaceholders(outputs[index] ?? "it was not reached")).toBe(shown);
  });
}
