import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The arguments for Node, with the environment and the folder that they need. */
export interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder that it must run in. Default: any. */
  readonly cwd?: string;
}

/** The command that runs an example from its source: tsx for a program, vitest for a test file. */
export function commandOf(path: string): Command {
  if (path.endsWith(".test.ts")) {
    const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
    return { args: [vitest, "run", "--config", join(dirname(path), "vitest.config.ts")], env: {}, cwd: ROOT };
  }
  const args = ["--import", import.meta.resolve("tsx"), path];
  return { args, env: { TSX_TSCONFIG_PATH: join(ROOT, "tsconfig.json") } };
}
