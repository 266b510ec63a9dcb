/** Has an agent ask for commands that are hard to read: the program that decides by rules must not stand still. */

import type { Handlers } from "codex-embed";

import { approvalRules } from "codex-embed/approvals";
import { message, shell } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../../support/bench.js";
import { COMMAND_TEXTS } from "../../support/commandTexts.js";
import { itemsOf } from "../../support/turns.js";

const HARDEST = ["aliases of one command", "xargs", "tmux", "expansions", "scripts within scripts"] as const;

/** Ten times what the hardest of them was measured to take, and far less than the 23 s that one of them once took. */
const MOST_MS = 1_000;

const bench = new SharedBench({ sandbox: "read-only" });

test("commands of 40 KB are decided in less than a second of the processor's time", async () => {
  const rules = approvalRules({ commands: { deny: ["rm", "git push"] } });
  const times: number[] = [];
  const handlers: Handlers = {
    approveCommand: (request, context) => {
      const started = process.cpuUsage();
      const decision = rules.approveCommand(request, context);
      times.push(process.cpuUsage(started).user / 1_000);
      return decision;
    },
  };
  const asking = HARDEST.map((name) => {
    return shell(COMMAND_TEXTS[name]?.(40_000) ?? "", { escalate: { justification: "Needed." } });
  });
  const thread = await bench.threadWith({ ephemeral: true, handlers }, ...asking, message("Done."));
  const result = await thread.run("Go.");
  expect(times).toHaveLength(HARDEST.length);
  expect(Math.max(...times)).toBeLessThan(MOST_MS);
  expect(itemsOf(result, "commandExecution").every(({ status }) => status === "declined")).toBe(true);
});
