/** The trials that need no registry: CommonJS, and the places where a package may find itself. */

import { mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Bench, Trial } from "./bench.js";
import { QUICKSTART, QUICKSTART_CJS, QUICKSTART_MODULE, readTold, type Told } from "./programs.js";
import type { Project } from "./project.js";

const PLATFORM = `@openai/codex-${process.platform}-${process.arch}`;

async function quickstart(project: Project, program = "main.mjs", node = process.execPath): Promise<Told> {
  const { stdout, stderr } = await project.run(node, [program]);
  return readTold(stdout, stderr);
}

function expectPart(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`There is no ${JSON.stringify(part)} in: ${text}`);
}

/** These trials. */
export const layouts: readonly Trial[] = [
  {
    name: "CommonJS",
    what: '`require("codex-embed")` and its subpaths, without a flag',
    run: async (bench) => {
      const project = bench.project("project", { type: "commonjs" });
      await project.place();
      project.write("main.js", QUICKSTART_CJS);
      const { node } = await quickstart(project, "main.js");
      return `Node ${node}, no warning`;
    },
  },
  {
    name: "path with spaces",
    what: "a project in a folder named `Größe & 東京 (1)`",
    run: async (bench) => {
      const project = bench.project("Größe & 東京 (1)");
      await project.place();
      project.write("main.mjs", QUICKSTART);
      expectPart((await quickstart(project)).codexBin, "Größe & 東京 (1)");
      return "the runtime beside it was started";
    },
  },
  {
    name: "Electron archive",
    what: "code in `app.asar`, the binary in `app.asar.unpacked` alone",
    run: async (bench) => {
      const project = bench.project("app.asar");
      await project.place();
      project.write("main.mjs", QUICKSTART);
      const unpacked = join(`${project.folder}.unpacked`, "node_modules", PLATFORM, "vendor");
      moveFolder(join(project.folder, "node_modules", PLATFORM, "vendor"), unpacked);
      expectPart((await quickstart(project)).codexBin, "app.asar.unpacked");
      return "the unpacked copy was started";
    },
  },
  {
    name: "no optional dependency",
    what: "the package as `--omit=optional` leaves it",
    run: async (bench) => {
      const project = bench.project();
      await project.placeWithoutRuntime();
      return await tellsWhatToInstall(project);
    },
  },
  { name: "two copies", what: "two copies of the package in one process", run: twoCopies },
];

/** Runs a program that finds no runtime, and returns the advice that it gets. */
export async function tellsWhatToInstall(project: Project): Promise<string> {
  project.write(
    "main.mjs",
    `import { Codex, LaunchError } from "codex-embed";
    const error = await new Codex().start().catch((caught) => caught);
    console.log(JSON.stringify({ ok: LaunchError.isInstance(error), code: error.code, message: error.message }));`,
  );
  const { stdout } = await project.run(process.execPath, ["main.mjs"]);
  const told: { ok: boolean; code: string; message: string } = JSON.parse(stdout);
  if (!told.ok || told.code !== "BINARY_NOT_FOUND") throw new Error(`Another error: ${stdout}`);
  const advice = /npm install @openai\/codex@[\d.]+/.exec(told.message)?.[0];
  if (advice === undefined) throw new Error(`It does not say what to install: ${told.message}`);
  expectPart(told.message, "--omit=optional");
  return `\`LaunchError\` (${told.code}) says \`${advice}\``;
}

async function twoCopies(bench: Bench): Promise<string> {
  const project = bench.project();
  await project.place();
  await project.unpack("node_modules/other/node_modules/codex-embed");
  project.write("node_modules/other/package.json", '{ "name": "other", "type": "module", "exports": "./index.js" }');
  project.write(
    "node_modules/other/index.js",
    `export { CodexError as OtherError } from "codex-embed";\n${QUICKSTART_MODULE}`,
  );
  project.write(
    "main.mjs",
    `${QUICKSTART_MODULE}
    import { OtherError, quickstart as others } from "other";
    const told = [await quickstart(), await others()];
    const { Codex } = await import("codex-embed");
    const error = await new Codex({ codexBin: "/nowhere" }).start().catch((caught) => caught);
    const seen = { foreign: error instanceof OtherError, known: OtherError.isInstance(error), own: error instanceof CodexError };
    console.log(JSON.stringify({ seen, told }));`,
  );
  const { stdout, stderr } = await project.run(process.execPath, ["main.mjs"]);
  const { seen, told }: { seen: object; told: Told[] } = JSON.parse(stdout);
  for (const each of told) readTold(JSON.stringify(each), stderr);
  if (JSON.stringify(seen) !== '{"foreign":false,"known":true,"own":true}' || told.length !== 2) {
    throw new Error(`The copies do not know each other's errors: ${stdout}`);
  }
  return "each runs a turn; `CodexError.isInstance` knows the error of the other, `instanceof` does not";
}

function moveFolder(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}
