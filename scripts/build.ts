/** Builds `dist` of every package: the JavaScript and the types of each entry as one file, with what entries share beside them. */

import { copyFileSync, rmSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { bundlePackage, entriesOf, manifestOf, PACKAGES, type PackageFolder, packageFolder } from "./shared/bundle.js";

for (const name of PACKAGES) {
  const dist = `${packageFolder(name)}dist`;
  rmSync(dist, { recursive: true, force: true });
  await bundlePackage(name, dist);
  await rollTypes(name, dist);
  copyFileSync(fileURLToPath(new URL("../LICENSE", import.meta.url)), `${packageFolder(name)}LICENSE`);
}
// The page of the repository is the page of the core.
copyFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), `${packageFolder("codex-embed")}README.md`);

/** Rolls the declarations of a package up. Throws when they do not compile. */
async function rollTypes(name: PackageFolder, dir: string): Promise<void> {
  const folder = packageFolder(name);
  const bundle = await rollup({
    input: Object.fromEntries(entriesOf(name).modules.map((entry) => [entry, `${folder}src/${entry}.ts`])),
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    plugins: [
      dts({ tsconfig: `${folder}tsconfig.json`, compilerOptions: { paths: builtTypes(), stripInternal: true } }),
    ],
    onLog: (_level, log) => {
      throw new Error(`The types of ${name}: ${log.message}`);
    },
  });
  await bundle.write({
    dir,
    format: "es",
    entryFileNames: "[name].d.ts",
    chunkFileNames: "shared/[name].d.ts",
    manualChunks: (id) => sharedTypesOf(id.slice(`${folder}src/`.length)),
    minifyInternalExports: false,
  });
  await bundle.close();
}

/** The file that holds the types of a module which several entries need; null for a module of one entry alone. */
function sharedTypesOf(path: string): string | null {
  if (path.startsWith("protocol/generated/")) return "protocol";
  return /^(?:approvals|checkpoints|exec|testing)\//.test(path) || !path.includes("/") ? null : "types";
}

/** Where the packages find each other's types: in what is built, and not in the sources. */
function builtTypes(): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const name of PACKAGES) {
    const folder = packageFolder(name);
    for (const entry of entriesOf(name).modules) {
      paths[`${manifestOf(name).name}/${entry.replace(/\/?index$/, "")}`.replace(/\/$/, "")] = [
        `${folder}dist/${entry}.d.ts`,
      ];
    }
  }
  return paths;
}
