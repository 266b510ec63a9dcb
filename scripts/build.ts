/** Owns the command that builds `dist` anew: each entry of the package as one file, and the types of each source. */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { bundlePackage } from "./shared/bundle.js";

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

rmSync(root("dist"), { recursive: true, force: true });
await bundlePackage(root("dist"));
const { status } = spawnSync(process.execPath, [tsc, "-p", root("tsconfig.build.json")], { stdio: "inherit" });
process.exitCode = status ?? 1;
