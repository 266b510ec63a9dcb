/** Runtimes of other versions than the pinned one, from the registry. */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where the runtimes are kept: `CODEX_RUNTIMES_DIR`, else a cache folder of this repository. */
export function runtimesFolder(): string {
  return (
    process.env["CODEX_RUNTIMES_DIR"] ??
    fileURLToPath(new URL("../../node_modules/.cache/codex-embed-runtimes/", import.meta.url))
  );
}

/** The releases of the runtime in the registry, without prereleases and the packages of a platform. */
export async function publishedRuntimes(): Promise<string[]> {
  const { stdout } = await run("npm", ["view", "@openai/codex", "versions", "--json"], {
    shell: process.platform === "win32",
    maxBuffer: 16 * 1024 * 1024,
  });
  const versions: unknown = JSON.parse(stdout);
  if (!Array.isArray(versions)) throw new Error("The registry lists no versions of @openai/codex.");
  return versions.filter((version): version is string => /^\d+\.\d+\.\d+$/.test(String(version)));
}

/**
 * The path of the native binary of one version. Installs `@openai/codex` from the registry on first use. Of several calls at
 * once, also by several processes, one installs and the others wait for it.
 *
 * @throws Error when the registry does not have the version, or has no binary for this platform.
 */
export async function installRuntime(version: string): Promise<string> {
  const folder = join(runtimesFolder(), version);
  const installed = binaryIn(folder);
  if (installed !== null) return installed;
  mkdirSync(runtimesFolder(), { recursive: true });
  const lock = join(runtimesFolder(), `.installing-${version}`);
  while (!isTaken(lock)) {
    await pause(LOCK_POLL_MS);
    const byOther = binaryIn(folder);
    if (byOther !== null) return byOther;
  }
  const staging = mkdtempSync(join(runtimesFolder(), ".staging-"));
  try {
    writeFileSync(join(staging, "package.json"), "{}");
    await run(
      "npm",
      ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", `@openai/codex@${version}`],
      {
        cwd: staging,
        shell: process.platform === "win32",
      },
    );
    if (binaryIn(staging) === null) throw new Error(`@openai/codex@${version} has no binary for this platform.`);
    if (!existsSync(folder)) renameSync(staging, folder);
  } catch (error) {
    // Another process was faster.
    if (binaryIn(folder) === null) throw new Error(`Cannot install @openai/codex@${version}.`, { cause: error });
  } finally {
    rmSync(staging, { recursive: true, force: true });
    rmSync(lock, { recursive: true, force: true });
  }
  const binary = binaryIn(folder);
  if (binary === null) throw new Error(`${folder} holds no runtime. Remove the folder and try again.`);
  return binary;
}

const LOCK_POLL_MS = 500;
/** A lock that is older was left by a process that was killed. */
const LOCK_AGE_MS = 15 * 60_000;

/** Takes the lock if nobody holds it. */
function isTaken(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (since > 0 && Date.now() - since > LOCK_AGE_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function binaryIn(folder: string): string | null {
  const executable = process.platform === "win32" ? "codex.exe" : "codex";
  const platformPackage = `codex-${process.platform}-${process.arch}`;
  const vendor = [
    join(folder, "node_modules/@openai", platformPackage, "vendor"),
    join(folder, "node_modules/@openai/codex/node_modules/@openai", platformPackage, "vendor"),
    join(folder, "node_modules/@openai/codex/vendor"),
  ].find((path) => existsSync(path));
  if (vendor === undefined) return null;
  // Older packages keep the binary in `codex/`, newer ones in `bin/`.
  return (
    readdirSync(vendor)
      .flatMap((target) => ["bin", "codex"].map((part) => join(vendor, target, part, executable)))
      .find((path) => existsSync(path)) ?? null
  );
}
