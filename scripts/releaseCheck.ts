/** The command that says whether a release may be made: everything that has to be true of it, the quick things first. */

import { releaseProblems } from "./release/problems.js";
import { releaseState, runs } from "./release/repository.js";

/** The commands that have to succeed, and what each is for. The tests look into the packed tarball. */
const COMMANDS = [
  { what: "format, lint, types, layers, unused code, generated code, package, size, API", npm: "check" },
  { what: "all tests, with what the tarball holds", npm: "test" },
  { what: "the package wherever it is promised to work", npm: "compat" },
] as const;

const problems = releaseProblems(releaseState());
for (const problem of problems) console.error(`- ${problem}`);
if (problems.length > 0) {
  console.error(`\n${problems.length} problems; the long checks were not begun.`);
  process.exitCode = 1;
} else {
  const failed = COMMANDS.filter(({ what, npm }) => {
    console.error(`\n== ${what} (npm run ${npm})`);
    return !runs("npm", "run", "--silent", npm);
  });
  for (const { what, npm } of failed) console.error(`- failed: ${what}. Run npm run ${npm}.`);
  console.log(failed.length === 0 ? "The release may be made: npm run release" : "The release has to wait.");
  process.exitCode = failed.length === 0 ? 0 : 1;
}
