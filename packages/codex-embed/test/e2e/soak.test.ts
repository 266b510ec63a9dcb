/** Runs the soak briefly: turns of all kinds while the runtime crashes or its connection breaks. */

import { expect, test } from "vitest";
import { type Over, soak } from "../../../../scripts/soak/run.js";
import { drawScript } from "../../../../scripts/soak/turn.js";

const TURNS = 40;

test.each<Over>(["stdio", "ws"])(
  "every turn over %s ends as its script allows (`npm run soak` for more)",
  async (over) => {
    const { figures, findings } = await soak({ turns: TURNS, threads: 12, seed: 1, over, turnsPerIncident: 25 });
    expect(findings).toEqual([]);
    expect(figures).toMatchObject({ turns: TURNS });
  },
  120_000,
);

test("the same seed and number draw the same turn, and others another", () => {
  const scripts = (seed: number) => Array.from({ length: 50 }, (_, number) => drawScript(seed, number));
  expect(scripts(7)).toEqual(scripts(7));
  expect(scripts(7)).not.toEqual(scripts(8));
});
