/** Reading and writing what this repository says of its version, and running its commands. */

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ReleaseState } from "./problems.js";

/** The root of this repository. */
export const ROOT = new URL("../../", import.meta.url);
const MANIFEST = "packages/codex-embed/package.json";

/** The text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** Writes a file of the repository. */
export function write(path: string, text: string): void {
  writeFileSync(new URL(path, ROOT), text);
}

/** What package.json says of versions. */
export function versions(): { version: string; runtime: string } {
  const manifest: { version: string; optionalDependencies: Record<string, string> } = JSON.parse(read(MANIFEST));
  return { version: manifest.version, runtime: manifest.optionalDependencies["@openai/codex"] ?? "" };
}

/** Replaces the version of the package, and the pinned runtime, in package.json. Its layout stays. */
export function setVersions(version: string, runtime: string): void {
  const text = read(MANIFEST)
    .replace(/^( {2}"version": )".*"/m, `$1"${version}"`)
    .replace(/("@openai\/codex": )"[^"$]*"/, `$1"${runtime}"`);
  write(MANIFEST, text);
}

/** What git knows to be changed, below the given paths. */
export function uncommitted(...paths: readonly string[]): string {
  return execFileSync("git", ["status", "--porcelain", "--", ...paths], { cwd: ROOT, encoding: "utf8" });
}

/** Reads all that a release is judged by. */
export function releaseState(): ReleaseState {
  const lock: { packages: Record<string, { version?: string }> } = JSON.parse(read("package-lock.json"));
  return {
    ...versions(),
    lockedVersion: lock.packages["packages/codex-embed"]?.version ?? "nothing",
    generatedFrom:
      /RUNTIME_VERSION = "(.*)"/.exec(read("packages/codex-embed/src/protocol/generated/tables.ts"))?.[1] ?? "nothing",
    changelog: read("packages/codex-embed/CHANGELOG.md"),
    uncommitted: uncommitted("."),
    changesets: readdirSync(fileURLToPath(new URL(".changeset", ROOT))),
  };
}

/** Runs a command of the repository and shows what it prints; tells whether it succeeded. */
export function runs(program: string, ...args: readonly string[]): boolean {
  // What it prints goes to stderr, so that stdout holds nothing but the result of this command.
  const { status } = spawnSync(program, args, { cwd: ROOT, stdio: ["inherit", process.stderr, "inherit"] });
  return status === 0;
}
