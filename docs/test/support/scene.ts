/** What a trial of the documentation works with: a model, a home, and programs that do not outlive it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createTestHome, ScriptedModel, type TestHome, type TestHomeOptions } from "codex-embed/testing";
import { expect, vi } from "vitest";
import { descendantsOf, isAlive } from "../../../packages/codex-embed/test/support/processes.js";
import { folderOf } from "./pageFiles.js";
import { originOf, placesOf } from "./places.js";
import type { Workshop } from "./workshop.js";

/** A program that hangs is killed then, so that its test fails and nothing is left. */
const LIMIT_MS = 50_000;
const PATIENT = { timeout: 30_000, interval: 20 };

/** How a program ended. */
interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that runs. */
export class Program {
  /** All of stdout and stderr so far. */
  output = "";
  readonly ended: Promise<End>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    }
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  /** Waits for something that it does. Rejects when it ends before that. */
  async until<T>(check: () => Promise<T> | T): Promise<T> {
    const early = this.ended.then(({ code, signal }) => {
      throw new Error(`It has ended (${code ?? signal}):\n${this.output}`);
    });
    return Promise.race([vi.waitFor(check, PATIENT), early]);
  }

  /** Sends a signal, and resolves with how it ended once nothing that it had started is left. */
  async stop(signal: NodeJS.Signals): Promise<End> {
    const below = await descendantsOf(this.#child.pid ?? 0);
    expect(below.length, "what it has started").toBeGreaterThan(0);
    this.#child.kill(signal);
    const end = await this.ended;
    await areGone(below);
    return end;
  }

  /** Kills it, and resolves when what it had started has ended as well: that would go on writing to its home. */
  async [Symbol.asyncDispose](): Promise<void> {
    const below = await descendantsOf(this.#child.pid ?? 0);
    this.#child.kill("SIGKILL");
    await this.ended.catch(() => {});
    await areGone(below);
  }
}

async function areGone(pids: readonly number[]): Promise<void> {
  await vi.waitFor(async () => {
    const alive = await Promise.all(pids.map(isAlive));
    expect(pids.filter((_pid, index) => alive[index])).toEqual([]);
  }, PATIENT);
}

/** How a program is started. */
export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the workspace. */
  readonly cwd?: string;
}

/** One page's files on a stage of their own. */
export class Scene implements AsyncDisposable {
  readonly model: ScriptedModel;
  readonly home: TestHome;
  /** What the page's own port and origin have become. */
  readonly port: number;
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #programs: Program[] = [];

  private constructor(workshop: Workshop, page: string, model: ScriptedModel, home: TestHome, port: number) {
    this.#workshop = workshop;
    this.#folder = folderOf(page);
    this.model = model;
    this.home = home;
    this.port = port;
  }

  static async open(workshop: Workshop, page: string, options: Omit<TestHomeOptions, "model"> = {}): Promise<Scene> {
    const model = await ScriptedModel.start();
    return new Scene(workshop, page, model, await createTestHome({ model, ...options }), await freePort());
  }

  get origin(): string {
    return originOf(this.port);
  }

  get env(): Record<string, string> {
    return { ...this.home.env, ...placesOf(this.home, this.model, this.port) };
  }

  /** Where a file of the page is, compiled. */
  path(file: string): string {
    return this.#workshop.path(join(this.#folder, file));
  }

  /** Starts a file of the page, or a program by its path. */
  start(file: string, options: StartOptions = {}): Program {
    const child = spawn(process.execPath, [this.#workshop.path(join(this.#folder, file)), ...(options.args ?? [])], {
      cwd: options.cwd ?? this.home.workspace,
      env: { ...this.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    const program = new Program(child);
    this.#programs.push(program);
    return program;
  }

  /** Starts a file that serves at the port of the page, and waits until it does. */
  async serve(file: string): Promise<Program> {
    const server = this.start(file);
    await server.until(() => fetch(this.origin, { method: "HEAD" }));
    return server;
  }

  /** Runs a turn on the client that a file exports as `codex`, and gives what it came to. */
  async turnOn(file: string, env: Readonly<Record<string, string>>): Promise<string> {
    const program = this.start("../fixtures/turnOn.ts", { args: [this.path(file)], env });
    expect(await program.ended, program.output).toEqual({ code: 0, signal: null });
    return program.output.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()));
    await this.model.close();
    await this.home.dispose();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address.port;
}
