/** Owns the endpoint that is a process of this program: found, started, and spoken to over its pipes. */

import { messageOf } from "../errors/base.js";
import { LaunchError } from "../errors/connection.js";
import { AgentProcess, type AgentProcessOptions, type SpawnedProcess } from "../process/agentProcess.js";
import { launchEnvironment, newMark } from "../process/environment.js";
import { planLaunch, type SpawnRequest, workingDirectory } from "../process/launch.js";
import { locateRuntime } from "../process/locate.js";
import { DEFAULT_MAX_FRAME_BYTES, StdioTransport } from "../transport/stdio.js";
import { pause, withLimits } from "../util/async.js";
import type { Endpoint } from "./endpoint.js";
import type { CodexOptions } from "./options.js";

/** The endpoint of a runtime that is started by these options. */
export function launched(options: CodexOptions): Endpoint {
  return {
    recovery: options.restart === "on-crash" ? { kind: "restart" } : null,
    cwd: options.cwd ?? workingDirectory(),
    sharesFiles: options.spawn === undefined,
    async open(signal) {
      const located = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
      const child = await startWithin(planLaunch({ ...options, located, mark: newMark() }), options, signal);
      return {
        transport: new StdioTransport(child, options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES),
        codexBin: located.path,
        stderrTail: () => child.stderrTail(),
        killOrphans: (orphans) => child.killOrphans(orphans),
      };
    },
  };
}

/** How long a process that a hanging `spawn` made may take to go. */
const KILL_GRACE_MS = 1_000;

/** Starts the process. A plain child does so at once; the user's own `spawn` may hang, until the signal aborts. */
export async function startWithin(
  request: SpawnRequest,
  { spawn, ...options }: AgentProcessOptions,
  signal: AbortSignal,
): Promise<AgentProcess> {
  if (spawn === undefined) return AgentProcess.start(request, options);
  let spawned: SpawnedProcess | undefined;
  const starting = AgentProcess.start(request, { ...options, spawn: (asked) => (spawned = spawn(asked)) });
  try {
    return await withLimits(starting, { signal });
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const gone = starting.then((late) => late.kill()).catch(() => {});
    spawned?.kill("SIGKILL");
    await pause(KILL_GRACE_MS, gone);
    const why = messageOf(cause);
    throw new LaunchError("SPAWN_FAILED", `${request.command} did not start: ${why}`, { cause });
  }
}
