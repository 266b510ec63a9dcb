/** Runs the soak for a moment: turns of all kinds, while the runtime crashes or its connection breaks. */

import { describe, expect, test } from "vitest";
import type { Over } from "../../../../scripts/soak/place.js";
import { soak } from "../../../../scripts/soak/run.js";
import { drawScript } from "../../../../scripts/soak/script.js";

const TURNS = 40;

describe.each<Over>(["stdio", "ws"])(
  "every turn over %s comes to what its script allows, and nothing is left",
  (over) => {
    test("with seed 1 (`npm run soak` for more)", { timeout: 120_000 }, async () => {
      const seed = 1;
      const { figures, findings } = await soak({ turns: TURNS, threads: 12, seed, over, turnsPerIncident: 25 });
      expect({ seed, findings }).toEqual({ seed, findings: [] });
      expect(figures).toMatchObject({ turns: TURNS });
    });
  },
);

test("the same seed and number draw the same turn, and others another", () => {
  const scripts = (seed: number) => Array.from({ length: 50 }, (_, number) => drawScript(seed, number));
  expect(scripts(7)).toEqual(scripts(7));
  expect(scripts(7)).not.toEqual(scripts(8));
});
