/** Sets every option that a turn can have, grouped by what it is for. */

import { Codex, type RunOptions } from "codex-embed";
import { z } from "zod";

const Answer = z.object({ files: z.number().int(), summary: z.string() });
const cwd = process.cwd();

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  const before = await thread.run("Hello.");

  const options: RunOptions<typeof Answer> = {
    // What ends the turn early. Each of them stops the turn's commands, unless they are to be kept.
    signal: AbortSignal.timeout(120_000),
    deadlineMs: 60_000, // for the whole turn
    idleTimeoutMs: 30_000, // without a sign of life
    keepCommands: false,

    // What the answer has to be, in this turn alone.
    outputSchema: Answer,
    repairAttempts: 1, // further turns that may correct it; of `run` alone

    // Who may do what, where and by which model: for this turn and the following ones.
    sandbox: "read-only", // or `permissions`, a profile of the configuration
    approvalMode: "deny_all",
    cwd,
    runtimeWorkspaceRoots: [cwd],
    model: thread.model,
    effort: "low",
    summary: "concise", // of the model's reasoning
    disabledPluginIds: [],
    // Others of the kind: `serviceTier`, `environments`, `collaborationMode`, `cyberAccessProgram`.

    // What the model is told besides the input, and what its provider is told.
    additionalContext: { build: { kind: "application", value: "The last build took 12 minutes." } },
    responsesapiClientMetadata: { team: "docs" },
    responsesapiClientMetadataPatch: { job: "nightly" },
    serviceTierForTurn: "default",

    // What the turn is filed under.
    clientUserMessageId: crypto.randomUUID(),
    turnTrigger: "schedule",
    parentTurnId: before.id, // the turn that caused this one
    rootTurnId: before.id, // the first one of the chain
    // `toolOutput` answers a tool call in place of an input; `personality` and `multiAgentMode` have no effect any more.
  };
  const { output, status } = await thread.run("How many files are here?", options);
  console.log(`${status}: ${output.files} files. ${output.summary}`);
} finally {
  await codex.close();
}
