/** Gives the agent full access, and lets it write to `src/**` alone and run nothing but what is listed. */

import { join } from "node:path";
import { Codex } from "codex-embed";
import { guardRules } from "codex-embed/approvals";

const cwd = process.cwd();
const guards = guardRules({
  paths: { allow: [join(cwd, "src", "**")] },
  // A program could write anywhere, so only these may run, and only here.
  commands: { allow: ["ls **", "cat *"], cwd },
  otherwise: "deny",
  onDecision: ({ kind, decision }) => console.log(`${decision} ${kind}`),
});

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "full-access", cwd, guards });
  const result = await thread.run("Add a changelog, and a module for the median.");
  console.log(result.finalResponse);
} finally {
  await codex.close();
}
