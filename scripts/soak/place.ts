/** Where the runtime of a soak is: below this process, or behind a connection; and how harm comes to it there. */

import { type AppServer, Codex, serveAppServer } from "codex-embed";
import { createTestHome, type TestHome } from "codex-embed/testing";
import { Proxy } from "../../packages/codex-embed/test/support/proxy.js";
import type { Random } from "./random.js";
import type { Incidents } from "./incidents.js";

/** How the client reaches the runtime. */
export type Over = "stdio" | "ws";

/** A client and its runtime. */
export interface Place extends AsyncDisposable {
  readonly codex: Codex;
  readonly workspace: string;
  /** After how many turns harm is done, on average. */
  readonly turnsPerIncident: number;
  /** Does harm to it. Resolves when the harm is done, not when it is mended. */
  harm(random: Random, incidents: Incidents): Promise<void>;
}

/** Opens a client of the pinned runtime. */
export async function openPlace(over: Over, model: { readonly baseUrl: string }): Promise<Place> {
  const home = await createTestHome({ model });
  try {
    return over === "stdio" ? await ownProcess(home) : await behindProxy(home);
  } catch (error) {
    await home.dispose();
    throw error;
  }
}

async function ownProcess(home: TestHome): Promise<Place> {
  const { codexHome, workspace, env } = home;
  const codex = await Codex.launch({ codexHome, cwd: workspace, env, inheritEnv: false, restart: "on-crash" });
  return {
    codex,
    workspace,
    turnsPerIncident: 500,
    async harm(_random, incidents) {
      const { pid } = codex;
      // While it is down or being started, its pid is that of a process that is gone; also until that is noticed.
      if (codex.status !== "ready" || pid === undefined || incidents.since(performance.now()).length > 0) return;
      await incidents.during("crash", () => void process.kill(pid, "SIGKILL"));
    },
    async [Symbol.asyncDispose]() {
      await codex.close();
      await home.dispose();
    },
  };
}

/** One replacement of the server for so many cuts of the connection. */
const CUTS_PER_REPLACEMENT = 8;

async function behindProxy(home: TestHome): Promise<Place> {
  let server = await serve(home);
  const proxy = await Proxy.to(server.url);
  const codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 1, maxDelayMs: 50 } });
  let isReplacing = false;
  const replace = async (): Promise<void> => {
    isReplacing = true;
    proxy.down();
    await server.close();
    server = await serve(home);
    proxy.target = server.url;
    proxy.up();
    isReplacing = false;
  };
  return {
    codex,
    workspace: home.workspace,
    turnsPerIncident: 100,
    async harm(random, incidents) {
      if (isReplacing) return;
      if (random.oneIn(CUTS_PER_REPLACEMENT)) await incidents.during("replacement", replace);
      else await incidents.during("cut", () => proxy.cut());
    },
    async [Symbol.asyncDispose]() {
      await codex.close();
      await proxy[Symbol.asyncDispose]();
      await server.close();
      await home.dispose();
    },
  };
}

function serve({ codexHome, workspace: cwd, env }: TestHome): Promise<AppServer> {
  return serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth: { type: "token", token: "t" } });
}
