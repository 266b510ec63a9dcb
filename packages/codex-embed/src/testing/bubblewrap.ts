/** Owns the loan of the runtime's bundled bubblewrap to machines that have none. */

import { access, constants, copyFile, mkdir, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

/**
 * Copies the `bwrap` of the runtime package into `folder`, when this is Linux and `searchPath` has none: without one on
 * its PATH the runtime prints an error. Returns the folder when it has to be put on the PATH, else undefined.
 */
export async function linkBubblewrap(folder: string, searchPath: string): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const places = searchPath.split(delimiter).filter((path) => path !== "");
  for (const place of places) if (await isExecutable(join(place, "bwrap"))) return undefined;
  const bundled = await findBundled();
  if (bundled === undefined) return undefined;
  await mkdir(folder);
  // A copy, since the runtime takes none whose real path lies in the temporary folder, where a project may lie.
  await copyFile(bundled, join(folder, "bwrap"));
  return folder;
}

async function findBundled(): Promise<string | undefined> {
  const vendor = vendorFolder();
  if (vendor === undefined) return undefined;
  for (const target of await readdir(vendor).catch(() => [])) {
    const candidate = join(vendor, target, "codex-resources", "bwrap");
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function vendorFolder(): string | undefined {
  try {
    const runtime = createRequire(import.meta.url).resolve("@openai/codex/package.json");
    const platform = `@openai/codex-${process.platform}-${process.arch}/package.json`;
    return join(dirname(createRequire(runtime).resolve(platform)), "vendor");
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
