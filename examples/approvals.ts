/** Decides what the agent may do beyond its sandbox: by rules first, and by asking you where no rule speaks. */

import { createInterface } from "node:readline/promises";
import { Codex } from "codex-embed";
import { approvalRules } from "codex-embed/approvals";

const terminal = createInterface({ input: process.stdin, output: process.stdout });
const handlers = approvalRules({
  commands: { allow: ["node --version"], deny: ["rm"] },
  otherwise: {
    approveCommand: async ({ command, reason }, { signal }) => {
      const answer = await terminal.question(`Run ${command}? (${reason}) [y/N] `, { signal });
      return answer === "y" ? "accept" : "decline"; // or "acceptForSession", or "cancel" to end the turn
    },
  },
  onDecision: ({ decision, by, subject }) => console.log(`${decision} by ${by}: ${subject}`),
});

const codex = new Codex({ handlers });
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { finalResponse } = await thread.run("Clean up the old reports, and say which Node is installed.");
  console.log(finalResponse);
} finally {
  terminal.close();
  await codex.close();
}
