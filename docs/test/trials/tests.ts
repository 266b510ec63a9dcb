/** Tries files of tests: they are tests of this run. */

import { describe } from "vitest";
import { folderOf } from "../support/pageFiles.js";
import type { Trial } from "../support/trial.js";

/** Its tests declare themselves when the file is imported; a file without any fails the run. */
const testFile = (page: string, name: string): Trial => ({
  page,
  files: [name],
  declare: ({ workshop }) =>
    describe(name, async () => {
      await import(workshop.path(`${folderOf(page)}/${name}`));
    }),
});

export const agentTest = testFile("docs/testing.md", "agent.test.ts");
export const toolTest = testFile("docs/guides/tools.md", "double.test.ts");
