import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../errors/base.js";
import { OutputValidationError } from "../errors/turn.js";
import { isStandardSchema, prepareOutput, toJsonSchema } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import { atExit } from "../util/async.js";
import { isRecord } from "../util/json.js";

/** An `outputSchema` made ready. */
export interface OutputPlan {
  /** The JSON Schema for the runtime. */
  readonly wire: unknown;
  /** Reads the final answer; undefined for a plain JSON Schema. Throws `OutputValidationError`. */
  readonly parse: ((finalResponse: string) => Promise<unknown>) | undefined;
}

/**
 * Makes an `outputSchema` ready.
 *
 * @throws UsageError for what is no schema, and for one of a library that has no JSON Schema or no strict form.
 */
export async function planOutput(schema: unknown): Promise<OutputPlan | undefined> {
  if (schema === undefined) return undefined;
  const where = "outputSchema";
  if (!isSchema(schema)) {
    throw new UsageError(
      `${where} is not a schema. Pass one of a Standard Schema library (zod, valibot, arktype, …) or a JSON Schema object.`,
    );
  }
  if (!isStandardSchema(schema)) return { wire: toJsonSchema(schema, { io: "input", where }), parse: undefined };
  const prepared = await prepareOutput(schema, where);
  return {
    wire: prepared.wire,
    async parse(finalResponse) {
      const result = await prepared.parse(finalResponse);
      if (!result.ok) throw new OutputValidationError(result.issues, finalResponse);
      return result.value;
    },
  };
}

function isSchema(value: unknown): value is Schema {
  return isRecord(value) || isStandardSchema(value);
}

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
