/** How long a lost connection takes to come back, by the number of open threads. */

import { Codex, serveAppServer } from "codex-embed";
import { createTestHome, message, ScriptedModel, step } from "codex-embed/testing";
import { Proxy } from "../packages/codex-embed/test/support/proxy.js";
import { type Measured, race } from "./measure.js";

const ROUNDS = 7;
const COUNTS = [1, 100, 1_000] as const;
/** How many threads are started at once. */
const AT_ONCE = 16;

/** Cuts the connection of clients with 1, 100 and 1,000 idle threads. */
export async function reconnect(): Promise<Measured> {
  await using model = await ScriptedModel.start();
  model.respondWith(() => step(message("Done.")));
  const clients = await Promise.all(COUNTS.map((count) => startClient(model, count)));
  try {
    const contestants = clients.map(({ lose }, index) => ({
      name: `idle threads: ${(COUNTS[index] ?? 0).toLocaleString("en")}`,
      goals: index === 0 ? [] : [{ atMost: 2 }],
      run: async () => ({ sample: { value: await lose() } }),
    }));
    return {
      races: [await race(contestants, { title: "from the cut to the answer to `model/list`", rounds: ROUNDS })],
      notes: [
        "Each thread has had a turn, and nothing runs in it. The client is ready once the threads are taken up in which something " +
          "goes on; idle ones follow in the background, or at their next use.",
      ],
    };
  } finally {
    for (const { close } of clients) await close();
  }
}

async function startClient(model: ScriptedModel, count: number) {
  const home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  const server = await serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth: { type: "none" } });
  const proxy = await Proxy.to(server.url);
  const codex = await Codex.connect(proxy.url, { reconnect: { initialDelayMs: 1 } });
  for (let started = 0; started < count; started += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - started) }, async () => {
      await (await codex.startThread()).run("Go.");
    });
    await Promise.all(batch);
  }
  return {
    lose: async (): Promise<number> => {
      const lost = new Promise<void>((resolve) => {
        const listening = codex.on("status", ({ params }) => {
          if (params.status !== "reconnecting") return;
          listening[Symbol.dispose]();
          resolve();
        });
      });
      const began = performance.now();
      proxy.cut();
      await lost;
      await codex.models();
      return performance.now() - began;
    },
    close: async (): Promise<void> => {
      await codex.close();
      await proxy[Symbol.asyncDispose]();
      await server.close();
      await home.dispose();
    },
  };
}
