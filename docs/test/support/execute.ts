/** Running the documentation's programs: compiled together, each in a process of its own, offline. */

import { execFileSync, spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createTestHome, ScriptedModel } from "codex-embed/testing";
import { answer } from "./answers.js";
import { type CodeBlock, ROOT } from "./pages.js";
import { placesOf } from "./places.js";
import { Workshop } from "./workshop.js";

/** A program takes about a second; a busy machine may run it ten times as long. */
const LIMIT_MS = 60_000;

/** How a program ended. */
export interface Run {
  readonly exitCode: number | null;
  /** What it wrote, to show when it failed. */
  readonly output: string;
}

/** The place where the programs run: one scripted model for all of them. */
export class Stage {
  readonly #workshop: Workshop;
  readonly #model: ScriptedModel;

  private constructor(workshop: Workshop, model: ScriptedModel) {
    this.#workshop = workshop;
    this.#model = model;
  }

  /** Compiles the programs and starts the model. */
  static async set(programs: readonly CodeBlock[]): Promise<Stage> {
    const workshop = await Workshop.open();
    await Promise.all(programs.map((program) => workshop.lay(fileOf(program), program.text)));
    const model = await ScriptedModel.start();
    model.respondWith(answer);
    return new Stage(workshop, model);
  }

  /** Runs one program, in a repository of its own and with a home of its own, and waits for it to end by itself. */
  async run(program: CodeBlock): Promise<Run> {
    await using home = await createTestHome({ model: this.#model, sandbox: "read-only" });
    execFileSync("git", ["init", "-q"], { cwd: home.workspace, env: home.env });
    // What a project has installed, for `npx`; nothing may be fetched in its place.
    symlinkSync(`${ROOT}node_modules`, join(home.workspace, "node_modules"), "junction");
    const child = spawn(process.execPath, [this.#workshop.path(fileOf(program))], {
      cwd: home.workspace,
      env: { ...home.env, npm_config_offline: "true", ...placesOf(home, this.#model) },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { exitCode, output: `${stdout}${stderr}` };
  }

  async close(): Promise<void> {
    await this.#model.close();
    await this.#workshop.close();
  }
}

const fileOf = ({ page, line }: CodeBlock): string => `${page.replaceAll("/", "__")}.L${line}.ts`;
