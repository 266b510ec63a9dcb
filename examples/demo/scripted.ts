import { execFile } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { Codex, JsonRpcError, Sandbox } from "codex-embed";
import { createTestHome, ScriptedModel } from "codex-embed/testing";
import {
  count,
  lastLines,
  oneLine,
  type Paint,
  painter,
  shortPath,
} from "../../packages/codex-embed/src/cli/render/text.js";
import { TurnRenderer } from "../../packages/codex-embed/src/cli/render/turnRenderer.js";
import { showTurn } from "../../packages/codex-embed/src/cli/run.js";
import type { Terminal } from "../../packages/codex-embed/src/cli/terminal.js";
import { createRepository, PROMPT, type Repository, scriptedSteps, TEST_FILE } from "./scenario.js";

const WORD_DELAY_MS = 22;

/** Fixes a bug with a scripted model and checks the result. Resolves with the exit code once everything is cleaned up. */
export async function runScripted(terminal: Terminal): Promise<number> {
  const { write, color, signal } = terminal;
  const paint = painter(color);
  const line = (text = ""): void => write(`${text}\n`);
  const row = (name: string, text: string): void => line(`  ${paint("cyan", name.padEnd(9))}${text}`);

  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const env = withNode(home.env);
  const repository = await createRepository(join(home.workspace, "median"), { env, signal });
  await using codex = new Codex({ codexHome: home.codexHome, env, inheritEnv: false, cwd: repository.path });
  await codex.start();
  const problem = await sandboxProblem(codex, repository.path, signal);

  line(paint("bold", "codex-embed: a real task on the real runtime, offline"));
  line();
  row("runtime", `codex ${codex.metadata.runtimeVersion}, process ${codex.pid}`);
  row("model", "scripted: it plays the model's side of the protocol on 127.0.0.1");
  row("folder", shortPath(repository.path) + (repository.hasGit ? " (git)" : " (git was not found: no history)"));
  if (problem === null) {
    row("sandbox", "workspace-write: no network, writes only here and in temporary folders");
  } else {
    row("sandbox", paint("yellow", "this machine cannot sandbox commands: going on with full-access"));
    row("", paint("dim", problem));
  }

  const sandbox = problem === null ? Sandbox.workspaceWrite : Sandbox.fullAccess;
  const thread = await codex.startThread({ cwd: repository.path, sandbox });
  const steps = scriptedSteps(WORD_DELAY_MS);
  model.enqueue(...steps);
  line();
  const renderer = new TurnRenderer(write, { color, cwd: repository.path });
  await showTurn(thread, PROMPT, { renderer, terminal, modelRequests: () => model.requests.length });
  await codex.close();
  model.assertComplete();

  line();
  line(`  ${paint("bold", "Checked without the agent")}`);
  row("script", `all ${count(steps.length, "step")} of the model were asked for, and nothing else`);
  const passes = await checkRepository(repository, { env, signal, row, paint });
  return passes ? 0 : 1;
}

/** The environment with a `node` on PATH, whatever started this one. */
function withNode(env: Readonly<Record<string, string>>): Record<string, string> {
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const path = [env[pathName], dirname(process.execPath)].filter(Boolean).join(delimiter);
  return { ...env, [pathName]: path };
}

/** Why commands cannot be sandboxed on this machine, or null when they can: user namespaces may be forbidden. */
async function sandboxProblem(codex: Codex, cwd: string, signal: AbortSignal): Promise<string | null> {
  try {
    const probe = await codex.request(
      "command/exec",
      {
        command: ["node", "--version"],
        cwd,
        sandboxPolicy: {
          type: "workspaceWrite",
          writableRoots: [],
          networkAccess: false,
          excludeTmpdirEnvVar: false,
          excludeSlashTmp: false,
        },
      },
      { signal },
    );
    if (probe.exitCode === 0) return null;
    return lastLines(probe.stderr, 1).lines[0] ?? `exit code ${probe.exitCode}`;
  } catch (error) {
    if (JsonRpcError.isInstance(error)) return oneLine(error.message);
    throw error;
  }
}

/** Runs the test once more, as anyone could, and says what has changed in the folder. */
async function checkRepository(
  { path, hasGit }: Repository,
  {
    env,
    signal,
    row,
    paint,
  }: {
    env: Record<string, string>;
    signal: AbortSignal;
    row: (name: string, text: string) => void;
    paint: Paint;
  },
): Promise<boolean> {
  const options = { cwd: path, env, signal };
  const test = await execute(process.execPath, [TEST_FILE], options);
  const [verdict = "it printed nothing"] = lastLines(test.stdout || test.stderr, 1).lines;
  const passes = test.exitCode === 0;
  row("test", `${passes ? paint("green", "passes") : paint("red", "fails")}: ${verdict}`);
  if (hasGit) {
    const diff = await execute("git", ["diff", "--shortstat"], options);
    row("git", oneLine(diff.stdout || "nothing has changed"));
  }
  return passes;
}

/** Runs a program to its end. Rejects when it could not be started, or with an abort. */
function execute(
  file: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; signal: AbortSignal },
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error !== null && child.exitCode === null) reject(error);
      else resolve({ exitCode: child.exitCode ?? 0, stdout, stderr });
    });
  });
}
