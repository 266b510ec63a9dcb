/** docs/testing.md: its code is part of a test that runs, and it names every export of the testing kit. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as testing from "../../../src/testing/index.js";
import { verifies } from "../../support/verifies.js";

const tests = join(import.meta.dirname, "../..");
const page = await readFile(join(tests, "../../../docs/testing.md"), "utf8");

test("every piece is a part of a test that runs", async () => {
  verifies("testing-page");
  const code = flat(await readFile(join(tests, "e2e/testing/snippets.test.ts"), "utf8"));
  const examples = [...page.matchAll(/```ts fragment\n(.*?)```/gs)].map((match) => match[1] ?? "");
  expect(examples.length).toBeGreaterThan(5);
  for (const example of examples) expect(code).toContain(flat(example));
});

test.each(Object.keys(testing))("%s is on the page", (name) => {
  expect(page).toContain(name);
});

/** The code without its indentation. */
function flat(code: string): string {
  return code.replaceAll(/^ +/gm, "").trim();
}
