/** Builds `dist` of every package: each entry as one file, and its types. */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { bundlePackage, PACKAGES, packageFolder } from "./shared/bundle.js";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

for (const name of PACKAGES) {
  const folder = packageFolder(name);
  rmSync(`${folder}dist`, { recursive: true, force: true });
  await bundlePackage(name, `${folder}dist`);
  const { status } = spawnSync(process.execPath, [tsc, "-p", `${folder}tsconfig.build.json`], { stdio: "inherit" });
  if (status !== 0) process.exitCode = status ?? 1;
}
