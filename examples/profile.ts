/** Runs a turn with a profile: settings of a file of their own, over the user's configuration. */

import { Codex, UsageError } from "codex-embed";

// Reads fast.config.toml in the home, such as: model_reasoning_effort = "low"
const codex = new Codex({ profile: "fast" });
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { finalResponse } = await thread.run("What does this project do?");
  console.log(finalResponse);
} catch (error) {
  // Without the file nothing is started: the message names the file and what to write into it.
  if (!UsageError.isInstance(error)) throw error;
  console.error(error.message);
} finally {
  await codex.close();
}
