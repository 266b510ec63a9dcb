import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^codex-embed$/, replacement: source("codex-embed/src/index.ts") },
      { find: /^codex-embed\/protocol$/, replacement: source("codex-embed/src/protocol/index.ts") },
      { find: /^codex-embed\/approvals$/, replacement: source("codex-embed/src/approvals/index.ts") },
      { find: /^codex-embed\/exec$/, replacement: source("codex-embed/src/exec/index.ts") },
      { find: /^codex-embed\/testing$/, replacement: source("codex-embed/src/testing/index.ts") },
      { find: /^codex-embed\/ui$/, replacement: source("codex-embed/src/ui/index.ts") },
      { find: /^@codex-embed\/mcp-server$/, replacement: source("mcp-server/src/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "{docs,examples,scripts}/test/**/*.test.ts"],
    globalSetup: ["packages/codex-embed/test/support/bundle.ts"],
    pool: "forks",
    // A test mostly waits for a runtime: four files at a time keep two cores busy.
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
