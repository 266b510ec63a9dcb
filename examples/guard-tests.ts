/** Lets the agent end its turn only when the tests pass. */

import { Codex } from "codex-embed";
import { requirePassing } from "codex-embed/approvals";

const codex = new Codex();
try {
  // This program runs the tests itself, outside the sandbox.
  const guards = requirePassing("node test.mjs", {
    maxRounds: 5,
    onRun: ({ passed, rounds }) => console.log(`tests ${passed ? "pass" : "fail"} after ${rounds} rounds`),
  });
  const thread = await codex.startThread({ sandbox: "workspace-write", guards });
  const result = await thread.run("Make the mean of an empty list 0.");
  console.log(result.finalResponse);
} finally {
  await codex.close();
}
