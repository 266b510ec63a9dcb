/** The rows of a runtime that does not come up: it cannot be spawned, or dies before it has answered. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Codex, type SpawnRequest } from "codex-embed";
import { type Case, named, type Row, rejected, type Told } from "./cases.js";
import type { Stage } from "./stage.js";

async function failing(promise: Promise<unknown>, at = performance.now()): Promise<Told> {
  const error = await rejected(promise);
  return { outcome: named(error), ms: performance.now() - at, errors: [error] };
}

/** A file that is there and may be executed, but by an interpreter that is not. */
async function noProgram(stage: Stage): Promise<string> {
  const path = join(stage.home.workspace, "no-program");
  await writeFile(path, "#!/no/such/interpreter\n", { mode: 0o755 });
  return path;
}

const noSuchFile = (start: (stage: Stage, codexBin: string) => Promise<unknown>): Case => ({
  mode: "no such file",
  expected: "`LaunchError` (BINARY_NOT_FOUND)",
  run: (stage) => failing(start(stage, "/no/such/codex")),
});

const cannotRun = (code: string, start: (stage: Stage, codexBin: string) => Promise<unknown>): Case => ({
  mode: "no interpreter for it",
  expected: `\`LaunchError\` (${code})`,
  run: async (stage) => failing(start(stage, await noProgram(stage))),
});

const nobodyListens: Case = {
  mode: "nobody listens",
  expected: "`LaunchError` (CONNECT_FAILED)",
  run: async (stage) => failing(Codex.connect(stage.column === "unix" ? stage.address : await unusedAddress())),
};

/** The address of a port that was free a moment ago. */
async function unusedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 1}`;
}

/** The real runtime, killed as soon as it runs. */
function spawnAndKill({ command, args, cwd, env }: SpawnRequest): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { cwd, env, detached: true });
  child.once("spawn", () => child.kill("SIGKILL"));
  return child;
}

const killedAtHandshake: Case = {
  mode: "SIGKILL",
  expected: "`LaunchError` (HANDSHAKE_FAILED)",
  options: { launch: { spawn: spawnAndKill } },
  run: (stage) => failing(stage.client().start()),
};

const killedServer: Case = {
  mode: "`serveAppServer`, SIGKILL",
  expected: "`LaunchError` (HANDSHAKE_FAILED)",
  run: (stage) => failing(stage.serve({ spawn: spawnAndKill })),
};

/** The server takes the connection, for the system does that, and dies before it answers. */
const diesAtUpgrade: Case = {
  mode: "SIGKILL",
  expected: "`LaunchError` (CONNECT_FAILED)",
  options: { isProxied: true },
  run: async (stage) => {
    await stage.start();
    await stage.signal("SIGSTOP");
    const tried = stage.proxy.nextConnection();
    const connecting = rejected(stage.connect());
    await tried;
    const at = await stage.signal("SIGKILL");
    return failing(
      connecting.then((error) => Promise.reject(error)),
      at,
    );
  },
};

const byClient = (stage: Stage, codexBin: string): Promise<unknown> => stage.client({ codexBin }).start();
const byServer = (stage: Stage, codexBin: string): Promise<unknown> => stage.serve({ codexBin });

/** The rows, in the order of the table. */
export const starts: readonly Row[] = [
  {
    fault: "spawn fails",
    cases: (column) =>
      column === "stdio"
        ? [noSuchFile(byClient), cannotRun("SPAWN_FAILED", byClient)]
        : // The server is started by a shell, which tells on stderr what it could not run.
          [nobodyListens, noSuchFile(byServer), cannotRun("HANDSHAKE_FAILED", byServer)],
  },
  {
    fault: "dies at handshake",
    cases: (column) => (column === "stdio" ? [killedAtHandshake] : [diesAtUpgrade, killedServer]),
  },
];
