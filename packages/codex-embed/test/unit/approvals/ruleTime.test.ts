/** Holds the time that approval rules take against the length of the command. */

import { expect, test } from "vitest";
import { askAbout } from "../../support/approvals.js";
import { COMMAND_TEXTS } from "../../support/commandTexts.js";
import { verifies } from "../../support/verifies.js";

const rules = {
  commands: { allow: ["zzz **"], deny: ["zzz", "git push", "z* x", "x * y"] },
  otherwise: { approveCommand: () => "accept" as const },
};

/** The shortest of three times in milliseconds of this process: what else runs on the machine does not count. */
async function timeOf(script: string): Promise<number> {
  const times: number[] = [];
  const command = quoted(script);
  for (let i = 0; i < 3; i++) {
    const started = process.cpuUsage();
    await askAbout(rules, command);
    const { user, system } = process.cpuUsage(started);
    times.push((user + system) / 1_000);
  }
  return Math.min(...times);
}

/** The script as the runtime would show it, with double quotes: single ones take four characters each. */
const quoted = (script: string) => `/bin/bash -lc "${script.replaceAll(/["\\$`]/g, "\\$&")}"`;

const texts = Object.entries(COMMAND_TEXTS);

test.each(texts)("%s: the time grows with the length, not with its square", async (_, text) => {
  verifies("rule-time");
  await timeOf(text(2_000));
  const [short, long] = [await timeOf(text(4_000)), await timeOf(text(32_000))];
  // Eight times the length. Below a few milliseconds, anything else that happens weighs more than that.
  expect(long / Math.max(short, 4)).toBeLessThan(30);
});

test.each(texts)("%s: what is far too long is not read", async (_, text) => {
  expect(await timeOf(text(1_000_000))).toBeLessThan(500);
});
