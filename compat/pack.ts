/** Packs the packages as for a release, from a copy, so that nothing here disturbs the build of anybody else. */

import { cpSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES, type PackageFolder } from "../scripts/shared/bundle.js";
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

/** The packages, packed. */
export type AllPacked = Readonly<Record<PackageFolder, Packed>>;

const LEFT_OUT = new Set(["node_modules", ".git", "dist", "coverage"]);

/** Builds a copy of the repository in `work` and packs its packages there. */
export async function pack(work: string): Promise<AllPacked> {
  const copy = join(work, "copy");
  cpSync(ROOT, copy, { recursive: true, filter: (source) => !LEFT_OUT.has(basename(source)) });
  symlinkSync(MODULES, join(copy, "node_modules"), "dir");
  await run(process.execPath, ["--import", "tsx", "scripts/build.ts"], { cwd: copy });
  const entries = PACKAGES.map(async (name) => [name, await packOne(join(copy, "packages", name), work)] as const);
  const { "codex-embed": core, "mcp-server": mcp } = Object.fromEntries(await Promise.all(entries));
  if (core === undefined || mcp === undefined) throw new Error("A package was not packed.");
  return { "codex-embed": core, "mcp-server": mcp };
}

async function packOne(cwd: string, work: string): Promise<Packed> {
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], { cwd });
  const [report]: [{ filename: string; files: { path: string }[] }] = JSON.parse(stdout);
  return { tarball: join(work, basename(report.filename)), files: report.files.map(({ path }) => path) };
}
