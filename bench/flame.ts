/** Owns the picture of where the time of a notification goes: `npm run bench -- --flame`. */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawFlame, type Frame } from "./flameSvg.js";
import { run } from "./programs.js";
import { Replays } from "./replays.js";
import { turnOf } from "./traffic.js";

const NOTIFICATIONS = 400_000;

/** A profile as V8 writes it. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** The node that each sample stands at, and the microseconds since the one before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** Profiles the SDK in a flood of notifications, and draws what happens from the read of the pipe on. */
export async function flame(path: string): Promise<void> {
  await using replays = await Replays.prepare("embed");
  await replays.write("long", turnOf(replays.traffic, NOTIFICATIONS));
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-profile-"));
  try {
    const options = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=200"];
    await run(process.execPath, [...options, ...replays.commandLine("embed", "long")]);
    const [file = ""] = await readdir(folder);
    const profile: Profile = JSON.parse(await readFile(join(folder, file), "utf8"));
    const frames = topFrames(profile).filter(({ name }) => name === "onStreamRead" || name === "(garbage collector)");
    await writeFile(path, drawFlame(frames, "codex-embed: from the read of the pipe to the log of the turn"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function topFrames({ nodes, samples, timeDeltas }: Profile): readonly Frame[] {
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const frameOf = ({ id, callFrame, children = [] }: ProfileNode): Frame => {
    const inner = children.flatMap((child) => byId.get(child) ?? []).map(frameOf);
    const time = inner.reduce((sum, frame) => sum + frame.time, own.get(id) ?? 0);
    return { name: callFrame.functionName || "(anonymous)", place: placeOf(callFrame.url), time, inner };
  };
  const [top] = nodes;
  return top === undefined ? [] : frameOf(top).inner;
}

/** The file inside the package, or the module of Node. */
function placeOf(url: string): string {
  return url.replace(/^.*\/dist\//, "").replace(/^node:internal\//, "node:");
}
