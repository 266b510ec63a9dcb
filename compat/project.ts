/** A fresh project in a folder of its own, which has the packed package installed or installs it itself. */

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
import { type Manifest, manifestOf, type PackageFolder } from "../scripts/shared/bundle.js";
import { type AllPacked, MODULES } from "./pack.js";
import { type Output, type RunOptions, run } from "./shell.js";

const RUNTIME = ["@openai/codex", `@openai/codex-${process.platform}-${process.arch}`];

/** A project that uses the package. */
export class Project {
  readonly folder: string;
  readonly #packed: AllPacked;

  constructor(folder: string, packed: AllPacked, manifest: object = {}) {
    this.folder = folder;
    this.#packed = packed;
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
    await this.#placeOne("codex-embed");
  }

  /** Puts the MCP server beside it. */
  async placeMcpServer(): Promise<void> {
    await this.#placeOne("mcp-server");
  }

  async #placeOne(name: PackageFolder): Promise<void> {
    const manifest = manifestOf(name);
    await this.unpack(`node_modules/${manifest.name}`, name);
    // The packages that an installation brings, as they are installed in this repository.
    for (const dependency of withTheirs(Object.keys(manifest.dependencies ?? {}))) this.link(dependency);
  }

  /** Unpacks a package into a folder of the project. */
  async unpack(to: string, name: PackageFolder = "codex-embed"): Promise<void> {
    const target = join(this.folder, to);
    mkdirSync(target, { recursive: true });
    await this.run("tar", ["-xzf", this.#packed[name].tarball, "--strip-components=1", "-C", target]);
  }

  /** Installs a package of this repository as real files that take no room. */
  link(name: string, to = `node_modules/${name}`): void {
    linkTree(join(MODULES, name), join(this.folder, to));
  }
}

/** The packages, and those that they depend on. */
function withTheirs(names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names.filter((candidate) => !found.has(candidate))) {
    found.add(name);
    const manifest: Pick<Manifest, "dependencies"> = JSON.parse(
      readFileSync(join(MODULES, name, "package.json"), "utf8"),
    );
    withTheirs(Object.keys(manifest.dependencies ?? {}), found);
  }
  return found;
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
