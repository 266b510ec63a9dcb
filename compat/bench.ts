/** What trials share: a temporary folder, the packed packages, and tools that are installed once. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AllPacked, pack } from "./pack.js";
import { Project } from "./project.js";
import { run } from "./shell.js";

/** One thing to try. */
export interface Trial {
  readonly name: string;
  /** What is done, in a few words. */
  readonly what: string;
  /** Tries it; resolves with what is worth telling, and rejects when it does not work. */
  readonly run: (bench: Bench) => Promise<string>;
}

/** Where trials are made. */
export class Bench {
  readonly work: string;
  readonly packed: AllPacked;
  readonly #tools = new Map<string, Promise<string>>();
  #projects = 0;

  private constructor(work: string, packed: AllPacked) {
    this.work = work;
    this.packed = packed;
  }

  /** Packs the packages into a new temporary folder. */
  static async open(): Promise<Bench> {
    const work = realpathSync(mkdtempSync(join(tmpdir(), "codex-embed-compat-")));
    try {
      return new Bench(work, await pack(work));
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      throw error;
    }
  }

  close(): void {
    rmSync(this.work, { recursive: true, force: true });
  }

  /** Makes an empty project; `name` is that of its folder. */
  project(name = "project", manifest: object = {}): Project {
    this.#projects += 1;
    return new Project(join(this.work, String(this.#projects), name), this.packed, manifest);
  }

  /** Installs packages from the registry into a folder of their own, once; returns its node_modules. */
  tool(...specs: readonly string[]): Promise<string> {
    const key = specs.join(" ");
    const known = this.#tools.get(key) ?? this.#install(specs);
    this.#tools.set(key, known);
    return known;
  }

  async #install(specs: readonly string[]): Promise<string> {
    const folder = join(this.work, "tools", String(this.#tools.size));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    await run("npm", ["install", "--no-audit", "--no-fund", ...specs], { cwd: folder });
    return join(folder, "node_modules");
  }
}
