/** Owns the table of the commands. */

import type { Command } from "./command.js";
import { doctorCommand } from "./doctor.js";
import { mcpCommand } from "./mcp.js";
import { runCommand } from "./run.js";

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  runCommand,
  doctorCommand,
  mcpCommand(() => import("@codex-embed/mcp-server")),
];
