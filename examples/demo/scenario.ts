/** The scenario of the demo: a small repository with a bug, and how the scripted model fixes it. */

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  applyPatch,
  delay,
  type MessagePart,
  message,
  type Part,
  type Piece,
  type PlanStep,
  reasoning,
  type Step,
  shell,
  step,
  updatePlan,
} from "codex-embed/testing";

const run = promisify(execFile);

/** What the user asks for. */
export const PROMPT = "median() fails its test. Find out why, fix it, and note it in the changelog.";

/** The file that is run, by the agent and afterwards by the demo. */
export const TEST_FILE = "test.mjs";

const FILES: Readonly<Record<string, string>> = {
  "median.mjs": `/** The number in the middle; of an even count, the mean of both. */
export function median(values) {
  const sorted = [...values].sort();
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}
`,
  [TEST_FILE]: `import { median } from "./median.mjs";

const cases = [
  ["a single number", [7], 7],
  ["an odd count", [3, 1, 2], 2],
  ["an even count", [4, 1, 3, 2], 2.5],
  ["numbers of different length", [10, 9, 1], 9],
];
let failed = 0;
for (const [name, values, expected] of cases) {
  const actual = median(values);
  if (actual === expected) {
    console.log(\`ok    \${name}\`);
  } else {
    failed += 1;
    console.log(\`FAIL  \${name}: median([\${values.join(", ")}]) is \${actual}, not \${expected}\`);
  }
}
console.log(\`\${cases.length - failed} passed, \${failed} failed\`);
process.exitCode = failed === 0 ? 0 : 1;
`,
  "CHANGELOG.md": `# Changelog

## Unreleased

- Add \`median()\`.
`,
};

const PATCH = `*** Begin Patch
*** Update File: median.mjs
@@
 export function median(values) {
-  const sorted = [...values].sort();
+  const sorted = [...values].sort((a, b) => a - b);
   const middle = Math.floor(sorted.length / 2);
*** Update File: CHANGELOG.md
@@
 - Add \`median()\`.
+- Fix \`median()\`: numbers that differ in length were sorted as text.
*** End Patch`;

const REPORT = `The test passes: 4 of 4 cases.

- Cause: without a comparator, sort() compares numbers as text:
  [10, 9, 1] became 1, 10, 9, and so its median 10.
- Fix: median.mjs sorts by value. No other code had to change.
- CHANGELOG.md says so under "Unreleased".`;

/** The folder that the agent works in. */
export interface Repository {
  readonly path: string;
  /** False when this machine has no git: the folder then holds the same files without a history. */
  readonly hasGit: boolean;
}

/** Writes the files with the bug and commits them. */
export async function createRepository(
  path: string,
  options: { readonly env: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<Repository> {
  await mkdir(path);
  await Promise.all(Object.entries(FILES).map(([name, text]) => writeFile(join(path, name), text)));
  const author = ["-c", "user.name=Demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgsign=false"];
  try {
    await run("git", ["-c", "init.defaultBranch=main", "init", "--quiet"], { ...options, cwd: path });
    await run("git", ["add", "--all"], { ...options, cwd: path });
    await run("git", [...author, "commit", "--quiet", "--message", "Add median()"], { ...options, cwd: path });
    return { path, hasGit: true };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { path, hasGit: false };
    throw error;
  }
}

/** The model's side of the turn: one step for each request. `wordDelayMs` is the pause after each word that it says. */
export function scriptedSteps(wordDelayMs: number): (Step | Part)[] {
  const say = (text: string): MessagePart => message({ deltas: spoken(text, wordDelayMs), phase: "commentary" });
  return [
    step(
      { usage: { input: 4_210, output: 118, reasoning: 41 } },
      reasoning({ summary: [spoken("**Reproduce first**\n\nWhat fails tells more than the code does.", wordDelayMs)] }),
      say("I'll run the test first, to see what fails."),
      shell(`node ${TEST_FILE}`),
    ),
    step(
      { usage: { input: 4_446, cached: 4_096, output: 74 } },
      say("Only numbers that differ in length come out wrong. That smells of sorting."),
      shell("sed -n 1,20p median.mjs"),
    ),
    step(
      { usage: { input: 4_690, cached: 4_352, output: 143 } },
      say("There it is: sort() without a comparator puts 10 before 9. First a plan."),
      plan("in_progress", "pending", "pending"),
    ),
    step({ usage: { input: 4_851, cached: 4_608, output: 167 } }, applyPatch(PATCH)),
    step(
      { usage: { input: 5_037, cached: 4_608, output: 96 } },
      plan("completed", "completed", "in_progress"),
      shell(`node ${TEST_FILE}`),
    ),
    step({ usage: { input: 5_204, cached: 4_864, output: 58 } }, plan("completed", "completed", "completed")),
    step(
      { usage: { input: 5_281, cached: 5_120, output: 112 } },
      message({ deltas: spoken(REPORT, wordDelayMs), phase: "final_answer" }),
    ),
  ];
}

function plan(...[fix, note, test]: readonly PlanStep["status"][]): Part {
  return updatePlan([
    { step: "Sort the numbers by value", status: fix ?? "pending" },
    { step: "Note it in the changelog", status: note ?? "pending" },
    { step: "Run the test again", status: test ?? "pending" },
  ]);
}

function spoken(text: string, wordDelayMs: number): Piece[] {
  const words = text.match(/\S+\s*/g) ?? [];
  return words.flatMap((word) => [word, delay(wordDelayMs)]);
}
