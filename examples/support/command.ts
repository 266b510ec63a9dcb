/** Owns how the program of an example is started from its source. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The arguments for Node, and what has to be so that they work. */
export interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it has to run. Default: anywhere. */
  readonly cwd?: string;
}

/** The command that runs an example: a program by tsx, a file of tests by vitest. */
export function commandOf(path: string): Command {
  if (path.endsWith(".test.ts")) {
    const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
    return { args: [vitest, "run", "--config", join(dirname(path), "vitest.config.ts")], env: {}, cwd: ROOT };
  }
  const args = ["--import", import.meta.resolve("tsx"), path];
  return { args, env: { TSX_TSCONFIG_PATH: join(ROOT, "tsconfig.json") } };
}
