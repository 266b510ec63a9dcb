/** Owns the measurement `notifications`: what a notification costs from its bytes to the user's loop. */

import { COUNTED_BY, hasValgrind, INSTRUCTIONS, instructions, NOT_COUNTED } from "./instructions.js";
import { type Goal, type Measured, type Race, race } from "./measure.js";
import { type Client, Replays } from "./replays.js";
import { turnOf } from "./traffic.js";

const NOTIFICATIONS = 200_000;
const ROUNDS = 9;
const COUNTED = 20_000;
/** Code that has not been optimized yet costs more: what it costs is left out of the count. */
const WARM_UP = 2_000;
const COUNTED_ROUNDS = 1;

const READLINE = "`node:readline` and `JSON.parse`";
const VSCODE = "`vscode-jsonrpc`: its message reader";
const PEERS: readonly { readonly client: Client; readonly name: string; readonly goals?: readonly Goal[] }[] = [
  { client: "floor", name: "the floor: a scan for line feeds and `JSON.parse`" },
  {
    client: "embed",
    name: "`codex-embed`: `for await (… of thread.stream(…))`",
    goals: [{ atMost: 1.15 }, { against: READLINE, atMost: 1 }, { against: VSCODE, atMost: 1 }],
  },
  { client: "readline", name: READLINE },
  { client: "vscodeJsonrpc", name: VSCODE },
];

/** Replays a recorded turn to each client. */
export async function notifications(): Promise<Measured> {
  await using replays = await Replays.prepare("floor", "embed", "readline", "vscodeJsonrpc");
  const { body } = replays.traffic;
  await replays.write("long", turnOf(replays.traffic, NOTIFICATIONS));
  const seen: number[] = [];
  const timed = PEERS.map(({ client, ...peer }) => ({
    ...peer,
    async run() {
      const sample = await replays.run(client, "long");
      if (client === "embed") seen.push(sample.events);
      return { sample };
    },
  }));
  const races = [
    await race(timed, { title: `${shown(NOTIFICATIONS)} notifications`, rounds: ROUNDS, warmUp: false, by: "cpuMs" }),
  ];
  if (await hasValgrind()) races.push(await countedRace(replays));
  return { races, notes: notes(body, seen, races.length > 1) };
}

async function countedRace(replays: Replays): Promise<Race> {
  await replays.write("warm-up", turnOf(replays.traffic, WARM_UP));
  await replays.write("counted", turnOf(replays.traffic, WARM_UP + COUNTED));
  const counted = PEERS.map(({ client, ...peer }) => ({
    ...peer,
    async run() {
      const before = await instructions(replays.commandLine(client, "warm-up"));
      const after = await instructions(replays.commandLine(client, "counted"));
      return { sample: { value: after - before } };
    },
  }));
  const title = `${shown(COUNTED)} notifications, after ${shown(WARM_UP)} others`;
  return race(counted, { title, unit: INSTRUCTIONS, rounds: COUNTED_ROUNDS, warmUp: false });
}

function notes(body: readonly string[], seen: readonly number[], areCounted: boolean): string[] {
  const deltas = body.filter((line) => /^\{"method":"[^"]*delta"/i.test(line)).length;
  const bytes = body.reduce((sum, line) => sum + line.length + 1, 0) / body.length;
  return [
    `A turn of the runtime is recorded first and repeated: ${Math.round((100 * deltas) / body.length)} % of it are ` +
      `pieces of text, and a line has ${Math.round(bytes)} bytes. A client reads it from the pipe of a process that only writes, and ` +
      "measures itself from the request of the turn to the end of its last event.",
    `The floor and the peers are called once for each message. The loop over the turn saw ${shown(Math.min(...seen))} to ` +
      `${shown(Math.max(...seen))} events: pieces of one text that arrive while it is busy are merged, and in a flood ` +
      "these are all that come in one read of the pipe.",
    areCounted ? COUNTED_BY : NOT_COUNTED,
  ];
}

function shown(count: number): string {
  return count.toLocaleString("en");
}
