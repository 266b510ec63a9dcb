/** Runs the fuzzer for a moment, and checks what it is made of. */

import { describe, expect, test } from "vitest";
import { campaign } from "../../../../scripts/fuzz/campaign.js";
import { readCorpus } from "../../../../scripts/fuzz/corpus.js";
import { damage } from "../../../../scripts/fuzz/mutate.js";
import { Random } from "../../../../scripts/fuzz/random.js";

const LINES = 4_000;
const random = Math.floor(Math.random() * 2 ** 31);

describe("damaged lines harm neither the client nor what else is in flight", () => {
  test.each([1, 2, random])("seed %i (`npm run fuzz` for more)", async (seed) => {
    const { findings, repeat, figures } = await campaign({ lines: LINES, seed });
    const found = findings.map(({ what, lines }) => ({ what, line: lines.at(-1)?.toString("latin1") }));
    expect({ found, repeat }).toEqual({ found: [], repeat: null });
    expect(figures).toMatchObject({ "damaged lines": LINES, sentinels: (LINES / 200) * 6 });
  });
});

describe("the fuzzer", () => {
  test("damages the same lines in the same way for the same seed, and others for another", () => {
    const lines = (seed: number) => {
      const numbers = new Random(seed);
      return Array.from({ length: 200 }, () =>
        damage(JSON.parse(numbers.pick(readCorpus())), numbers).toString("latin1"),
      );
    };
    expect(lines(7)).toEqual(lines(7));
    expect(lines(7)).not.toEqual(lines(8));
  });

  test("has every kind of message to damage", () => {
    const text = readCorpus().join("\n");
    for (const kind of [
      '"result":',
      '"error":',
      "turn/completed",
      "item/commandExecution/requestApproval",
      "item/fileChange/requestApproval",
      '"type":"collabAgentToolCall"',
      '"type":"reasoning"',
      '"status":"failed"',
      '"status":"interrupted"',
    ]) {
      expect(text).toContain(kind);
    }
  });
});
