/** Shows the model a picture by its path, relative to the thread's working directory. */

import { Codex, UsageError } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { finalResponse } = await thread.run([
    { type: "text", text: "Which bar is the highest?" },
    { type: "localImage", path: "chart.png" },
  ]);
  console.log(finalResponse);

  // A picture that cannot be read is an error before anything is sent; the model would never have missed it.
  await thread.run({ type: "localImage", path: "missing.png" });
} catch (error) {
  if (!UsageError.isInstance(error)) throw error;
  console.log(error.message);
} finally {
  await codex.close();
}
