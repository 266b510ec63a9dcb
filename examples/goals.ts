/** Gives the agent a goal, which it pursues over several turns, and prints what it reports. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  const goal = await thread.startGoal("Every function has a test.", { tokenBudget: 200_000 });
  for await (const event of goal) {
    if (event.method === "item/completed" && event.params.item.type === "agentMessage") {
      console.log(`- ${event.params.item.text}`);
    }
  }
  const result = await goal.result();
  console.log(`${result.status} after ${result.turns.length} turns, ${result.usage?.turn.totalTokens} tokens`);
} finally {
  await codex.close();
}
