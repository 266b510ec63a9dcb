/** Runs a turn with a checkpoint, lists the files that it changed, and undoes them. */

import { createInterface } from "node:readline/promises";
import { Codex, RestoreConflictError } from "codex-embed";

const codex = new Codex();
const terminal = createInterface({ input: process.stdin });
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  // Records the files before the turn and after it, in a git repository of its own.
  const result = await thread.run("Tidy up the modules.", { checkpoint: true });
  console.log(result.finalResponse);

  // Whoever wrote them: a patch, a shell command, a sub-agent.
  for (const { kind, path, from, additions, deletions } of result.changes ?? []) {
    const name = from === undefined ? path : `${from} -> ${path}`;
    console.log(`${kind.padEnd(6)} ${name} (+${additions} -${deletions})`);
  }

  console.log("Keep them? [y/N]");
  const { value: answer } = await terminal[Symbol.asyncIterator]().next();
  if (answer !== "y") console.log(`restored ${(await result.undo()).join(", ")}`);
} catch (error) {
  if (!RestoreConflictError.isInstance(error)) throw error;
  console.error(`Somebody else changed ${error.paths.join(", ")} meanwhile.`);
} finally {
  terminal.close();
  await codex.close();
}
