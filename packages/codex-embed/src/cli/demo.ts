import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { Codex, JsonRpcError, Sandbox } from "../index.js";
import type * as Kit from "../testing/index.js";
import type { MessagePart, Part, Piece, PlanStep, Step } from "../testing/index.js";
import type { Arguments, Command } from "./flags.js";
import { clean, count, lastLines, oneLine, type Paint, painter, shortPath } from "./render/text.js";
import { TurnRenderer } from "./render/turnRenderer.js";
import { assertLoggedIn, showTurn } from "./run.js";
import { BadUsage, Failure, type Terminal } from "./terminal.js";

/** `codex-embed demo` */
export const demoCommand: Command = {
  name: "demo",
  summary: "Show a scripted agent fix a bug on the real runtime, offline.",
  usage: ["", '--live "PROMPT"'],
  flags: { live: { help: "Run PROMPT in this folder instead, with your own login and configuration." } },
  notes: [
    "The demo needs no login and leaves nothing behind. A scripted model plays the model's side of the protocol on\n" +
      "127.0.0.1; the runtime, its commands, its sandbox and its patches are real.",
    "With --live, the agent may write to this folder. A reviewing agent decides on requests beyond the sandbox.",
    "Exit code: 0 if the bug is fixed or the turn completed, 1 if not, 2 for invalid arguments, 130 after Ctrl-C.",
  ],
  run(args, terminal) {
    const prompt = readPrompt(args);
    return prompt === null ? runScripted(terminal) : runLive(prompt, terminal);
  },
};

/** Null without `--live`. */
function readPrompt(args: Arguments): string | null {
  const prompt = args.positionals.join(" ").trim();
  if (args.has("live") && prompt === "") throw new BadUsage('--live needs a prompt: --live "PROMPT".');
  if (!args.has("live") && prompt !== "")
    throw new BadUsage(`A prompt needs --live: --live ${JSON.stringify(prompt)}.`);
  return args.has("live") ? prompt : null;
}

/** Runs one turn with the user's own login and configuration. Resolves with the exit code. */
async function runLive(prompt: string, terminal: Terminal): Promise<number> {
  const { write, color, signal } = terminal;
  const cwd = process.cwd();
  const row = rowWriter(terminal, painter(color));
  const renderer = new TurnRenderer(write, { color, cwd });
  const ignore = (): void => {};
  const warn = (_fields: object, message: string): void => renderer.warning(message);

  await using codex = new Codex({ cwd, logger: { debug: ignore, info: ignore, warn, error: warn } });
  codex.on("configWarning", ({ params }) => renderer.warning(params.summary));
  codex.on("warning", ({ params }) => renderer.warning(params.message));
  // Not every call below takes a signal; closing the client ends them all.
  signal.addEventListener("abort", () => void codex.close(), { once: true });
  await codex.start();
  await assertLoggedIn(codex);
  const thread = await codex.startThread({ cwd, sandbox: Sandbox.workspaceWrite });

  row("runtime", `codex ${codex.metadata.runtimeVersion}, process ${codex.pid}`);
  row("model", clean(thread.model));
  row("folder", shortPath(thread.cwd));
  row("sandbox", "workspace-write; a reviewing agent decides on requests beyond it");
  write("\n");
  await showTurn(thread, prompt, { renderer, terminal });
  return 0;
}

const WORD_DELAY_MS = 22;

/**
 * Runs the demo: a scripted model fixes a real bug on the real runtime, and the result is checked without the agent.
 * Resolves with the exit code once every process, folder and listener of it is gone.
 */
async function runScripted(terminal: Terminal): Promise<number> {
  const { write, color, signal } = terminal;
  const paint = painter(color);
  const line = (text = ""): void => write(`${text}\n`);
  const row = rowWriter(terminal, paint);

  // Loaded here, so that the other commands start without the testing kit.
  const kit = await import("../testing/index.js");
  await using model = await kit.ScriptedModel.start();
  await using home = await kit.createTestHome({ model });
  const { codexHome, workspace } = home;
  await using codex = new Codex({ codexHome, env: withNode(home.env), inheritEnv: false, cwd: workspace });
  await codex.start();
  const repository = await createRepository(codex, join(workspace, "median"), signal);
  const problem = await sandboxProblem(codex, repository.path, signal);

  line(paint("bold", "codex-embed: a real task on the real runtime, offline"));
  line();
  row("runtime", `codex ${codex.metadata.runtimeVersion}, process ${codex.pid}`);
  row("model", "scripted: it plays the model's side of the protocol on 127.0.0.1");
  row("folder", shortPath(repository.path) + (repository.hasGit ? " (git)" : " (no history: git was not found)"));
  if (problem === null) {
    row("sandbox", "workspace-write: no network, writes only here and in temporary folders");
  } else {
    row("sandbox", paint("yellow", "this machine cannot sandbox commands: continuing with full-access"));
    row("", paint("dim", problem));
  }

  const sandbox = problem === null ? Sandbox.workspaceWrite : Sandbox.fullAccess;
  const thread = await codex.startThread({ cwd: repository.path, sandbox });
  const steps = scriptedSteps(kit, WORD_DELAY_MS);
  model.enqueue(...steps);
  line();
  const renderer = new TurnRenderer(write, { color, cwd: repository.path });
  await showTurn(thread, PROMPT, { renderer, terminal, modelRequests: () => model.requests.length });
  model.assertComplete();

  line();
  line(`  ${paint("bold", "Checked without the agent")}`);
  row("script", `all ${count(steps.length, "step")} of the model were requested, and nothing else`);
  return (await checkRepository(codex, repository, { signal, row, paint })) ? 0 : 1;
}

type WriteRow = (name: string, text: string) => void;

function rowWriter({ write }: Terminal, paint: Paint): WriteRow {
  return (name, text) => write(`  ${paint("cyan", name.padEnd(9))}${text}\n`);
}

/** Adds the folder of this Node to PATH, so that commands find a `node` whatever started this one. */
function withNode(env: Readonly<Record<string, string>>): Record<string, string> {
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const path = [env[pathName], dirname(process.execPath)].filter(Boolean).join(delimiter);
  return { ...env, [pathName]: path };
}

/** Why this machine cannot sandbox commands, or null if it can: user namespaces may be forbidden. */
async function sandboxProblem(codex: Codex, cwd: string, signal: AbortSignal): Promise<string | null> {
  const sandboxPolicy = {
    type: "workspaceWrite" as const,
    writableRoots: [],
    networkAccess: false,
    excludeTmpdirEnvVar: false,
    excludeSlashTmp: false,
  };
  try {
    const probe = await codex.request(
      "command/exec",
      { command: ["node", "--version"], cwd, sandboxPolicy },
      { signal },
    );
    if (probe.exitCode === 0) return null;
    return lastLines(probe.stderr, 1).lines[0] ?? `exit code ${probe.exitCode}`;
  } catch (error) {
    if (JsonRpcError.isInstance(error)) return oneLine(error.message);
    throw error;
  }
}

/** Runs a command outside the sandbox and without the agent. Rejects if it cannot be started. */
function execute(codex: Codex, command: string[], cwd: string, signal: AbortSignal) {
  const sandboxPolicy = { type: "dangerFullAccess" } as const;
  return codex.request("command/exec", { command, cwd, sandboxPolicy }, { signal });
}

/** The folder that the agent works in. */
export interface Repository {
  readonly path: string;
  /** False if this machine has no git: the folder then holds the same files without a history. */
  readonly hasGit: boolean;
}

/** Writes the files with the bug and commits them. */
export async function createRepository(codex: Codex, path: string, signal: AbortSignal): Promise<Repository> {
  await mkdir(path);
  await Promise.all(Object.entries(FILES).map(([name, text]) => writeFile(join(path, name), text)));
  const author = ["-c", "user.name=Demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgsign=false"];
  const commands = [
    ["git", "-c", "init.defaultBranch=main", "init", "--quiet"],
    ["git", "add", "--all"],
    ["git", ...author, "commit", "--quiet", "--message", "Add median()"],
  ];
  try {
    for (const command of commands) {
      const { exitCode, stderr } = await execute(codex, command, path, signal);
      if (exitCode !== 0) throw new Failure(`${command.join(" ")} failed with exit code ${exitCode}: ${stderr}`);
    }
    return { path, hasGit: true };
  } catch (error) {
    if (JsonRpcError.isInstance(error)) return { path, hasGit: false };
    throw error;
  }
}

/** Runs the test once more and shows what changed in the folder. Resolves with whether the test passes. */
async function checkRepository(
  codex: Codex,
  { path, hasGit }: Repository,
  { signal, row, paint }: { signal: AbortSignal; row: WriteRow; paint: Paint },
): Promise<boolean> {
  const test = await execute(codex, [process.execPath, TEST_FILE], path, signal);
  const [verdict = "no output"] = lastLines(test.stdout || test.stderr, 1).lines;
  const passes = test.exitCode === 0;
  row("test", `${passes ? paint("green", "passes") : paint("red", "fails")}: ${verdict}`);
  if (hasGit) {
    const diff = await execute(codex, ["git", "diff", "--shortstat"], path, signal);
    row("git", oneLine(diff.stdout || "no changes"));
  }
  return passes;
}

/** What the user asks for. */
export const PROMPT = "median() fails its test. Find out why, fix it, and note it in the changelog.";

/** The test, which the agent runs, and afterwards the demo. */
const TEST_FILE = "test.mjs";

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

/** Returns the model's side of the turn, one step per request, with a pause of `wordDelayMs` after each word. */
export function scriptedSteps(kit: typeof Kit, wordDelayMs: number): (Step | Part)[] {
  const { applyPatch, delay, message, reasoning, shell, step, updatePlan } = kit;
  const spoken = (text: string): Piece[] => (text.match(/\S+\s*/g) ?? []).flatMap((word) => [word, delay(wordDelayMs)]);
  const plan = (...[fix, note, test]: readonly PlanStep["status"][]): Part =>
    updatePlan([
      { step: "Sort the numbers by value", status: fix ?? "pending" },
      { step: "Note it in the changelog", status: note ?? "pending" },
      { step: "Run the test again", status: test ?? "pending" },
    ]);
  const say = (text: string): MessagePart => message({ deltas: spoken(text), phase: "commentary" });
  return [
    step(
      { usage: { input: 4_210, output: 118, reasoning: 41 } },
      reasoning({ summary: [spoken("**Reproduce first**\n\nWhat fails tells more than the code does.")] }),
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
      message({ deltas: spoken(REPORT), phase: "final_answer" }),
    ),
  ];
}
