/** Runs a turn with a budget and a checkpoint, lists the files that it changed, and undoes them. */

import { Codex, RestoreConflictError } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  // A turn that would spend more is stopped: its BudgetExceededError has the result so far, and that can be undone too.
  const budget = { tokens: 200_000 };
  // The checkpoint records the files before the turn and after it, in a git repository of its own.
  const result = await thread.run("Tidy up the modules.", { budget, checkpoint: true });
  console.log(result.finalResponse);

  // Whoever wrote them: a patch, a shell command, a sub-agent.
  for (const { kind, path, from, additions, deletions } of result.changes ?? []) {
    const name = from === undefined ? path : `${from} -> ${path}`;
    console.log(`${kind} ${name} (+${additions} -${deletions})`);
  }

  // Refuses to lose a file that was changed again since the turn, unless `force` is set.
  const restored = await result.undo();
  console.log(`restored ${restored.join(", ")}`);
} catch (error) {
  if (!RestoreConflictError.isInstance(error)) throw error;
  console.error(`Changed since the turn: ${error.paths.join(", ")}`);
} finally {
  await codex.close();
}
