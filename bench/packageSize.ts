/** Owns how large a package is: what lies in its folder, and what a program has to load of it. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What a package weighs. */
export interface PackageSize {
  /** Megabytes on disk with all its dependencies, without the agent's own program. */
  readonly installedMb: number;
  /** How many packages it brings along, without the agent's own program. */
  readonly dependencies: number;
  /** Kilobytes of its main entry, bundled, minified and compressed; null when it cannot be bundled. */
  readonly bundleKb: number | null;
}

/** A peer as it was when its size was taken. */
export interface PeerSize extends PackageSize {
  readonly name: string;
  readonly version: string;
  readonly date: string;
}

/** The bytes of all files under a folder. */
export function bytesUnder(folder: string, isLeftOut: (path: string) => boolean = () => false): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (isLeftOut(path)) continue;
    if (entry.isDirectory()) bytes += bytesUnder(path, isLeftOut);
    else if (entry.isFile()) bytes += statSync(path).size;
  }
  return bytes;
}

/**
 * The kilobytes of a module that is loaded whole: bundled with its dependencies, minified, compressed. What it loads later,
 * if at all, is not among them.
 */
export async function bundleKb(module: string, resolveDir: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export * from ${JSON.stringify(module)};`, resolveDir },
    outdir: "out",
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["*.node"],
    tsconfigRaw: {},
    logLevel: "silent",
  });
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && metafile.outputs[next] !== undefined) load(next);
    }
  };
  load("out/stdin.js");
  const files = outputFiles.filter(({ path }) => [...loaded].some((name) => path.endsWith(`/${name}`)));
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0) / 1000;
}
