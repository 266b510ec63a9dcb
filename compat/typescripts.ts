/** The trials of compilers: a consumer's program against the emitted types, which are checked too. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Trial } from "./bench.js";
import { MODULES, ROOT } from "./pack.js";
import type { Project } from "./project.js";

/** The version that this repository is built with needs no installation. */
const BUILT_WITH = "6";
const VERSIONS = ["5.9", BUILT_WITH, "7"] as const;

const RESOLUTIONS = {
  nodenext: { module: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
} as const;

const COMMON = `import { Codex, type TurnEvent } from "codex-embed";
import { RUNTIME_VERSION, type ThreadItem } from "codex-embed/protocol";
import { Codex as ExecCodex, type ThreadEvent } from "codex-embed/exec";
import { serveMcpStdio, type CodexMcpOptions } from "@codex-embed/mcp-server";
import { approvalRules } from "codex-embed/approvals";
import { startTestCodex } from "codex-embed/testing";
export const ids = (event: ThreadEvent) => (event.type === "thread.started" ? event.thread_id : undefined);
export const read = (event: TurnEvent): ThreadItem | undefined =>
  event.method === "item/completed" ? event.params.item : undefined;
export const all = [Codex, ExecCodex, RUNTIME_VERSION, approvalRules, startTestCodex, serveMcpStdio];
export const options: CodexMcpOptions = { maxSandbox: "read-only" };
// @ts-expect-error: the types are there, and are no any
export const wrong: number = new Codex().closed;
`;

/** The first program of the README. */
function readmeQuickstart(): string {
  const text = readFileSync(join(ROOT, "README.md"), "utf8");
  const quickstart = /## Quickstart\n+```ts\n([^]*?)```/.exec(text)?.[1];
  if (quickstart === undefined) throw new Error("The README has no quickstart.");
  return quickstart;
}

/** A project with programs to compile, and a tsconfig for each resolution, as strict as can be. */
async function typedProject(bench: Bench): Promise<Project> {
  const project = bench.project();
  await project.placeWithoutRuntime();
  await project.placeMcpServer();
  for (const name of ["@types/node", "undici-types", "@modelcontextprotocol", "zod", "@standard-schema"])
    project.link(name);
  project.write("quickstart.mts", readmeQuickstart());
  project.write("module.ts", COMMON);
  // A bundler's resolution has no CommonJS dialect of its own.
  project.write("common/common.cts", COMMON);
  for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
    const compilerOptions = {
      target: "es2022",
      lib: ["es2022"],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      skipLibCheck: false,
      noEmit: true,
      ...resolution,
    };
    const include = name === "bundler" ? ["*.ts", "*.mts"] : ["*.ts", "*.mts", "common"];
    project.write(`tsconfig.${name}.json`, JSON.stringify({ compilerOptions, include }));
  }
  return project;
}

type Resolution = keyof typeof RESOLUTIONS;

function trial(version: string, resolutions: readonly Resolution[]): Trial {
  const as = resolutions.map((name) => `as \`${name}\``).join(" and ");
  return {
    name: `TypeScript ${version}`,
    what: `the README's quickstart and all subpaths, \`skipLibCheck: false\`, ${as}`,
    run: async (bench) => {
      const modules = version === BUILT_WITH ? MODULES : await bench.tool(`typescript@${version}`);
      const tsc = join(modules, "typescript", "bin", "tsc");
      const project = await typedProject(bench);
      for (const name of resolutions) await project.run(process.execPath, [tsc, "-p", `tsconfig.${name}.json`]);
      const { stdout } = await project.run(process.execPath, [tsc, "--version"]);
      return `${stdout.trim().replace("Version ", "")}: no error`;
    },
  };
}

/** These trials. */
export const typescripts: readonly Trial[] = VERSIONS.map((version) => trial(version, ["nodenext", "bundler"]));

/** The shortest of them, which needs no registry. */
export const builtWith: Trial = trial(BUILT_WITH, ["nodenext"]);
