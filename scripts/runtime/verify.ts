/** The steps that show whether this repository works with the runtime that it pins. All run, whatever fails before. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT, runs } from "../release/repository.js";
import type { Failure } from "./report.js";

/** Generates, compiles, writes the API reports and runs the tests. Shows what they print, and returns all that fails. */
export function verify({ withTests }: { readonly withTests: boolean }): Failure[] {
  const failures = [...generatorProblems(), ...compilerErrors()];
  console.error("\n== public names (npm run api)");
  if (!runs("npm", "run", "--silent", "api")) failures.push({ step: "api", what: "`npm run api` fails" });
  return withTests ? [...failures, ...failedTests()] : failures;
}

/** A new process, since this one may have resolved another runtime before. */
function generatorProblems(): Failure[] {
  const { isGreen, stderr } = capture("generated code", "generate");
  const problems = stderr.split("\n").filter((line) => line.startsWith("- "));
  if (!isGreen && problems.length === 0)
    return [{ step: "generate", what: `\`npm run generate\` fails: ${stderr.trim()}` }];
  return problems.map((line) => ({ step: "generate", what: line.slice(2) }));
}

function compilerErrors(): Failure[] {
  const { isGreen, stdout } = capture("types", "check:types", "--pretty", "false");
  const errors = stdout.split("\n").filter((line) => /^\S.*: error TS\d+:/.test(line));
  if (!isGreen && errors.length === 0) return [{ step: "types", what: "`npm run check:types` fails" }];
  return errors.map((what) => ({ step: "types", what }));
}

/** Runs a script of the repository; shows and returns what it prints. */
function capture(title: string, script: string, ...args: readonly string[]) {
  console.error(`\n== ${title} (npm run ${script})`);
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", script, "--", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.stderr.write(stdout + stderr);
  return { isGreen: status === 0, stdout, stderr };
}

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function failedTests(): Failure[] {
  console.error("\n== tests");
  const folder = mkdtempSync(join(tmpdir(), "codex-embed-update-"));
  try {
    const path = join(folder, "tests.json");
    const isGreen = runs("npm", "test", "--", "--reporter=default", "--reporter=json", `--outputFile.json=${path}`);
    const failures = testsIn(readFileSync(path, "utf8"), fileURLToPath(ROOT));
    if (isGreen || failures.length > 0) return failures;
    return [{ step: "tests", what: "`npm test` fails outside of any test" }];
  } catch (error) {
    return [{ step: "tests", what: `\`npm test\` left no report: ${String(error)}` }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The failed tests of a report in Vitest's JSON, and the files that could not be loaded. */
export function testsIn(json: string, root: string): Failure[] {
  const { testResults }: TestReport = JSON.parse(json);
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = name.startsWith(root) ? name.slice(root.length) : name;
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length > 0) return failed.map(({ fullName }) => ({ step: "tests", what: `${file}: ${fullName}` }));
    return status === "failed" ? [{ step: "tests", what: `${file} could not be loaded` }] : [];
  });
}
