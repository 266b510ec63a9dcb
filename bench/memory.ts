import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Contestant, type Measured, race } from "./measure.js";

const ITEMS = 100;
const DELTAS_PER_ITEM = 10_000;
const SCENES = ["nobody reads", "one reader that is slow", "eight readers"] as const;

/** What a process tells of itself, in MB: the most that it used beyond what it used before, and what was left. */
interface Told {
  readonly text: number;
  readonly heap: number;
  readonly rss: number;
  readonly held: number;
  readonly left: number;
}

/** What a million pieces of text take while they come, and what is left of them. Each scene runs in a process of its own. */
export async function memory(): Promise<Measured> {
  const told = new Map<string, Told>();
  const contestants: Contestant[] = [
    {
      name: "the text",
      async run() {
        for (const scene of SCENES) told.set(scene, await runScene(scene));
        return { sample: { value: told.get(SCENES[0])?.text ?? Number.NaN } };
      },
    },
  ];
  const add = (scene: string, what: string, atMost: number | undefined, value: (of: Told) => number): void => {
    const run = async () => {
      const of = told.get(scene);
      return { sample: { value: of === undefined ? Number.NaN : value(of) } };
    };
    contestants.push({ name: `${scene}: ${what}`, goals: [atMost === undefined ? {} : { atMost }], run });
  };
  for (const scene of SCENES) {
    add(scene, "most of the heap", 3, ({ heap }) => heap);
    add(scene, "most of the resident memory", undefined, ({ rss }) => rss);
    add(scene, "heap after `result()`, with the handle", undefined, ({ held }) => held);
    add(scene, "heap without the handle", 0.1, ({ left }) => left);
  }
  const title = `${(ITEMS * DELTAS_PER_ITEM).toLocaleString("en")} deltas in ${ITEMS} messages`;
  return {
    races: [await race(contestants, { title, unit: "MB", rounds: 7, warmUp: false })],
    notes: [
      "What is used beyond what was used before the turn. The text is that of the deltas; each completed message brings " +
        "its own once more. A handle keeps what its turn has emitted for those who read later, 64 MB by default; the most " +
        "of the heap includes what the collector has not got to yet.",
    ],
  };
}

async function runScene(scene: (typeof SCENES)[number]): Promise<Told> {
  const program = fileURLToPath(new URL("peers/memory.ts", import.meta.url));
  const args = ["--expose-gc", "--import", "tsx", program, String(SCENES.indexOf(scene)), String(ITEMS)];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, String(DELTAS_PER_ITEM)]);
  const of: Told = JSON.parse(stdout);
  return of;
}
