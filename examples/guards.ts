/** Lets the agent work with full access, but write patches to one folder alone, and stop only when its tests pass. */

import { execFile } from "node:child_process";
import { join, sep } from "node:path";
import { promisify } from "node:util";
import { Codex } from "codex-embed";

const run = promisify(execFile);
const source = join(process.cwd(), "src") + sep;
const MAX_ROUNDS = 3;

await using codex = new Codex();
const thread = await codex.startThread({
  sandbox: "full-access",
  guards: {
    // Asked about every call, also inside the sandbox. The model reads the reason of a denial.
    beforeTool: (call) => {
      if (call.kind === "command" && call.argv?.[0] === "cat") return "allow";
      if (call.kind === "patch") {
        const targets = call.files.flatMap(({ path, kind }) =>
          kind.type === "update" && kind.move_path !== null ? [path, kind.move_path] : [path],
        );
        if (targets.every((path) => path.startsWith(source))) return "allow";
      }
      console.log(`denied: ${call.kind}`);
      return { deny: "Read files with cat, and change files in src with apply_patch. Nothing else is allowed." };
    },
    // Asked when the agent wants to end its turn.
    onStop: async ({ rounds }) => {
      try {
        await run("node", ["test.mjs"]);
        console.log("tests pass");
        return undefined;
      } catch {
        console.log("tests fail");
        return rounds < MAX_ROUNDS ? { continueWith: "node test.mjs fails. Repair it." } : undefined;
      }
    },
  },
});
const result = await thread.run("Repair the function mean.");
console.log(result.finalResponse);
