/** Limits the tokens of a turn, and continues with a larger budget when they are spent. */

import { BudgetExceededError, Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  try {
    await thread.run("Count the lines of every file.", { budget: { tokens: 2_000 } });
  } catch (error) {
    if (!BudgetExceededError.isInstance(error)) throw error;
    const { spent, budget, result } = error;
    console.log(`${result?.status} after ${spent.tokens} of ${budget.tokens} tokens: ${result?.text}`);
  }
  // The thread keeps its history.
  const { finalResponse } = await thread.run("Continue.", { budget: { tokens: 50_000 } });
  console.log(finalResponse);
} finally {
  await codex.close();
}
