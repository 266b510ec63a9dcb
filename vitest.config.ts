import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^codex-embed$/, replacement: source("index.ts") },
      { find: /^codex-embed\/mcp-server$/, replacement: source("mcp/index.ts") },
      { find: /^codex-embed\/protocol$/, replacement: source("protocol.ts") },
      { find: /^codex-embed\/exec$/, replacement: source("exec/index.ts") },
      { find: /^codex-embed\/testing$/, replacement: source("testing/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/bundle.ts"],
    pool: "forks",
    // Most of a test's time is waiting for a runtime: two files at a time fit even a small machine.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
