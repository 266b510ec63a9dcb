/** Owns packing this package as for a release, from a copy, so that nothing here disturbs the build of anybody else. */

import { cpSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./shell.js";

/** The root of this repository. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The packages installed in this repository. */
export const MODULES = join(ROOT, "node_modules");

/** A tarball, and the paths of the files in it. */
export interface Packed {
  readonly tarball: string;
  readonly files: readonly string[];
}

/** Builds a copy of the repository in `work` and packs it there. */
export async function pack(work: string): Promise<Packed> {
  const copy = join(work, "copy");
  const ignored = new Set(["node_modules", ".git", "dist", "coverage"].map((name) => join(ROOT, name)));
  cpSync(ROOT, copy, { recursive: true, filter: (source) => !ignored.has(source) });
  symlinkSync(MODULES, join(copy, "node_modules"), "dir");
  await run(process.execPath, ["--import", "tsx", "scripts/build.ts"], { cwd: copy });
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", work];
  const { stdout } = await run("npm", args, { cwd: copy });
  const [report]: [{ filename: string; files: { path: string }[] }] = JSON.parse(stdout);
  return { tarball: join(work, basename(report.filename)), files: report.files.map(({ path }) => path) };
}
