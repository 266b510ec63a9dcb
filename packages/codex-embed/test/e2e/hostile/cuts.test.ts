/** Repeats that no file is changed without a decision on that very change, wherever a connection is cut. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Codex, type Handlers, serveAppServer } from "codex-embed";
import { applyPatch, createTestHome, gate, message, ScriptedModel, step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { Proxy } from "../../support/proxy.js";
import { verifies } from "../../support/verifies.js";

const ROUNDS = 24;
/** The messages about a file change and its decision come in fewer pieces than this. */
const MOST_PIECES = 12;

/** Numbers from 0 to 1 that can be had again: a failure names its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("cuts at random moments around a file change", async () => {
  verifies("cut-connection-writes");
  const seed = Number(process.env["HOSTILE_SEED"] ?? Date.now() % 2 ** 32);
  const next = random(seed);
  const model = await ScriptedModel.start();
  const home = await createTestHome({ model });
  const { codexHome, workspace, env } = home;
  const server = await serveAppServer({
    codexHome,
    cwd: workspace,
    env,
    inheritEnv: false,
    auth: { type: "token", token: "t" },
  });
  const proxy = await Proxy.to(server.url);
  const shown: number[] = [];
  // The handler of docs/safety.md, word for word.
  const approveFileChange: Handlers["approveFileChange"] = ({ changes }) => {
    shown.push(changes.length);
    return changes.every(({ path }) => path.endsWith(".md")) ? "accept" : "decline";
  };
  const options = { token: "t", reconnect: { initialDelayMs: 5 }, handlers: { approveFileChange } };
  const codex = await Codex.connect(proxy.url, options);
  const thread = await codex.startThread({ cwd: workspace, sandbox: "workspace-write", approvalMode: "ask" });
  model.enqueue(message("Ready."));
  await thread.run("Hello.");
  for (let round = 0; round < ROUNDS; round++) {
    const isAllowed = round % 3 === 0;
    const path = join(codexHome, `cut-${round}.${isAllowed ? "md" : "sh"}`);
    const hold = gate();
    // One call id for all: what is remembered of a round must not answer for the next.
    const patch = applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+x\n*** End Patch`, { callId: "call_1" });
    model.enqueue(step(hold, patch), message("Done."));
    const turn = await thread.startTurn("Go.");
    await hold.reached;
    proxy.cutAfter(Math.floor(next() * MOST_PIECES));
    hold.open();
    const { status } = await turn.result();
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    expect([seed, round, status]).toEqual([seed, round, "completed"]);
    if (!isAllowed) expect([seed, round, existsSync(path)]).toEqual([seed, round, false]);
  }
  expect(shown).not.toContain(0);
  // Most are decided on all the same: the record of the thread tells what is in flight.
  expect(shown.length).toBeGreaterThan(ROUNDS / 2);
  // How many cuts come before the end of their turn depends on the machine.
  expect(proxy.connections).toBeGreaterThan(ROUNDS / 4);
  await codex.close();
  await proxy[Symbol.asyncDispose]();
  await server.close();
  await home.dispose();
  await model.close();
});
