/** Sets every option of a turn, grouped by purpose. */

import { Codex, type RunOptions } from "codex-embed";
import { z } from "zod";

const Answer = z.object({ files: z.number().int(), summary: z.string() });
const cwd = process.cwd();

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  const before = await thread.run("Hello.");

  const options: RunOptions<typeof Answer> = {
    // Limits. Each of them also stops the turn's commands, unless `keepCommands` is set.
    signal: AbortSignal.timeout(120_000),
    deadlineMs: 60_000, // for the whole turn
    idleTimeoutMs: 30_000, // without any event
    budget: { tokens: 500_000 }, // input and output, sub-agents included
    keepCommands: false,
    checkpoint: false, // true: record the files, for `result.changes` and `result.undo()`

    // The answer, for this turn alone.
    outputSchema: Answer,
    repairAttempts: 1, // extra turns to correct it; for `run` only

    // Sandbox, folders and model, for this turn and the following ones.
    sandbox: "read-only", // or `permissions`, a profile in the configuration
    approvalMode: "deny_all",
    cwd,
    runtimeWorkspaceRoots: [cwd],
    model: thread.model,
    effort: "low",
    summary: "concise", // of the model's reasoning
    planMode: false, // true: plan, and do not work
    disabledPluginIds: [],
    // Also: `serviceTier`, `environments`, `collaborationMode`, `cyberAccessProgram`.

    // Extra context for the model, and metadata for its provider.
    additionalContext: { build: { kind: "application", value: "The last build took 12 minutes." } },
    responsesapiClientMetadata: { team: "docs" },
    responsesapiClientMetadataPatch: { job: "nightly" },
    serviceTierForTurn: "default",

    // Where the turn came from.
    clientUserMessageId: crypto.randomUUID(),
    turnTrigger: "schedule",
    parentTurnId: before.id, // the turn that caused this one
    rootTurnId: before.id, // the first turn of the chain
    // `toolOutput` answers a tool call instead of an input. `personality` and `multiAgentMode` no longer have an effect.
  };
  const { output, status } = await thread.run("How many files are here?", options);
  console.log(`${status}: ${output.files} files. ${output.summary}`);
} finally {
  await codex.close();
}
