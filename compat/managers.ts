/** The trials of package managers, each with an installation of its own from the registry. */

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Trial } from "./bench.js";
import { tellsWhatToInstall } from "./layouts.js";
import { QUICKSTART, readTold, type Told } from "./programs.js";
import { run } from "./shell.js";

const INSTALL_MS = 600_000;
const QUIET = ["--no-audit", "--no-fund"];

function dependsOn(bench: Bench, others: Readonly<Record<string, string>> = {}): object {
  return { dependencies: { "codex-embed": `file:${bench.packed["codex-embed"].tarball}`, ...others } };
}

function expectIn(told: Told, part: string): void {
  if (!told.codexBin.includes(part)) throw new Error(`The runtime came from elsewhere: ${told.codexBin}`);
}

async function registry(): Promise<string> {
  const { stdout } = await run("npm", ["config", "get", "registry"], { cwd: process.cwd() });
  return stdout.trim();
}

/** The core has no peer dependencies: it is installed beside whatever version of a library a project holds. */
function besides(what: string, others: Readonly<Record<string, string>>): Trial {
  return {
    name: `npm, besides ${what}`,
    what: `\`npm install\` into a project that holds ${Object.entries(others)
      .map(([name, version]) => `\`${name}@${version}\``)
      .join(" and ")}, without a flag`,
    run: async (bench) => {
      const project = bench.project("project", dependsOn(bench, others));
      project.write("main.mjs", QUICKSTART);
      await project.run("npm", ["install", ...QUIET], { timeoutMs: INSTALL_MS });
      const { stdout, stderr } = await project.run(process.execPath, ["main.mjs"]);
      readTold(stdout, stderr);
      rmSync(project.folder, { recursive: true, force: true });
      return "installed, and ran a turn";
    },
  };
}

/** These trials. */
export const managers: readonly Trial[] = [
  {
    name: "npm",
    what: "`npm install` of the tarball with all that it brings",
    run: async (bench) => {
      const project = bench.project("project", dependsOn(bench));
      project.write("main.mjs", QUICKSTART);
      await project.run("npm", ["install", ...QUIET], { timeoutMs: INSTALL_MS });
      const { stdout, stderr } = await project.run(process.execPath, ["main.mjs"]);
      expectIn(readTold(stdout, stderr), join(project.folder, "node_modules"));
      const lock: { packages: object } = JSON.parse(readFileSync(join(project.folder, "package-lock.json"), "utf8"));
      rmSync(project.folder, { recursive: true, force: true });
      return `${Object.keys(lock.packages).length - 1} packages named in the lock file`;
    },
  },
  {
    name: "npm --omit=optional",
    what: "`npm install --omit=optional`, then a start",
    run: async (bench) => {
      const project = bench.project("project", dependsOn(bench));
      await project.run("npm", ["install", "--omit=optional", ...QUIET], { timeoutMs: INSTALL_MS });
      return await tellsWhatToInstall(project);
    },
  },
  besides("ajv 6", { ajv: "^6.12.6" }),
  besides("an old MCP SDK", { "@modelcontextprotocol/sdk": "1.10.2", "@modelcontextprotocol/server": "2.0.0" }),
  {
    name: "npm, with the MCP server",
    what: "`npm install` of both tarballs, then an import",
    run: async (bench) => {
      const others = { "@codex-embed/mcp-server": `file:${bench.packed["mcp-server"].tarball}` };
      const project = bench.project("project", dependsOn(bench, others));
      await project.run("npm", ["install", "--omit=optional", ...QUIET], { timeoutMs: INSTALL_MS });
      project.write("main.mjs", `console.log(Object.keys(await import("@codex-embed/mcp-server")).join());`);
      const { stdout } = await project.run(process.execPath, ["main.mjs"]);
      if (!stdout.includes("serveMcpStdio")) throw new Error(`It exports something else: ${stdout}`);
      rmSync(project.folder, { recursive: true, force: true });
      return `exports \`${stdout.trim().replaceAll(",", "`, `")}\``;
    },
  },
  {
    name: "pnpm",
    what: "pnpm 10, its store and its links",
    run: async (bench) => {
      const pnpm = join(await bench.tool("pnpm@10"), "pnpm", "bin", "pnpm.cjs");
      const project = bench.project("project", dependsOn(bench));
      project.write("main.mjs", QUICKSTART);
      const store = join(bench.work, "pnpm-store");
      const env = { XDG_DATA_HOME: store, XDG_CACHE_HOME: store, XDG_STATE_HOME: store };
      const args = [pnpm, "install", "--store-dir", store];
      await project.run(process.execPath, args, { timeoutMs: INSTALL_MS, env });
      const { stdout, stderr } = await project.run(process.execPath, ["main.mjs"]);
      expectIn(readTold(stdout, stderr), join("node_modules", ".pnpm"));
      for (const folder of [project.folder, store]) rmSync(folder, { recursive: true, force: true });
      return "found the runtime in `node_modules/.pnpm`";
    },
  },
  {
    name: "Yarn Plug'n'Play",
    what: "Yarn 4 without `node_modules`",
    run: async (bench) => {
      const yarn = join(await bench.tool("@yarnpkg/cli-dist@4"), "@yarnpkg", "cli-dist", "bin", "yarn.js");
      const project = bench.project("project", dependsOn(bench));
      project.write("main.mjs", QUICKSTART);
      project.write("yarn.lock", "");
      const global = join(bench.work, "yarn");
      const config = { nodeLinker: "pnp", enableTelemetry: false, enableGlobalCache: true, globalFolder: global };
      project.write(".yarnrc.yml", JSON.stringify({ ...config, npmRegistryServer: await registry() }));
      await project.run(process.execPath, [yarn, "install", "--no-immutable"], { timeoutMs: INSTALL_MS });
      const { stdout } = await project.run(process.execPath, [yarn, "node", "main.mjs"]);
      expectIn(readTold(stdout), join(".yarn", "unplugged"));
      for (const folder of [project.folder, global]) rmSync(folder, { recursive: true, force: true });
      return "found the runtime in `.yarn/unplugged`";
    },
  },
];
