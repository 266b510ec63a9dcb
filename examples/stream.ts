/** Streams a turn event by event: text deltas, commands, token usage. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  for await (const event of thread.stream("How many lines does mean.mjs have?")) {
    switch (event.method) {
      case "item/agentMessage/delta":
        process.stdout.write(event.params.delta);
        break;
      case "item/started":
        if (event.params.item.type === "commandExecution") console.log(`$ ${event.params.item.command}`);
        break;
      case "item/completed":
        if (event.params.item.type === "commandExecution") console.log(`  exit code ${event.params.item.exitCode}`);
        if (event.params.item.type === "agentMessage") console.log();
        break;
      case "thread/tokenUsage/updated":
        console.log(`  ${event.params.tokenUsage.last.totalTokens} tokens`);
        break;
      case "turn/completed":
        console.log(`turn ${event.params.turn.status}`);
        break;
      default: // reasoning, plans, diffs, command output, sub-agents, …: each method has its own type
    }
  }
} finally {
  await codex.close();
}
