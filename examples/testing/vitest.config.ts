import { defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

// `codex-embed` is this repository here; in a project that has installed it, the test needs no configuration.
export default defineConfig({
  ...(base.resolve && { resolve: base.resolve }),
  test: { include: ["examples/testing/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 },
});
