/**
 * What an import of each entry loads, with its dependencies, minified and gzipped. What is loaded later, by the first call
 * that needs it, is not counted.
 */

const laterIsNotLoaded = {
  name: "later-is-not-loaded",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^/ }, ({ path, kind }) => (kind === "dynamic-import" ? { path, external: true } : null)),
};

// Files of the package import others of it for the order alone, which a bundle of some of them need not keep.
const logOverride = { "ignored-bare-import": "silent" };

const forNode = (config) => ({
  ...config,
  platform: "node",
  format: "esm",
  logOverride,
  plugins: [...(config.plugins ?? []), laterIsNotLoaded],
});

const core = "packages/codex-embed/dist";

const entries = [
  { name: "codex-embed", path: `${core}/index.js`, limit: "60 kB" },
  { name: "codex-embed/protocol", path: `${core}/protocol/index.js`, limit: "2 kB" },
  { name: "codex-embed/approvals", path: `${core}/approvals/index.js`, limit: "58 kB" },
  { name: "codex-embed/checkpoints", path: `${core}/checkpoints/index.js`, limit: "20 kB" },
  { name: "codex-embed/exec", path: `${core}/exec/index.js`, limit: "26 kB" },
  { name: "codex-embed/testing", path: `${core}/testing/index.js`, limit: "66 kB" },
  { name: "codex-embed/ui", path: `${core}/ui/index.js`, limit: "12 kB" },
];

export default entries.map((entry) => ({ ...entry, gzip: true, modifyEsbuildConfig: forNode }));
