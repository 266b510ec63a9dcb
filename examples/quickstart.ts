/** Asks one question and prints the answer. */

import { Codex } from "codex-embed";

const codex = new Codex(); // starts the runtime when it is first used
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const result = await thread.run("What does this project do? One sentence.");
  console.log(result.finalResponse);
} finally {
  await codex.close(); // stops the runtime and everything that it started
}
