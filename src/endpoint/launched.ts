/** Owns the endpoint that is a process of this program: found, started, and spoken to over its pipes. */

import { UsageError } from "../errors/index.js";
import type { CodexOptions } from "../options.js";
import { AgentProcess } from "../process/agentProcess.js";
import { launchEnvironment } from "../process/environment.js";
import { planLaunch } from "../process/launch.js";
import { locateRuntime } from "../process/locate.js";
import { DEFAULT_MAX_FRAME_BYTES } from "../transport/lines.js";
import { StdioTransport } from "../transport/stdio.js";
import type { Endpoint, RecoveryPlan } from "./endpoint.js";

/** The endpoint of a runtime that is started by these options. */
export function launched(options: CodexOptions): Endpoint {
  return {
    recovery: restartPlan(options.restart ?? "never"),
    cwd: options.cwd ?? process.cwd(),
    async open() {
      const located = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
      const child = await AgentProcess.start(planLaunch({ ...options, located }), options);
      return {
        transport: new StdioTransport(child, options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES),
        codexBin: located.path,
        stderrTail: () => child.stderrTail(),
      };
    },
  };
}

function restartPlan(restart: string): RecoveryPlan | null {
  if (restart === "on-crash") return { kind: "restart" };
  if (restart === "never") return null;
  throw new UsageError(`restart is ${JSON.stringify(restart)}; it must be "on-crash" or "never".`);
}
