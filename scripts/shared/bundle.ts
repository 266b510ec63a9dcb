/** Owns how sources become files that Node runs: one for each entry, what entries share beside them, packages left out. */

import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import manifest from "../../package.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** The options of every such build. */
export const BUNDLED = {
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: `node${/\d+/.exec(manifest.engines.node)?.[0]}`,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Bundles the package, all entries that its manifest names, into a folder in the place of `dist`. */
export async function bundlePackage(folder: string): Promise<void> {
  const entries = Object.values(manifest.exports).flatMap((entry) => (typeof entry === "string" ? [] : entry.default));
  await build({
    ...BUNDLED,
    absWorkingDir: fileURLToPath(ROOT),
    entryPoints: [...entries, ...Object.values(manifest.bin)].map((path) =>
      path.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts"),
    ),
    outdir: folder,
    outbase: "src",
    chunkNames: "shared/[hash]",
  });
}
