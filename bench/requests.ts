import { alternating, type Contestant, type Measured, type Outcome, type Race, race } from "./measure.js";
import { HANDWRITTEN, OURS, startSides } from "./sides.js";

const ROUNDS = 7;
const METHOD = "thread/loaded/list";
/** How many requests a round makes, how many of them are in flight at once, and how often a round does that. */
const SCENES = [
  { count: 500, window: 1, times: 3 },
  { count: 2_000, window: 64, times: 2 },
];
const AT_ONCE = 5_000;
/** What the runtime takes without losing any; this client sees to that itself. */
const WINDOW = 64;

type Call = () => Promise<unknown>;

/** Round trips of a request that the runtime answers at once. */
export async function requests(): Promise<Measured> {
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
  return { races, notes: [`The request is \`${METHOD}\`.`] };
}

function pair(theirs: () => Promise<Outcome>, ours: () => Promise<Outcome>): Contestant[] {
  return [
    { name: HANDWRITTEN, run: theirs },
    { name: OURS, goals: [{ atLeast: 0.95 }], run: ours },
  ];
}

/** Makes so many calls, no more than `window` of them at any time. */
async function windowed(call: Call, count: number, window: number): Promise<unknown[]> {
  const replies: unknown[] = [];
  let made = 0;
  const lane = async (): Promise<void> => {
    while (made++ < count) replies.push(await call());
  };
  await Promise.all(Array.from({ length: window }, lane));
  return replies;
}

async function perSecond(count: number, make: () => Promise<readonly unknown[]>): Promise<Outcome> {
  const begin = performance.now();
  const replies = await make();
  const seconds = (performance.now() - begin) / 1000;
  if (replies.length !== count) throw new Error(`${replies.length} of ${count} requests were answered.`);
  return { value: count / seconds };
}
