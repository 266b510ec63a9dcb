/**
 * Owns what makes an example run offline: a folder with the files that it is about, and the real runtime's home, which
 * sends it to a scripted model. The example knows nothing of it: it finds both by its working directory and its
 * environment. With `live`, there is only the folder; the environment is the user's own.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createTestHome, ScriptedModel, type TestHomeOptions } from "codex-embed/testing";

/** What an example is played with. */
export interface Scenario {
  /** The files of the folder that the example runs in. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Makes the folder a git repository in which `files` are committed, and these are not. */
  readonly uncommitted?: Readonly<Record<string, string>>;
  /** How the runtime is configured, beyond the model. Offline only. */
  readonly home?: Omit<TestHomeOptions, "model">;
  /** Variables beyond those of the home. Offline only. */
  readonly env?: Readonly<Record<string, string>>;
  /** Tells the model what to say. Offline only. */
  readonly script?: (model: ScriptedModel, folder: string) => void;
}

/** Where an example runs. */
export interface Stage {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What answers. Offline only. */
  readonly model: ScriptedModel | undefined;
  /** Throws when the model was asked for more or less than the script holds. */
  check(): void;
  /** Removes all of it. End the example first. */
  close(): Promise<void>;
}

/** Makes the place that an example runs in. Nothing is left behind when it rejects. */
export async function openStage(scenario: Scenario, { live = false } = {}): Promise<Stage> {
  return live ? openLive(scenario) : openOffline(scenario);
}

async function openLive(scenario: Scenario): Promise<Stage> {
  const cwd = await realpath(await mkdtemp(join(tmpdir(), "codex-embed-example-")));
  const close = () => rm(cwd, { recursive: true, force: true });
  try {
    await fill(cwd, scenario, process.env);
    return { cwd, env: process.env, model: undefined, check: () => {}, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openOffline(scenario: Scenario): Promise<Stage> {
  const model = await ScriptedModel.start();
  try {
    const home = await createTestHome({ model, ...scenario.home });
    const close = async () => {
      await model.close();
      await home.dispose();
    };
    try {
      await fill(home.workspace, scenario, home.env);
      scenario.script?.(model, home.workspace);
    } catch (error) {
      await home.dispose();
      throw error;
    }
    const env = { ...home.env, ...scenario.env };
    return { cwd: home.workspace, env, model, check: () => model.assertComplete(), close };
  } catch (error) {
    await model.close();
    throw error;
  }
}

async function fill(folder: string, { files = {}, uncommitted }: Scenario, env: NodeJS.ProcessEnv): Promise<void> {
  await writeFiles(folder, files);
  if (uncommitted === undefined) return;
  const author = ["-c", "user.name=Example", "-c", "user.email=example@example.invalid", "-c", "commit.gpgsign=false"];
  const git = (...args: string[]) => promisify(execFile)("git", args, { cwd: folder, env });
  await git("-c", "init.defaultBranch=main", "init", "--quiet");
  await git("add", "--all");
  await git(...author, "commit", "--quiet", "--message", "Begin");
  await writeFiles(folder, uncommitted);
}

async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}
