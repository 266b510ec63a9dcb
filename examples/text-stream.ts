/** Prints the answer as the model writes it, then the result of the same turn. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const turn = await thread.startTurn("Explain the mean to a child.");
  for await (const text of turn.textStream()) process.stdout.write(text);
  const { status, usage } = await turn.result(); // can be called any number of times
  console.log(`\n(${status}, ${usage?.turn.outputTokens} tokens)`);
} finally {
  await codex.close();
}
