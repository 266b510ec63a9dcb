/** The agent under test: writes a changelog entry for the last change in a folder. */

import type { Codex } from "codex-embed";
import { z } from "zod";

const Entry = z.object({ kind: z.enum(["added", "changed", "fixed"]), text: z.string().max(80) });

export type ChangelogEntry = z.infer<typeof Entry>;

/** Returns the entry. The model gets one attempt to repair an invalid answer. */
export async function writeChangelogEntry(codex: Codex, folder: string): Promise<ChangelogEntry> {
  const thread = await codex.startThread({ cwd: folder, ephemeral: true, approvalMode: "deny_all" });
  const { output } = await thread.run("Write the changelog entry for the last change here.", {
    outputSchema: Entry,
    repairAttempts: 1,
  });
  return output;
}
