/** Asks one question and prints the answer. */

import { Codex } from "codex-embed";

const codex = new Codex(); // starts the runtime at its first use
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const result = await thread.run("What does this project do? One sentence.");
  console.log(result.finalResponse);
} finally {
  await codex.close(); // ends the runtime and everything that it started
}
