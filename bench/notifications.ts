import { type Measured, race } from "./measure.js";
import { type Client, Replays } from "./replays.js";

const NOTIFICATIONS = 200_000;
const ROUNDS = 9;

/** What a notification costs from its bytes to the user's loop: a recorded turn, replayed to the floor and to the SDK. */
export async function notifications(): Promise<Measured> {
  await using replays = await Replays.prepare(NOTIFICATIONS);
  const seen: number[] = [];
  const contestant = (client: Client, name: string) => ({
    name,
    async run() {
      const sample = await replays.run(client);
      if (client !== "floor") seen.push(sample.events);
      return { sample };
    },
  });
  const contestants = [
    contestant("floor", "the floor: a scan for line feeds and `JSON.parse`"),
    { ...contestant("embed", "`codex-embed`: `for await (… of thread.stream(…))`"), goals: [{ atMost: 1.15 }] },
    contestant("watched", "the same, with a subscriber of every channel"),
  ];
  const title = `${shown(NOTIFICATIONS)} notifications`;
  const raced = await race(contestants, { title, rounds: ROUNDS, warmUp: false, by: "cpuMs" });
  const { body } = replays;
  const deltas = body.filter((line) => /^\{"method":"[^"]*delta"/i.test(line)).length;
  const bytes = body.reduce((sum, line) => sum + line.length + 1, 0) / body.length;
  return {
    races: [raced],
    notes: [
      `A turn of the runtime is recorded and repeated: ${Math.round((100 * deltas) / body.length)} % of it are pieces of ` +
        `text, and a line has ${Math.round(bytes)} bytes. A client reads it from the pipe of a process that only writes, ` +
        "and measures itself from the request of the turn to the end of its last event. The floor is called once for each " +
        `message. The loop over the turn saw ${shown(Math.min(...seen))} to ${shown(Math.max(...seen))} events: pieces of ` +
        "one text that arrive while it is busy are merged.",
    ],
  };
}

function shown(count: number): string {
  return count.toLocaleString("en");
}
