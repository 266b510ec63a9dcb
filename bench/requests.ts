/** Owns the measurement `requests`: round trips of a request that the runtime answers at once. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { alternating } from "./alternate.js";
import { type Contestant, type Measured, type Outcome, type Race, race } from "./measure.js";
import { HANDWRITTEN, OURS, startSides } from "./sides.js";

const ROUNDS = 7;
const METHOD = "thread/loaded/list";
/** How many requests a round makes, and how many of them are in flight at once. */
const SCENES = [
  { count: 500, window: 1, times: 3 },
  { count: 2_000, window: 64, times: 2 },
];
const AT_ONCE = 5_000;
/** What the runtime takes without losing any; this client sees to that itself. */
const WINDOW = 64;
const ALONE = 50_000;

type Call = () => Promise<unknown>;

/** Races the round trips on the real runtime, and the CPU time of the clients alone. */
export async function requests(): Promise<Measured> {
  const races = [...(await onRuntime()), await alone()];
  const notes = [
    `The request is \`${METHOD}\`. The clients alone talk to a stand-in for the runtime, each in a process of its own: ` +
      "what is compared there is the CPU time of that process.",
  ];
  return { races, notes };
}

async function onRuntime(): Promise<Race[]> {
  await using sides = await startSides();
  const ours: Call = () => sides.codex.request(METHOD, {});
  const theirs: Call = () => sides.hand.request(METHOD, {});
  const races: Race[] = [];
  for (const { count, window, times } of SCENES) {
    const contestants = pair(
      () => perSecond(count, () => windowed(theirs, count, window)),
      () => perSecond(count, () => windowed(ours, count, window)),
    );
    const title = `${window} in flight`;
    races.push(await race(alternating(contestants, times), { title, unit: "requests/s", rounds: ROUNDS }));
  }
  const contestants = pair(
    () => perSecond(AT_ONCE, () => windowed(theirs, AT_ONCE, WINDOW)),
    () => perSecond(AT_ONCE, () => Promise.all(Array.from({ length: AT_ONCE }, ours))),
  );
  const title = `${AT_ONCE.toLocaleString("en")} at once (the hand-written client: ${WINDOW} in flight)`;
  races.push(await race(contestants, { title, unit: "requests/s", rounds: ROUNDS }));
  return races;
}

/** The CPU time of a process that does nothing but make requests. */
function alone(): Promise<Race> {
  const contestants: Contestant[] = [
    { name: HANDWRITTEN, run: () => client("handwritten") },
    { name: OURS, run: () => client("ours") },
  ];
  const title = `${ALONE.toLocaleString("en")} requests, ${WINDOW} in flight: the client alone`;
  return race(contestants, { title, unit: "ms", rounds: ROUNDS, by: "cpuMs", warmUp: false });
}

async function client(which: "handwritten" | "ours"): Promise<Outcome> {
  const program = fileURLToPath(new URL("peers/requests.ts", import.meta.url));
  const args = ["--import", "tsx", program, which, String(ALONE), String(WINDOW)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const sample: { value: number; cpuMs: number } = JSON.parse(stdout);
  return { sample };
}

function pair(theirs: () => Promise<Outcome>, ours: () => Promise<Outcome>): Contestant[] {
  return [
    { name: HANDWRITTEN, run: theirs },
    { name: OURS, goals: [{ atLeast: 0.95 }], run: ours },
  ];
}

/** What is not answered keeps the measurement from its end. */
async function perSecond(count: number, make: () => Promise<readonly unknown[]>): Promise<Outcome> {
  const begin = performance.now();
  const answers = await make();
  const seconds = (performance.now() - begin) / 1000;
  if (answers.length !== count) throw new Error(`${answers.length} of ${count} requests were answered.`);
  return { value: count / seconds };
}

/** Makes so many calls, no more than `window` of them at any time. */
export async function windowed(call: Call, count: number, window: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  let made = 0;
  const lane = async (): Promise<void> => {
    while (made++ < count) answers.push(await call());
  };
  await Promise.all(Array.from({ length: window }, lane));
  return answers;
}
