/** Tests an agent with vitest: the runtime and its commands are real, only the model is scripted. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OutputValidationError } from "codex-embed";
import { message, shell, startTestCodex, type TestCodex } from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeChangelogEntry } from "./agent.js";

let bench: TestCodex;
beforeAll(async () => {
  bench = await startTestCodex();
});
afterAll(() => bench.close());

const entry = { kind: "fixed", text: "The mean of nothing is 0." };

test("the entry describes what the agent reads in the folder", async () => {
  const { codex, model, workspace } = bench;
  await writeFile(join(workspace, "last-change.txt"), "return 0 for an empty list");
  model.enqueue(shell("cat last-change.txt", { callId: "look" }), message(JSON.stringify(entry)));
  expect(await writeChangelogEntry(codex, workspace)).toEqual(entry);
  expect(model.requests.at(-1)?.toolOutput("look")).toContain("return 0 for an empty list");
  model.assertComplete();
});

test("an invalid answer is sent back once, with what is wrong", async () => {
  const { codex, model, workspace } = bench;
  model.enqueue(message('{"kind":"broken"}'), message(JSON.stringify(entry)));
  expect(await writeChangelogEntry(codex, workspace)).toEqual(entry);
  expect(model.requests.at(-1)?.lastUserText()).toContain("kind");
  model.assertComplete();
});

test("a second invalid answer is an error", async () => {
  const { codex, model, workspace } = bench;
  model.enqueue(message("no JSON"), message("no JSON either"));
  await expect(writeChangelogEntry(codex, workspace)).rejects.toThrow(OutputValidationError);
  model.assertComplete();
});
