/** How sources become files that Node runs: one for each entry, what entries share beside them, packages left out. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import core from "../../packages/codex-embed/package.json" with { type: "json" };

/** The folders of `packages`, each after those that it depends on. */
export const PACKAGES = ["codex-embed", "mcp-server"] as const;
export type PackageFolder = (typeof PACKAGES)[number];

/** The folder of a package, with a slash at its end. */
export function packageFolder(name: PackageFolder): string {
  return fileURLToPath(new URL(`../../packages/${name}/`, import.meta.url));
}

/** The options of every such build. */
export const BUNDLED = {
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: `node${/\d+/.exec(core.engines.node)?.[0]}`,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** What the manifest of a package says. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Reads the manifest of a package. */
export function manifestOf(name: PackageFolder): Manifest {
  return JSON.parse(readFileSync(`${packageFolder(name)}package.json`, "utf8"));
}

/** The entries of a package, as its manifest names them: `exec/index` for `./dist/exec/index.js`. */
export function entriesOf(name: PackageFolder): { readonly modules: string[]; readonly programs: string[] } {
  const manifest = manifestOf(name);
  const entryOf = (path: string): string => path.replace(/^\.\/dist\/(.*)\.js$/, "$1");
  return {
    modules: Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [] : entryOf(entry.default),
    ),
    programs: Object.values(manifest.bin ?? {}).map(entryOf),
  };
}

/** Bundles the JavaScript of a package, one file for each entry, into a folder in the place of its `dist`. */
export async function bundlePackage(name: PackageFolder, outdir: string): Promise<void> {
  const { modules, programs } = entriesOf(name);
  await build({
    ...BUNDLED,
    absWorkingDir: packageFolder(name),
    entryPoints: [...modules, ...programs].map((entry) => `src/${entry}.ts`),
    outdir,
    outbase: "src",
    chunkNames: "shared/[hash]",
    // Not the paths of this repository: a package imports another one by its name.
    tsconfigRaw: {},
  });
}
