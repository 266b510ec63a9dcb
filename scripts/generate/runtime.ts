/** A runtime as a generator: its version and its protocol types. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";

/** The command that prints the protocol types, without its output directory. */
export const generateCommand = ["app-server", "generate-ts", "--experimental"] as const;

/** What the runtime printed: its version, and its type files by their path with forward slashes (`v2/Turn.ts`). */
export interface RuntimeOutput {
  version: string;
  files: ReadonlyMap<string, string>;
}

/** Has the runtime installed beside this repository print its types; throws when it is missing or is not the pinned one. */
export function readRuntime(projectUrl: URL): RuntimeOutput {
  const output = readBinary(locateBinary(projectUrl));
  checkPin(projectUrl, output.version);
  return output;
}

/** Has a runtime of any version print its types: all of them, or those of its stable protocol alone. */
export function readBinary(binary: string, { stable = false } = {}): RuntimeOutput {
  const workDir = mkdtempSync(join(tmpdir(), "codex-embed-generate-"));
  try {
    const home = join(workDir, "home");
    const out = join(workDir, "out");
    mkdirSync(home);
    mkdirSync(out);
    const run = (...args: string[]) =>
      execFileSync(binary, args, {
        encoding: "utf8",
        env: { ...process.env, CODEX_HOME: home },
        stdio: ["ignore", "pipe", "pipe"],
      });
    const version = parseVersion(run("--version"));
    run(...generateCommand.filter((arg) => !stable || arg !== "--experimental"), "--out", out);
    return { version, files: readTree(out) };
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

/** Takes the version out of `codex --version`; throws when the line has another form. */
export function parseVersion(line: string): string {
  const version = /^codex-cli (\S+)$/.exec(line.trim())?.[1];
  if (version === undefined) throw new Error(`Cannot read the runtime's version from ${JSON.stringify(line)}.`);
  return version;
}

/** The binary of the runtime installed beside this repository. */
export function locateBinary(projectUrl: URL): string {
  const codexJson = createRequire(new URL("packages/codex-embed/package.json", projectUrl)).resolve(
    "@openai/codex/package.json",
  );
  // The platform package is a dependency of @openai/codex, so it is resolved from there (pnpm does not hoist it).
  const platformJson = createRequire(codexJson).resolve(
    `@openai/codex-${process.platform}-${process.arch}/package.json`,
  );
  const vendor = join(dirname(platformJson), "vendor");
  const executable = process.platform === "win32" ? "codex.exe" : "codex";
  const found = readdirSync(vendor)
    .map((target) => join(vendor, target, "bin", executable))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`No ${executable} under ${vendor}: reinstall with \`npm ci\`.`);
  return found;
}

function checkPin(projectUrl: URL, version: string): void {
  const manifest: unknown = JSON.parse(readFileSync(new URL("packages/codex-embed/package.json", projectUrl), "utf8"));
  const pinned = property(property(manifest, "optionalDependencies"), "@openai/codex");
  if (pinned !== version) {
    throw new Error(`The installed runtime is ${version}, package.json pins ${String(pinned)}: run \`npm ci\`.`);
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function readTree(root: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(root, path).split(sep).join("/"), readFileSync(path, "utf8"));
  }
  return files;
}
