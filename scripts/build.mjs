// Builds dist anew: each entry of the package as one file, what entries share beside them, and the types of each source.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { bin, exports, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const built = [...Object.values(bin), ...Object.values(exports).flatMap((entry) => entry.default ?? [])];

rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: built.map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")),
  outdir: "dist",
  outbase: "src",
  chunkNames: "shared/[hash]",
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: `node${engines.node.match(/\d+/)[0]}`,
  logLevel: "warning",
});
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
process.exitCode = status ?? 1;
