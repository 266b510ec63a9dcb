/** Owns the programs that tests start as children: bundled once, since compiling them takes longer than most tests. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The folder of the bundles; packages are found from it as from the sources. */
const FOLDER = "node_modules/.cache/codex-embed-tests";

/** The program `codex-embed`. */
export const CLI = root(`${FOLDER}/main.js`);

/** Bundles the programs before the first test. */
export async function setup(): Promise<void> {
  await build({
    entryPoints: [root("src/cli/main.ts")],
    outdir: root(FOLDER),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    logLevel: "warning",
  });
}
