/** The trials on each version of Node, and the programs of those versions. */

import { join } from "node:path";
import type { Bench, Trial } from "./bench.js";
import { QUICKSTART, QUICKSTART_CJS, readTold } from "./programs.js";

const VERSIONS = [20, 22, 24, 26] as const;

/** The program `node` of a major version: this one, or one that is installed for the trial. */
async function nodeOf(bench: Bench, major: number): Promise<string> {
  if (process.versions.node.split(".")[0] === String(major)) return process.execPath;
  return join(await bench.tool(`node@${major}`), "node", "bin", "node");
}

/** These trials. */
export const nodes: readonly Trial[] = VERSIONS.map((major) => ({
  name: `Node ${major}`,
  what: "the quickstart by `import` and by `require`",
  run: async (bench) => {
    const node = await nodeOf(bench, major);
    const project = bench.project();
    await project.place();
    project.write("main.mjs", QUICKSTART);
    project.write("main.cjs", QUICKSTART_CJS);
    const versions: string[] = [];
    for (const program of ["main.mjs", "main.cjs"]) {
      const { stdout, stderr } = await project.run(node, [program]);
      versions.push(readTold(stdout, stderr).node);
    }
    if (!versions.every((version) => version.startsWith(`v${major}.`)))
      throw new Error(`It ran on ${versions.join()}.`);
    return `${versions[0]}, no warning`;
  },
}));
