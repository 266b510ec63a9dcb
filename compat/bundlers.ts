/** The trials of bundlers: the bundled program has to find the runtime that is installed beside it. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Format } from "esbuild";
import type { Bench, Trial } from "./bench.js";
import { QUICKSTART_MODULE, readTold } from "./programs.js";
import type { Project } from "./project.js";

/** A program that is fit for both dialects: no `await` at the top. */
const PROGRAM = `${QUICKSTART_MODULE}\nquickstart().then((told) => console.log(JSON.stringify(told)));\n`;

/** Leaves a bundle and the runtime, and nothing else of the package. */
async function runBundle(project: Project, name: string): Promise<string> {
  const alone = project.folder;
  const { stdout, stderr } = await project.run(process.execPath, [name]);
  const { codexBin } = readTold(stdout, stderr);
  if (!codexBin.startsWith(alone)) throw new Error(`It found the runtime elsewhere: ${codexBin}`);
  return "found the runtime beside it and ran a turn";
}

async function sources(bench: Bench): Promise<Project> {
  const project = bench.project();
  await project.place();
  project.write("src/main.js", PROGRAM);
  return project;
}

function esbuild(format: Format, name: string): Trial {
  return {
    name: `esbuild, ${format}`,
    what: "everything in one file",
    run: async (bench) => {
      const project = await sources(bench);
      const { warnings } = await build({
        entryPoints: [join(project.folder, "src/main.js")],
        outfile: join(project.folder, name),
        format,
        bundle: true,
        platform: "node",
        logLevel: "silent",
      });
      // A CommonJS bundle has no import.meta: the package looks from the script and the working directory then.
      const others = warnings.filter(({ id }) => id !== "empty-import-meta");
      if (others.length > 0) throw new Error(`It warns: ${others.map(({ text }) => text).join("; ")}`);
      return await runBundle(project, name);
    },
  };
}

const webpack: Trial = {
  name: "webpack",
  what: "version 5, target `node`, everything in one CommonJS file",
  run: async (bench) => {
    const modules = await bench.tool("webpack@5");
    const project = await sources(bench);
    const config = {
      mode: "production",
      target: "node20",
      entry: "./src/main.js",
      output: { path: join(project.folder, "out"), filename: "bundle.cjs" },
    };
    project.write(
      "build.mjs",
      `const { default: webpack } = await import(${JSON.stringify(pathToFileURL(join(modules, "webpack/lib/index.js")).href)});
      webpack(${JSON.stringify(config)}, (error, stats) => {
        if (error !== null) throw error;
        process.exitCode = stats.hasErrors() ? 1 : 0;
        console.log(stats.toString({ all: false, errors: true, warnings: true }));
      });`,
    );
    const { stdout } = await project.run(process.execPath, ["build.mjs"]);
    const seen = await runBundle(project, "out/bundle.cjs");
    const warnings = [...stdout.matchAll(/^WARNING in .*\n(.*)/gm)].map(([, text]) => text);
    return warnings.length === 0 ? seen : `${seen}; ${warnings.length} warnings`;
  },
};

/** These trials. */
export const bundlers: readonly Trial[] = [esbuild("esm", "bundle.mjs"), esbuild("cjs", "bundle.cjs"), webpack];
