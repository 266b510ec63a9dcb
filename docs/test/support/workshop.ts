/** The folder that code of the documentation is run in: the package installed as a reader has it, and compiled files. */

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { stop, transform } from "esbuild";
import { BUNDLED, bundlePackage, PACKAGES, type PackageFolder, packageFolder } from "../../../scripts/shared/bundle.js";
import { ROOT } from "./pages.js";
import { withPlaces } from "./places.js";

/** Languages that are compiled, with the ending of what comes out. */
const COMPILED: Readonly<Record<string, string>> = { ".ts": ".mjs", ".mts": ".mjs" };

/** A folder below the packages of this repository, with this package in its own `node_modules`. */
export class Workshop {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder, which is this process's own. */
  static async open(): Promise<Workshop> {
    const folder = `${ROOT}node_modules/.cache/codex-embed-docs/${process.pid}`;
    for (const name of PACKAGES) await installPackage(name, join(folder, "node_modules"));
    return new Workshop(folder);
  }

  /** Where a file is, once it is laid down: a compiled one with its new ending. */
  path(file: string): string {
    const ending = extname(file);
    return join(this.#folder, file.slice(0, file.length - ending.length) + (COMPILED[ending] ?? ending));
  }

  /** Lays a file down, a program with variables for the places that it names, and compiles it when it has types. */
  async lay(file: string, text: string): Promise<void> {
    const source = join(this.#folder, file);
    const target = this.path(file);
    const code = withPlaces(text);
    mkdirSync(dirname(source), { recursive: true });
    writeFileSync(source, code);
    if (source === target) return;
    const compiled = await transform(code, { loader: "ts", format: "esm", target: BUNDLED.target, sourcefile: file });
    writeFileSync(target, compiled.code);
  }

  /** Removes the folder, and ends the compiler. */
  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    await stop();
  }
}

/** The package out of the sources, with the entries that its manifest says. */
async function installPackage(name: PackageFolder, modules: string): Promise<void> {
  const manifest: { name: string } = JSON.parse(readFileSync(`${packageFolder(name)}package.json`, "utf8"));
  const folder = join(modules, manifest.name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(`${packageFolder(name)}package.json`, join(folder, "package.json"));
  await bundlePackage(name, join(folder, "dist"));
}
