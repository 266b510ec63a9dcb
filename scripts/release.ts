/** The command that stages a release: the tarballs in `release/`, and the commands that a person then runs. */

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pack } from "../compat/pack.js";
import { releaseProblems } from "./release/problems.js";
import { ROOT, releaseState, runs } from "./release/repository.js";

const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });

const state = releaseState();
const problems = releaseProblems(state);
const isChecked = problems.length === 0 && (values["dry-run"] || runs("npm", "run", "--silent", "release:check"));
for (const problem of problems) console.error(`- ${problem}`);
if (isChecked) await stage();
else {
  console.error("\nNothing was staged.");
  process.exitCode = 1;
}

async function stage(): Promise<void> {
  const folder = fileURLToPath(new URL("release/", ROOT));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const work = mkdtempSync(join(tmpdir(), "codex-embed-release-"));
  const { version, runtime } = state;
  console.log(`Version ${version} for the runtime ${runtime}`);
  const publish: string[] = [];
  for (const { tarball, files } of Object.values(await pack(work))) {
    const name = basename(tarball);
    copyFileSync(tarball, join(folder, name));
    const bytes = readFileSync(tarball);
    const hash = createHash("sha512").update(bytes).digest("base64");
    console.log(`release/${name}: ${files.length} files, ${bytes.length} bytes, sha512-${hash}`);
    publish.push(`npm publish release/${name} --access public`);
  }
  rmSync(work, { recursive: true, force: true });
  if (values["dry-run"]) {
    console.log("A dry run: the checks, tests and trials of `npm run release:check` were left out.");
    return;
  }
  console.log(`To publish them:
  ${publish.join("\n  ")}
  git tag v${version} && git push origin v${version}`);
}
