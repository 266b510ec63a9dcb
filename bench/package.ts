/** Owns the measurement `package`: what an installation and a bundle of the SDK weigh, beside others. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Contestant, type Goal, type Measured, type Race, race } from "./measure.js";
import { bundleKb, bytesUnder, type PackageSize, type PeerSize } from "./packageSize.js";
import { run } from "./programs.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Compares sizes, which are the same in each round. */
export async function packageSizes(): Promise<Measured> {
  const peers: PeerSize[] = JSON.parse(readFileSync(new URL("peerSizes.json", import.meta.url), "utf8"));
  const own = await ownSize();
  const contest = (
    title: string,
    unit: string,
    size: (of: PackageSize) => number | null,
    goal: Goal,
  ): Promise<Race> => {
    const contestant = (name: string, of: PackageSize, goals: readonly Goal[]): Contestant[] => {
      const value = size(of);
      return value === null ? [] : [{ name, goals, run: async () => ({ sample: { value } }) }];
    };
    const others = peers.flatMap((peer) => contestant(`\`${peer.name}\` ${peer.version}`, peer, []));
    return race([...contestant("`codex-embed`", own, [goal]), ...others], { title, unit, rounds: 1, warmUp: false });
  };
  return {
    races: [
      await contest("main entry, bundled, minified, gzip", "kB", (of) => of.bundleKb, { of: "value", atMost: 30 }),
      await contest("packages that come along", "packages", (of) => of.dependencies, { of: "value", atMost: 2 }),
      await contest("installed", "MB", (of) => of.installedMb, { of: "value" }),
    ],
    notes: [
      "Without the agent's own program. What is loaded later, if at all, is not in the bundle, nor are optional peers. The sizes of the others are those of " +
        `${peers[0]?.date ?? "never"}, taken with \`npx tsx bench/recordPeers.ts\`. One that is missing in the first table could not be bundled.`,
    ],
  };
}

async function ownSize(): Promise<PackageSize> {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root });
  const [packed]: { unpackedSize: number }[] = JSON.parse(stdout);
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const names = Object.keys(manifest.dependencies);
  const bytes = names.reduce(
    (sum, name) => sum + bytesUnder(join(root, "node_modules", name)),
    packed?.unpackedSize ?? 0,
  );
  return { installedMb: bytes / 1e6, dependencies: names.length, bundleKb: await bundleKb("./dist/index.js", root) };
}
