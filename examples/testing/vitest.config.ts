import { defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

// Resolves `codex-embed` to this repository. In a project that has installed it, no configuration is needed.
export default defineConfig({
  ...(base.resolve && { resolve: base.resolve }),
  test: { include: ["examples/testing/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 },
});
