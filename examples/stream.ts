/** Follows a turn event by event: text as it grows, commands as they start and end, the tokens used. */

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
        console.log(`The turn is ${event.params.turn.status}.`);
        break;
      default: // reasoning, plans, diffs, output of commands, sub-agents, …: each is typed by its name
    }
  }
} finally {
  await codex.close();
}
