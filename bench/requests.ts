/** Owns the measurement `requests`: round trips of a request that the runtime answers at once. */

import { alternating } from "./alternate.js";
import { COUNTED_BY, hasValgrind, INSTRUCTIONS, instructions, NOT_COUNTED } from "./instructions.js";
import { type Contestant, type Measured, type Outcome, type Race, race, type Sample } from "./measure.js";
import { programs, run } from "./programs.js";
import { HANDWRITTEN, OURS, startSides } from "./sides.js";
import { type Call, windowed } from "./windowed.js";

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
const COUNTED = 5_000;

/** Races the round trips on the real runtime, and what the clients alone cost. */
export async function requests(): Promise<Measured> {
  const races = [...(await onRuntime()), ...(await alone())];
  const notes = [
    `The request is \`${METHOD}\`. The clients alone talk to a stand-in for the runtime, each in a process of its own: ` +
      "what is compared there is the CPU time of that process, or its instructions.",
    (await hasValgrind()) ? COUNTED_BY : NOT_COUNTED,
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

/** What a process costs that does nothing but make requests: its CPU time, and its instructions. */
async function alone(): Promise<Race[]> {
  const path = await programs("requests", "fakeRuntime");
  const commandLine = (client: string, count: number): string[] => [
    path("requests"),
    path("fakeRuntime"),
    client,
    String(count),
    String(WINDOW),
  ];
  const clients = [
    { name: HANDWRITTEN, client: "handwritten" },
    { name: OURS, client: "ours" },
  ];
  const timed = clients.map(({ name, client }) => ({
    name,
    async run() {
      const { stdout } = await run(process.execPath, commandLine(client, ALONE));
      const sample: Sample = JSON.parse(stdout);
      return { sample };
    },
  }));
  const counted = clients.map(({ name, client }) => ({
    name,
    async run() {
      const before = await instructions(commandLine(client, 0));
      const after = await instructions(commandLine(client, COUNTED));
      return { sample: { value: after - before } };
    },
  }));
  const title = (count: number): string =>
    `${count.toLocaleString("en")} requests, ${WINDOW} in flight: the client alone`;
  const races = [await race(timed, { title: title(ALONE), unit: "ms", rounds: ROUNDS, by: "cpuMs", warmUp: false })];
  if (await hasValgrind()) {
    races.push(await race(counted, { title: title(COUNTED), unit: INSTRUCTIONS, rounds: 1, warmUp: false }));
  }
  return races;
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
