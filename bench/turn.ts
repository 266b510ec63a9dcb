import { alternating, type Contestant, type Measured, type Race, race } from "./measure.js";
import { check, HANDWRITTEN, OURS, PROMPT, type Sides, startSides } from "./sides.js";
import { watchAll } from "./watch.js";

const ROUNDS = 7;
const TURNS = 20;

/** A trivial turn on a warm runtime beside that of a hand-written client, on a stored and on an ephemeral thread. */
export async function turn(): Promise<Measured> {
  await using sides = await startSides();
  const races: Race[] = [];
  for (const ephemeral of [false, true]) {
    const title = `one turn of ${ephemeral ? "an ephemeral thread" : "a thread"}`;
    const contestants = alternating(await contestantsOn(sides, ephemeral), TURNS);
    races.push(await race(contestants, { title, rounds: ROUNDS }));
  }
  return { races, notes: [`A round is ${TURNS} turns of each, alternating; its value is their median.`] };
}

async function contestantsOn({ codex, hand }: Sides, ephemeral: boolean): Promise<Contestant[]> {
  const thread = await codex.startThread({ ephemeral });
  const threadId = await hand.startThread({ ephemeral });
  return [
    {
      name: HANDWRITTEN,
      async run() {
        check(await hand.run(threadId, PROMPT));
      },
    },
    {
      name: OURS,
      goals: [{ atMost: 1.02 }],
      async run() {
        check((await thread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: `${OURS}, with a subscriber of every channel`,
      async run() {
        const stop = watchAll();
        try {
          check((await thread.run(PROMPT)).finalResponse);
        } finally {
          stop();
        }
      },
    },
  ];
}
