/** Fixes a failing test, and prints everything that the turn did. */

import { relative } from "node:path";
import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  const result = await thread.run("Run the test. If it fails, fix the code and run the test again.");
  for (const item of result.items) {
    if (item.type === "commandExecution") console.log(`ran     ${item.command} (exit code ${item.exitCode})`);
    if (item.type === "fileChange") {
      for (const { path, kind } of item.changes) console.log(`${kind.type}  ${relative(thread.cwd, path)}`);
    }
  }
  console.log(`status  ${result.status} after ${result.durationMs} ms`);
  console.log(
    `tokens  ${result.usage?.turn.totalTokens} in this turn, ${result.usage?.thread.totalTokens} in the thread`,
  );
  console.log(result.finalResponse);
} finally {
  await codex.close();
}
