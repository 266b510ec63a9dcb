/** Sends an image by its path, relative to the thread's working directory. */

import { Codex, UsageError } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { finalResponse } = await thread.run([
    { type: "text", text: "Which bar is the highest?" },
    { type: "localImage", path: "chart.png" },
  ]);
  console.log(finalResponse);

  // An unreadable image is an error before anything is sent. Otherwise the model would answer without it.
  await thread.run({ type: "localImage", path: "missing.png" });
} catch (error) {
  if (!UsageError.isInstance(error)) throw error;
  console.log(error.message);
} finally {
  await codex.close();
}
