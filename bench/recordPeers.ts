/** Owns the command that takes the sizes of the peers from the registry: `npx tsx bench/recordPeers.ts`. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { bundleKb, bytesUnder, type PeerSize } from "./packageSize.js";
import { run } from "./programs.js";

const PEERS = [
  "@openai/codex-sdk",
  "@anthropic-ai/claude-agent-sdk",
  "@github/copilot-sdk",
  "@google/gemini-cli-core",
  "@opencode-ai/sdk",
];

/** The agents' own programs, which an SDK starts: left out, as the runtime is of ours. */
const RUNTIMES =
  /node_modules\/(?:@openai\/codex(?:-(?:linux|darwin|win32)[^/]*)?|@github\/copilot(?:-[^/]*)?|@anthropic-ai\/claude-agent-sdk-[^/]*)$/;

const sizes: PeerSize[] = [];
for (const name of PEERS) {
  const folder = mkdtempSync(join(tmpdir(), "codex-embed-peer-"));
  try {
    sizes.push(await sizeOf(name, folder));
    console.log(sizes.at(-1));
  } catch (error) {
    console.error(`${name} is left out: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
writeFileSync(new URL("peerSizes.json", import.meta.url), `${JSON.stringify(sizes, null, 2)}\n`);

async function sizeOf(name: string, folder: string): Promise<PeerSize> {
  writeFileSync(join(folder, "package.json"), '{ "name": "peer", "private": true, "type": "module" }\n');
  await run("npm", ["install", name, "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  const lock: { packages: Record<string, { version?: string }> } = JSON.parse(
    readFileSync(join(folder, "package-lock.json"), "utf8"),
  );
  const isRuntime = (path: string) => RUNTIMES.test(path.split(sep).join("/"));
  const packages = Object.keys(lock.packages).filter((path) => path !== "" && !isRuntime(path));
  const installed = packages.filter((path) => existsUnder(folder, path));
  return {
    name,
    version: lock.packages[`node_modules/${name}`]?.version ?? "unknown",
    date: new Date().toISOString().slice(0, 10),
    installedMb: round(bytesUnder(join(folder, "node_modules"), isRuntime) / 1e6),
    dependencies: installed.length - 1,
    bundleKb: await bundleKb(name, folder).then(round, () => null),
  };
}

/** Packages for other platforms are in the lock file, and are not installed. */
function existsUnder(folder: string, path: string): boolean {
  try {
    readFileSync(join(folder, path, "package.json"));
    return true;
  } catch {
    return false;
  }
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
