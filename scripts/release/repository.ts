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

/** Pins another runtime in every manifest of the repository, with the version of the package that belongs to it. */
export function pinRuntime(version: string, runtime: string): void {
  setVersions(version, runtime);
  for (const path of tracked("package.json", "*/package.json")) {
    const text = read(path);
    const moved = text
      .replace(/("@openai\/codex": )"[^"$]*"/g, `$1"${runtime}"`)
      .replace(/("codex-embed": )"\^[^"]*"/g, `$1"^${version}"`);
    if (moved !== text) write(path, moved);
  }
}

/**
 * Takes the runtime out of the lock file, so that the next install looks for it again. Otherwise npm keeps the old one for
 * what an override ties to it, and puts the new one beside it.
 */
export function unlockRuntime(): void {
  const lock: { packages: Record<string, unknown> } = JSON.parse(read("package-lock.json"));
  const packages = Object.entries(lock.packages).filter(
    ([path]) => !/(?:^|\/)node_modules\/@openai\/codex(?:-(?:linux|darwin|win32)-\w+)?$/.test(path),
  );
  write("package-lock.json", `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
}

/** The files of the repository that match patterns of git. */
export function tracked(...patterns: readonly string[]): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--", ...patterns], { cwd: ROOT, encoding: "utf8" });
  return listed.split("\0").filter((path) => path !== "");
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
