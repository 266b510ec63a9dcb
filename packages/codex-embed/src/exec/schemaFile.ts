/** Owns the temporary file that hands the schema of an answer to the runtime. */

import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../errors/index.js";
import { atExit } from "../process/exitHook.js";

/** A schema on disk. */
export interface SchemaFile {
  readonly path: string;
  /** Removes it. Never rejects. */
  readonly remove: () => Promise<void>;
}

/**
 * Writes a schema to a fresh folder in the system's temporary folder, readable by this user alone. When it has not been
 * removed before, it is when this program exits.
 *
 * @throws UsageError when nothing can be written there; nothing is left behind then.
 */
export async function writeSchemaFile(schema: unknown): Promise<SchemaFile> {
  let folder: string | undefined;
  const remove = async (): Promise<void> => {
    // What cannot be removed is in the temporary folder, and no reason to fail a turn.
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
    forget();
  };
  const forget = atExit(() => {
    try {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    } catch {
      // As above; and the others that wait for the exit must have their turn.
    }
  });
  try {
    folder = await mkdtemp(join(tmpdir(), "codex-output-schema-"));
    const path = join(folder, "schema.json");
    await writeFile(path, JSON.stringify(schema), { mode: 0o600 });
    return { path, remove };
  } catch (cause) {
    await remove();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(
      `outputSchema could not be written to the temporary folder ${tmpdir()}, from where the runtime reads it: ${why}. ` +
        "Let TMPDIR name a folder that can be written to.",
      { cause },
    );
  }
}
