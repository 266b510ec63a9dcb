/** Owns the measurement `concurrency`: turns per second when many threads run turns at once. */

import { message, ScriptedModel } from "codex-embed/testing";
import { type Contestant, type Measured, type Race, race } from "./measure.js";
import { ANSWER, check, HANDWRITTEN, OURS, PROMPT, type Sides, startSides } from "./sides.js";

const ROUNDS = 7;
/** How many threads there are in all, on how many runtimes, and how many turns a round has in all. */
const SCENES = [
  { threads: 1, runtimes: 1, turns: 24 },
  { threads: 8, runtimes: 1, turns: 48 },
  { threads: 32, runtimes: 1, turns: 64 },
  { threads: 128, runtimes: 1, turns: 128 },
  { threads: 32, runtimes: 2, turns: 64 },
];

type RunTurn = () => Promise<void>;

/** Races both clients with 1 to 128 threads, and as pools of two runtimes. */
export async function concurrency(): Promise<Measured> {
  await using model = await ScriptedModel.start();
  model.respondWith(() => message(ANSWER));
  const races: Race[] = [];
  for (const scene of SCENES) races.push(await raceOf(model, scene));
  const notes = [
    "The threads are ephemeral. A turn that fails would end the measurement: at 128 threads as well, none does.",
  ];
  return { races, notes };
}

async function raceOf(model: ScriptedModel, { threads, runtimes, turns }: (typeof SCENES)[number]): Promise<Race> {
  const pairs: Sides[] = [];
  try {
    while (pairs.length < runtimes) pairs.push(await startSides(model));
    const ours: RunTurn[] = [];
    const theirs: RunTurn[] = [];
    for (const { codex, hand } of Array.from({ length: threads / runtimes }, () => pairs).flat()) {
      const thread = await codex.startThread({ ephemeral: true });
      ours.push(async () => check((await thread.run(PROMPT)).finalResponse));
      const threadId = await hand.startThread({ ephemeral: true });
      theirs.push(async () => check(await hand.run(threadId, PROMPT)));
    }
    const each = turns / threads;
    const contestants: Contestant[] = [
      { name: HANDWRITTEN, run: () => turnsPerSecond(theirs, each) },
      { name: OURS, goals: [{ atLeast: 0.98 }], run: () => turnsPerSecond(ours, each) },
    ];
    const title = `${threads} at once, on ${runtimes === 1 ? "one runtime" : `${runtimes} runtimes`}`;
    return await race(contestants, { title, unit: "turns/s", rounds: ROUNDS });
  } finally {
    for (const pair of pairs) await pair[Symbol.asyncDispose]();
  }
}

async function turnsPerSecond(threads: readonly RunTurn[], each: number): Promise<{ value: number }> {
  const begin = performance.now();
  await Promise.all(
    threads.map(async (runTurn) => {
      for (let turn = 0; turn < each; turn += 1) await runTurn();
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  return { value: (threads.length * each) / seconds };
}
