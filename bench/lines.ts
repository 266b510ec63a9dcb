/** Owns the measurement `lines`: one message that is very long. */

import { type Contestant, type Measured, race } from "./measure.js";
import { type Client, Replays } from "./replays.js";
import type { Traffic } from "./traffic.js";

const ROUNDS = 7;
const SIZES_MB = [50, 200] as const;

/** Replays a turn with one long message to the floor and to the SDK. */
export async function lines(): Promise<Measured> {
  await using replays = await Replays.prepare("floor", "embed");
  for (const size of SIZES_MB) await replays.write(nameOf(size), longTurn(replays.traffic, size * 1_000_000));
  const contestant = (client: Client, name: string, size: number, goals: Contestant["goals"]): Contestant => ({
    name: `${name}, ${size} MB`,
    ...(goals !== undefined && { goals }),
    run: async () => ({ sample: await replays.run(client, nameOf(size)) }),
  });
  const [short, long] = SIZES_MB;
  const growth = { against: `codex-embed, ${short} MB`, atMost: (1.1 * long) / short };
  const contestants = [
    contestant("floor", "the floor", short, undefined),
    contestant("embed", "codex-embed", short, [{ atMost: 1.1 }]),
    contestant("floor", "the floor", long, [{ against: `the floor, ${short} MB` }]),
    contestant("embed", "codex-embed", long, [{ against: `the floor, ${long} MB`, atMost: 1.1 }, growth]),
  ];
  return {
    races: [await race(contestants, { title: "one long line", rounds: ROUNDS, warmUp: false, by: "cpuMs" })],
    notes: [
      "The text of an item, in one line, from the request of the turn to its last event; `maxFrameBytes` is set to 512 MB. " +
        `Time is linear: ${long / short} times the bytes may take ${long / short} times as long, and a tenth more.`,
    ],
  };
}

function nameOf(size: number): string {
  return `line-${size}`;
}

/** The recorded turn, with a message of this length as all that comes between its ends. */
function longTurn({ started, body, completed }: Traffic, bytes: number): string[] {
  const item = body.findLast(
    (line) => line.startsWith('{"method":"item/completed"') && line.includes('"agentMessage"'),
  );
  if (item === undefined) throw new Error("The recorded turn has no message.");
  return [started, item.replace(/"text":"/, `$&${"x".repeat(bytes - item.length)}`), completed];
}
