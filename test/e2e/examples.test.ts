/** Runs the examples as a user does, offline. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function runExample(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", `examples/${name}.ts`], {
    cwd: ROOT,
  });
  return stdout;
}

test("reviewer: the findings as a table", async () => {
  const output = await runExample("reviewer");
  expect(output).toContain("P1   80 %  mean.mjs:2      Division by zero for an empty list\n");
  expect(output).toContain("P3   80 %  mean.mjs:1      The name says nothing\n");
  expect(output).toContain("2 findings, patch is incorrect. Empty lists break it.");
});

test("interactive: approvals, a tool and a typed answer", async () => {
  const output = await runExample("interactive");
  // The shell is the one of the user's account.
  expect(output).toMatch(/accept: \S+sh -c 'node --version'/);
  expect(output).toContain("Ticket 7: An API that came later is used. (Node 20)");
});
