/** Checks what each package would publish: its manifest (publint), and its types as each kind of program resolves them (attw). */

import { spawnSync } from "node:child_process";
import { PACKAGES, packageFolder } from "./shared/bundle.js";

const CHECKS = [
  ["publint", "--strict"],
  ["attw", "--pack", ".", "--profile", "esm-only"],
];

for (const name of PACKAGES) {
  for (const [command = "", ...args] of CHECKS) {
    const { status } = spawnSync("npx", ["--no-install", command, ...args], {
      cwd: packageFolder(name),
      stdio: "inherit",
    });
    if (status !== 0) process.exitCode = 1;
  }
}
