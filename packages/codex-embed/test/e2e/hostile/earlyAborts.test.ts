/** Tests that turns which are aborted while their command starts leave no process, sandboxed or not. */

import type { Thread } from "codex-embed";
import { shell, startTestCodex } from "codex-embed/testing";
import { expect, test } from "vitest";
import { marked, markOf } from "../../support/leaks.js";
import { rejection } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const ABORTS = 100;
const AT_ONCE = 6;
/** The runtime kills a sandbox that is only half there, and what has left the command's session is not its business. */
const COMMANDS = {
  "workspace-write": "echo begin; sleep 0.1; echo end",
  "full-access": "(setsid sleep 600 &); echo begin; setsid sleep 600 & sleep 600",
} as const;

/** Starts a turn and aborts it so many milliseconds after its command began; resolves when the turn has rejected. */
async function abortEarly(thread: Thread, delayMs: number): Promise<void> {
  const controller = new AbortController();
  const turn = await thread.startTurn("Go.", { signal: controller.signal });
  const ended = rejection(turn.result(), DOMException);
  for await (const event of turn) {
    if (event.method !== "item/started" || event.params.item.type !== "commandExecution") continue;
    setTimeout(() => controller.abort(), delayMs);
    break;
  }
  await ended;
}

test.runIf(process.platform === "linux")("100 aborts of commands that have hardly begun leave no process", async () => {
  verifies("early-abort-processes");
  await using bench = await startTestCodex();
  const { codex, model } = bench;
  const sandboxes = Object.keys(COMMANDS).filter((name): name is keyof typeof COMMANDS => name in COMMANDS);
  const commands = new Map<string | undefined, string>();
  model.respondWith(({ threadId }) => shell(commands.get(threadId) ?? "false", { callId: crypto.randomUUID() }));
  const mark = markOf(codex.pid);
  expect(marked(mark)).toEqual([codex.pid]);
  let begun = 0;
  const worker = async (sandbox: keyof typeof COMMANDS): Promise<void> => {
    const thread = await codex.startThread({ sandbox, ephemeral: true });
    commands.set(thread.id, COMMANDS[sandbox]);
    while (begun++ < ABORTS) await abortEarly(thread, Math.random() * 25);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => worker(sandboxes[index % 2] ?? "full-access")));
  expect(marked(mark)).toEqual([codex.pid]);
  await codex.close();
  expect(marked(mark)).toEqual([]);
});
