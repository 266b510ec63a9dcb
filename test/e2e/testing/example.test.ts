/** Owns the first example of docs/testing.md, as a test that runs. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { message, shell, startTestCodex, type TestCodex } from "codex-embed/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

let bench: TestCodex;
beforeEach(async () => {
  bench = await startTestCodex();
});
afterEach(() => bench.close());

test("the agent counts the files of the workspace", async () => {
  const { codex, model, workspace } = bench;
  await writeFile(join(workspace, "notes.txt"), "");
  model.enqueue(shell("ls | wc -l"), message("There is one file."));

  const thread = await codex.startThread();
  const result = await thread.run("How many files are there?");

  expect(result.finalResponse).toBe("There is one file.");
  expect(model.requests[0]?.lastUserText()).toBe("How many files are there?");
  expect(model.requests[1]?.toolOutput("call_1")).toContain("Output:\n1\n");
  model.assertComplete();
});
