/** Owns the check that the code of docs/testing.md is code that runs, and that the page leaves no builder out. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as testing from "../../../src/testing/index.js";
import { verifies } from "../../support/verifies.js";

const root = join(import.meta.dirname, "../../..");
const page = await readFile(join(root, "../../docs/testing.md"), "utf8");

test("every piece is a part of a test that runs", async () => {
  verifies("testing-page");
  const code = flat(await readFile(join(root, "test/e2e/testing/snippets.test.ts"), "utf8"));
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
