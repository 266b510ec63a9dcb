/** Owns a fresh project in a folder of its own, which has the packed package installed or installs it itself. */

import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { MODULES } from "./pack.js";
import { type Output, type RunOptions, run } from "./shell.js";

/** The packages that an installation brings, as they are installed in this repository. */
const DEPENDENCIES = dependenciesOf(readFileSync(join(MODULES, "..", "package.json"), "utf8"));
const RUNTIME = ["@openai/codex", `@openai/codex-${process.platform}-${process.arch}`];

function dependenciesOf(manifest: string): string[] {
  const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(manifest);
  return Object.keys(dependencies);
}

/** A project that uses the package. */
export class Project {
  readonly folder: string;
  readonly #tarball: string;

  constructor(folder: string, tarball: string, manifest: object = {}) {
    this.folder = folder;
    this.#tarball = tarball;
    this.write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module", ...manifest }));
  }

  /** Writes a file of the project; returns its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Runs a program in the project's folder. */
  run(program: string, args: readonly string[], options: Omit<RunOptions, "cwd"> = {}): Promise<Output> {
    return run(program, args, { ...options, cwd: this.folder });
  }

  /** Puts the package where an installation would, without asking a registry, with its dependencies and the runtime. */
  async place(): Promise<void> {
    await this.placeWithoutRuntime();
    for (const name of RUNTIME) this.link(name);
  }

  /** The same as an installation with `--omit=optional` would. */
  async placeWithoutRuntime(): Promise<void> {
    await this.unpack("node_modules/codex-embed");
    for (const name of DEPENDENCIES) this.link(name);
  }

  /** Unpacks the package into a folder of the project. */
  async unpack(to: string): Promise<void> {
    const target = join(this.folder, to);
    mkdirSync(target, { recursive: true });
    await this.run("tar", ["-xzf", this.#tarball, "--strip-components=1", "-C", target]);
  }

  /** Installs a package of this repository as real files that take no room. */
  link(name: string, to = `node_modules/${name}`): void {
    linkTree(join(MODULES, name), join(this.folder, to));
  }
}

function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkFile(source, target);
  }
}

function linkFile(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target); // on another file system
  }
}
