/** What the tests with real processes share: fixtures, lines of their output, and who still runs. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { onTestFinished } from "vitest";
import { AgentProcess, type AgentProcessOptions } from "../../../src/process/agentProcess.js";
import { launchEnvironment, newMark, withMark } from "../../../src/process/environment.js";
import type { SpawnRequest } from "../../../src/process/launch.js";

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/process/${name}`, import.meta.url));
}

/** Runs a script of the shell, marked like every launch. */
export function shellRequest(script: string, mark = newMark()): SpawnRequest & { readonly mark: string } {
  return { command: "/bin/sh", args: ["-c", script], env: withMark(launchEnvironment({}), mark), mark };
}

export function nodeRequest(fixture: string, ...args: string[]): SpawnRequest {
  return { command: process.execPath, args: [fixturePath(fixture), ...args], env: launchEnvironment({}) };
}

/** Starts a fixture; whatever the test does, nothing of it is left afterwards. */
export async function startFixture(
  request: SpawnRequest,
  options: AgentProcessOptions = { graceMs: 5_000 },
): Promise<AgentProcess> {
  const agent = await AgentProcess.start(request, options);
  onTestFinished(async () => void (await agent.kill()));
  return agent;
}

/** Collects a stream, and lets a test wait for its lines. */
export class Lines {
  #text = "";
  #wake: () => void = () => {};
  #ended = false;

  constructor(stream: Readable) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
    stream.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  get text(): string {
    return this.#text;
  }

  /** Waits for a line, counted from 0. */
  line(index: number): Promise<string> {
    return this.#find((_, at) => at === index);
  }

  /** Waits for the answer to a JSON-RPC request. */
  async answer(id: number): Promise<unknown> {
    return JSON.parse(await this.#find((line) => line.startsWith(`{"id":${id},`)));
  }

  async #find(wanted: (line: string, index: number) => boolean): Promise<string> {
    for (;;) {
      const line = this.#text.split("\n").slice(0, -1).find(wanted);
      if (line !== undefined) return line;
      if (this.#ended) throw new Error(`The output ended before the line that was waited for: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export interface Family {
  readonly parent: number;
  readonly inGroup: number;
  readonly detached: number;
}

export function parseFamily(line: string): Family {
  const value: Family = JSON.parse(line);
  onTestFinished(() => {
    for (const pid of Object.values(value)) if (runs(pid)) process.kill(pid, "SIGKILL");
  });
  return value;
}

/** Tells whether a process runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Waits until `condition` holds, looking again after each short interval, for at most `limitMs`. */
export async function until(condition: () => boolean, limitMs = 5_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Still not so after ${limitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Bundles a host program, so that plain Node can run it. */
export function bundleHost(fixture: string, folder: string, format: "esm" | "cjs" = "esm"): string {
  const outfile = join(folder, format === "esm" ? "host.mjs" : "host.cjs");
  buildSync({
    entryPoints: [fixturePath(fixture)],
    outfile,
    format,
    bundle: true,
    platform: "node",
    target: "node20",
    logLevel: "silent",
  });
  return outfile;
}
