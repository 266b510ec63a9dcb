/** The programs that tests start as children: bundled once, since compiling them takes longer than most tests. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Example, readExamples } from "../../../../examples/support/catalog.js";
import { BUNDLED } from "../../../../scripts/shared/bundle.js";

const root = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** The folder of the bundles; packages are found from it as from the sources. */
const FOLDER = "node_modules/.cache/codex-embed-tests";

/** The program `codex-embed`. */
export const CLI = root(`${FOLDER}/packages/codex-embed/src/cli/main.js`);

/** A program whose working directory is deleted; it runs without a loader, which would look there. */
export const DELETED_FOLDER = root(`${FOLDER}/packages/codex-embed/test/fixtures/deletedFolder.js`);

/** The examples that are programs; the others are files of tests, which vitest compiles. */
export const EXAMPLES: readonly Example[] = readExamples(root("examples")).filter(({ file }) => !isTest(file));

/** The program of an example. */
export function programOf({ file }: Example): string {
  return root(`${FOLDER}/examples/${file.replace(/\.ts$/, ".js")}`);
}

/** Bundles the programs before the first test. */
export async function setup(): Promise<void> {
  const examples = [...EXAMPLES.map(({ file }) => file), "review-service/page.html"];
  await build({
    entryPoints: [
      root("packages/codex-embed/src/cli/main.ts"),
      root("packages/codex-embed/test/fixtures/deletedFolder.ts"),
      ...examples.map((file) => root(`examples/${file}`)),
    ],
    loader: { ".html": "copy" },
    outdir: root(FOLDER),
    outbase: root(""),
    ...BUNDLED,
    sourcemap: "inline",
  });
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts");
}
