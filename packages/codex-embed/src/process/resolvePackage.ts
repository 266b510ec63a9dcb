/** Owns the resolution of installed packages in a way that survives bundlers and strict package managers. */

import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Finds the `package.json` of a package as seen from a file; null when it is not installed there. */
export type ResolvePackageJson = (packageName: string, fromFile: string) => string | null;

/** {@link ResolvePackageJson} by Node's own resolution, so it follows workspaces and Plug'n'Play. */
export function resolvePackageJson(packageName: string, fromFile: string): string | null {
  // Reached this way because bundlers replace an imported `createRequire` by one that resolves inside the bundle.
  const { createRequire } = process.getBuiltinModule("node:module");
  let lookupPaths: readonly string[] | null;
  try {
    const { resolve } = createRequire(fromFile);
    try {
      return resolve(`${packageName}/package.json`);
    } catch {
      lookupPaths = resolve.paths(packageName);
    }
  } catch {
    return null;
  }
  // A package whose `exports` hide its package.json is still there to be read.
  const hidden = lookupPaths?.map((path) => join(path, packageName, "package.json"));
  return hidden?.find((path) => existsSync(path)) ?? null;
}

/** The files to resolve packages from, nearest first: this module, the program's script, the working directory. */
export function resolutionBases(): string[] {
  const bases: string[] = [];
  const ownUrl: unknown = import.meta.url; // undefined in a bundle of CommonJS format
  if (typeof ownUrl === "string" && ownUrl.startsWith("file:")) bases.push(fileURLToPath(ownUrl));
  const script = process.argv[1];
  if (script !== undefined && isAbsolute(script)) {
    bases.push(script);
    try {
      bases.push(realpathSync(script));
    } catch {
      // The script may exist only in memory or inside an archive.
    }
  }
  try {
    bases.push(join(process.cwd(), "index.js"));
  } catch {
    // The working directory may have been deleted.
  }
  return [...new Set(bases)];
}
