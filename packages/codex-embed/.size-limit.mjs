/**
 * How much code each entry may bring into a bundle, with its dependencies, minified and gzipped. The limits stand a tenth
 * above what was measured: nobody downloads a server, so they are there to show what a change weighs, not to save bytes.
 */

// Files of the package import others of it for the order alone, which a bundle of some of them need not keep.
const logOverride = { "ignored-bare-import": "silent" };
const forNode = (config) => ({ ...config, platform: "node", format: "esm", logOverride });

const entries = [
  { name: "codex-embed", path: "dist/index.js", limit: "160 kB" },
  { name: "codex-embed, { Codex } alone", path: "dist/index.js", import: "{ Codex }", limit: "100 kB" },
  { name: "codex-embed/exec", path: "dist/exec/index.js", limit: "31 kB" },
  { name: "codex-embed/protocol", path: "dist/protocol.js", limit: "2 kB" },
  { name: "codex-embed/testing", path: "dist/testing/index.js", limit: "109 kB" },
];

export default entries.map((entry) => ({ ...entry, gzip: true, modifyEsbuildConfig: forNode }));
