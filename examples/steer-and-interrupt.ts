/** Adds to a turn while it runs, and ends another one early, keeping what it had come to. */

import { Codex, type TurnHandle } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });

  const poem = await thread.startTurn("Write a poem about the sea.");
  await firstWord(poem);
  await poem.steer("About the mountains instead."); // the answer is begun anew
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
  for await (const text of turn.textStream()) if (text !== "") return; // leaving a loop leaves the turn running
}
