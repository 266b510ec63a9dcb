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

/** A prepared `outputSchema`. */
export interface OutputPlan {
  /** The JSON Schema for the runtime. */
  readonly wire: unknown;
  /** Validates the final answer. Rejects with `OutputValidationError`. Undefined for a plain JSON Schema. */
  readonly parse: ((finalResponse: string) => Promise<unknown>) | undefined;
}

/**
 * Prepares an `outputSchema`.
 *
 * @throws UsageError if it is not a schema, or if it has no JSON Schema or no strict form.
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

/** A schema file. */
export interface SchemaFile {
  readonly path: string;
  /** Deletes the file. Never rejects. */
  readonly remove: () => Promise<void>;
}

/**
 * Writes a schema to a new folder in the system's temporary folder, readable only by this user. The exit of this
 * program deletes it if nothing else did.
 *
 * @throws UsageError if the folder is not writable. Nothing is left behind then.
 */
export async function writeSchemaFile(schema: unknown): Promise<SchemaFile> {
  let folder: string | undefined;
  const remove = async (): Promise<void> => {
    // A file left in the temporary folder is no reason to fail a turn.
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
    forget();
  };
  const forget = atExit(() => {
    try {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    } catch {
      // As above. Other exit hooks must still run.
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
      `outputSchema could not be written to the temporary folder ${tmpdir()}, where the runtime reads it: ${why}. ` +
        "Set TMPDIR to a writable folder.",
      { cause },
    );
  }
}
