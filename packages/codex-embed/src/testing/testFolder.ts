/** Owns the place on disk where a test's runtime lives: a fresh folder, outside the system's temporary folder if possible. */

import { mkdir, mkdtemp, realpath, rmdir, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";

/** Where a fresh folder may be made. */
export interface TestPlaces {
  /** The folders to try in order. */
  readonly caches: readonly string[];
  /** The system's temporary folder, as the last resort. */
  readonly temporary: string;
}

/**
 * Makes a fresh folder in the user's cache, else in the cache of the project around the working directory, else in the
 * system's temporary folder. Rejects when none of them can be written to.
 */
export async function makeTestFolder(places?: TestPlaces): Promise<string> {
  const { caches, temporary } = places ?? { caches: await cacheFolders(), temporary: tmpdir() };
  const temporaryPath = await realpath(temporary);
  for (const cache of caches) {
    const path = await tryMake(join(cache, "codex-embed-testing"));
    if (path === undefined) continue;
    if (!isInside(path, temporaryPath)) return path;
    await rmdir(path);
  }
  return mkdtemp(join(temporaryPath, "codex-embed-testing-"));
}

async function cacheFolders(): Promise<string[]> {
  const project = await nearestNodeModules(process.cwd());
  const folders = [process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache")];
  if (project !== undefined) folders.push(join(project, ".cache"));
  return folders;
}

async function tryMake(parent: string): Promise<string | undefined> {
  try {
    await mkdir(parent, { recursive: true });
    return await realpath(await mkdtemp(join(parent, "run-")));
  } catch {
    return undefined;
  }
}

async function nearestNodeModules(from: string): Promise<string | undefined> {
  const candidate = join(from, "node_modules");
  const found = await stat(candidate).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (found) return candidate;
  const parent = dirname(from);
  return parent === from ? undefined : nearestNodeModules(parent);
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && way !== path;
}
