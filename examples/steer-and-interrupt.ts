/** Steers a running turn, and interrupts another one but keeps what it produced. */

import { Codex, type TurnHandle } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });

  const poem = await thread.startTurn("Write a poem about the sea.");
  await firstWord(poem);
  await poem.steer("About the mountains instead."); // the model starts its answer over
  console.log(`steered: ${(await poem.result()).finalResponse}`);

  const story = await thread.startTurn("Tell me a very long story.");
  await firstWord(story);
  await story.interrupt();
  const { status, durationMs } = await story.result();
  console.log(`${status}: ${durationMs !== null}`);
} finally {
  await codex.close();
}

async function firstWord(turn: TurnHandle): Promise<void> {
  for await (const text of turn.textStream()) if (text !== "") return; // leaving the loop does not stop the turn
}
