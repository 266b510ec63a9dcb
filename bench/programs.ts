/** The programs that the measurements start as children: bundled once, and run by Node with nothing else loaded. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const FOLDER = root("node_modules/.cache/codex-embed-bench");
/** What users install. It is not bundled, as it is not for most of them. */
const BUILT = root("packages/codex-embed/dist/index.js");

/** Bundles programs of `bench/peers`; gives the path of each by its name. */
export async function programs<N extends string>(...names: readonly N[]): Promise<(name: N) => string> {
  await build({
    entryPoints: names.map((name) => root(`bench/peers/${name}.ts`)),
    outdir: FOLDER,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: false,
    format: "esm",
    platform: "node",
    target: "node20",
    alias: { "codex-embed": BUILT },
    external: [BUILT],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    tsconfigRaw: {},
    logLevel: "warning",
  });
  return (name) => `${FOLDER}/${name}.mjs`;
}

/** Runs a program to its end. */
export async function run(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(command, args, { encoding: "utf8" });
}
