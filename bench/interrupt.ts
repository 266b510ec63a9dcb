/** Owns the measurement `interrupt`: from the wish to stop a turn in the middle of its answer until it has ended. */

import { type Gate, gate, message, step } from "codex-embed/testing";
import { alternating } from "./alternate.js";
import { type Contestant, type Measured, type Outcome, race } from "./measure.js";
import { HANDWRITTEN, OURS, PROMPT, type Sides, startSides } from "./sides.js";

const ROUNDS = 7;
const TURNS = 10;

/** Races the three ways to end a turn against a bare `turn/interrupt`. */
export async function interrupt(): Promise<Measured> {
  await using sides = await startSides();
  let held: Gate = gate();
  sides.model.respondWith(() => step(message({ deltas: ["I begin, ", held, "and never end."] })));
  const contestants = await contestantsOn(sides, () => (held = gate()).reached);
  return {
    races: [
      await race(alternating(contestants, TURNS), { title: "from the call to the end of the turn", rounds: ROUNDS }),
    ],
    notes: [
      "A signal that aborts also has the runtime end the commands that the turn began, before `run()` rejects: one more " +
        `request. A round is ${TURNS} turns of each, alternating; its value is their median.`,
    ],
  };
}

async function contestantsOn({ codex, hand }: Sides, nextGate: () => Promise<void>): Promise<Contestant[]> {
  const thread = await codex.startThread({ ephemeral: true });
  const threadId = await hand.startThread({ ephemeral: true });
  return [
    {
      name: `${HANDWRITTEN}: \`turn/interrupt\``,
      async run() {
        const reached = nextGate();
        const { turnId, ended } = await hand.startTurn(threadId, PROMPT);
        await reached;
        return timed(async () => {
          await hand.request("turn/interrupt", { threadId, turnId });
          return (await ended).status;
        });
      },
    },
    {
      name: `${OURS}: \`interrupt()\`, then \`result()\``,
      goals: [{ atMost: 1.1 }],
      async run() {
        const reached = nextGate();
        const turn = await thread.startTurn(PROMPT);
        await reached;
        return timed(async () => {
          await turn.interrupt();
          return (await turn.result()).status;
        });
      },
    },
    {
      name: `${OURS}: \`signal\`, until \`run()\` rejects`,
      goals: [{ atMost: 1.1 }],
      async run() {
        const reached = nextGate();
        const controller = new AbortController();
        const ended = thread.run(PROMPT, { signal: controller.signal }).then(
          ({ status }) => status,
          (error: unknown) => (error === "stop" ? "interrupted" : String(error)),
        );
        await reached;
        return timed(() => {
          controller.abort("stop");
          return ended;
        });
      },
    },
  ];
}

async function timed(end: () => Promise<string | undefined>): Promise<Outcome> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const status = await end();
  const value = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  if (status !== "interrupted") throw new Error(`The turn ended as ${status}.`);
  return { sample: { value, cpuMs: (user + system) / 1000 } };
}
