/** Tests that a program which was written for `@openai/codex-sdk` does the same when its import alone is changed. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { fail, message, type Responder, reasoning, shell, step, usage } from "codex-embed/testing";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { ExecBench } from "../../support/execBench.js";
import { verifies } from "../../support/verifies.js";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));
const program = readFileSync(new URL("../../fixtures/exec/program.ts", import.meta.url), "utf8");
const OURS = "codex-embed/exec";
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** Answers by what was asked, so that both programs get the same. */
const answers: Responder = (request) => {
  const calls = request.input.filter((item) => item["type"] === "function_call_output").length;
  const asked = request.lastUserText() ?? "";
  if (asked.startsWith("Show me") && calls === 0)
    return step(reasoning({ summary: ["Try it"] }), shell("echo hi; exit 4"));
  if (asked.startsWith("Take your time")) return shell("sleep 600");
  if (asked.startsWith("Fail")) return fail(400, { message: "It cannot be done." });
  if (asked.startsWith("Judge") || asked.startsWith("Once more")) {
    return message(request.outputSchema() === undefined ? "There is no schema." : '{"verdict":"good"}');
  }
  const pictures = request.input.flatMap((item) => JSON.stringify(item).match(/"input_image"/g) ?? []).length;
  const header = String(request.headers["x-of-the-program"] ?? "no header");
  return step(message(`${asked} ${pictures} ${header}`), usage({ input: 10, output: 1 }));
};

/** Runs the program with its import from `name`, and gives what it printed and what its model was asked. */
async function runProgram(name: string): Promise<{ printed: unknown[]; asked: unknown[] }> {
  const bench = await ExecBench.start();
  bench.model.respondWith(answers);
  const { workspace } = bench.home;
  for (const file of ["one.png", "two.png"]) writeFileSync(join(workspace, file), Buffer.from(PIXEL, "base64"));
  // Below node_modules, so that the package is found from there.
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "codex-embed-switch-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "program.mjs");
  expect(program.split(`"${OURS}"`)).toHaveLength(2);
  await build({
    stdin: { contents: program.replace(`"${OURS}"`, JSON.stringify(name)), loader: "ts", resolveDir: root },
    alias: { [OURS]: join(root, "src", "exec", "index.ts") },
    external: ["@openai/codex-sdk"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "silent",
  });
  const child = spawn(process.execPath, [outfile], { cwd: workspace, env: bench.env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return {
    printed: stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
    asked: bench.model.requests.map((request) => ({
      texts: request.userTexts().filter((each) => !each.startsWith("<")),
      schema: request.outputSchema(),
      originator: request.headers["originator"],
    })),
  };
}

test("it prints the same, and asks the model the same", { timeout: 60_000 }, async () => {
  verifies("exec-same-output");
  const theirs = await runProgram("@openai/codex-sdk");
  const ours = await runProgram(OURS);
  expect(theirs.printed.map((line) => (Array.isArray(line) ? line[0] : line))).toEqual(
    expect.arrayContaining([
      "a turn",
      "an item",
      "a plain schema",
      "images",
      "a confined client",
      "a failure",
      "an abort",
    ]),
  );
  expect(theirs.printed.at(-2)).toEqual(["a failure", true]);
  expect(theirs.printed.at(-1)).toEqual(["an abort", "AbortError"]);
  expect(ours.printed).toEqual(theirs.printed);
  expect(ours.asked).toEqual(theirs.asked);
});
