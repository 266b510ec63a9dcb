/** The command that moves this package to another version of the runtime, and tells what is different in it. */

import { parseArgs } from "node:util";
import { flatten } from "./generate/flatten.js";
import { readRuntime } from "./generate/runtime.js";
import { ROOT, read, runs, setVersions, uncommitted, versions } from "./release/repository.js";
import { releaseVersion } from "./release/version.js";
import { diffProtocols, printDiff } from "./runtime/diff.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "no-test": { type: "boolean", default: false } },
});
const [runtime] = positionals;
if (runtime === undefined || positionals.length > 1) {
  throw new Error("Say which version: npm run runtime:update -- 0.170.0 (--no-test leaves out the tests)");
}
const version = releaseVersion(runtime);
const changed = uncommitted("package.json", "packages/codex-embed", "package-lock.json");
if (changed !== "") throw new Error(`Commit or remove what would get mixed up with the update first:\n${changed}`);

const from = versions().runtime;
const before = read("packages/codex-embed/src/protocol/generated/protocol.ts");
setVersions(version, runtime);
if (!runs("npm", "install", "--ignore-scripts")) throw new Error(`@openai/codex@${runtime} could not be installed.`);
// Before it is generated: a method that the generator cannot place is easier to place with the difference at hand.
console.log(printDiff(diffProtocols(before, flatten(readRuntime(ROOT).files)), from, runtime));

const steps = ["generate", "check:types", ...(values["no-test"] ? [] : ["test"])];
const failed = steps.find((step) => !runs("npm", "run", "--silent", step));
console.error(
  failed === undefined
    ? "\nDone. What is left for a person is in docs/maintaining.md."
    : `\nThe runtime is ${runtime} now, and npm run ${failed} fails; what comes after it was not tried.`,
);
process.exitCode = failed === undefined ? 0 : 1;
