/**
 * Sets up what an example needs to run offline: a folder with its files, and a home for the real runtime that points to a
 * scripted model. The example finds both by its working directory and its environment. With `live` there is only the
 * folder, and the environment is the user's own.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createTestHome, ScriptedModel, type TestHomeOptions } from "codex-embed/testing";

/** The files, the configuration and the model for an example. */
export interface Scenario {
  /** The files in the folder that the example runs in. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Turns the folder into a git repository with `files` committed and these uncommitted. */
  readonly uncommitted?: Readonly<Record<string, string>>;
  /** The configuration of the runtime, besides the model. Offline only. */
  readonly home?: Omit<TestHomeOptions, "model">;
  /** Files in the home of the runtime. Offline only. */
  readonly homeFiles?: Readonly<Record<string, string>>;
  /** Environment variables besides those of the home. Offline only. */
  readonly env?: Readonly<Record<string, string>>;
  /** Scripts the model. Offline only. */
  readonly script?: (model: ScriptedModel, folder: string) => void;
}

/** Where an example runs. */
export interface Stage {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined with `live`. */
  readonly model: ScriptedModel | undefined;
  /** Throws if the model received more or fewer requests than the script has answers. */
  check(): void;
  /** Removes everything. End the example first. */
  close(): Promise<void>;
}

/** Sets up the place that an example runs in. Leaves nothing behind if it rejects. */
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
      await writeFiles(home.codexHome, scenario.homeFiles ?? {});
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
