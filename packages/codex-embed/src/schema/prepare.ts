/** Owns schemas made ready for use: what goes on the wire, and the check of what comes back. */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { UsageError } from "../errors/index.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { MAX_READ_LEVELS } from "../util/json.js";
import { dropAddedNulls } from "./nulls.js";
import { isStandardSchema, toJsonSchema } from "./standard.js";
import { toStrictJsonSchema } from "./strict.js";
import type { InferOutput, JsonObject, Schema, SchemaIssue, SchemaResult } from "./types.js";
import { type AjvLoader, type Check, compileCheck, loadAjv } from "./validate.js";
import { toWellFormedSchema } from "./wellFormed.js";

/** What every validator has stack for. */
const ORDINARY_LEVELS = 100;

const TOO_DEEP = { ok: false, issues: [{ message: "is nested too deep", path: [] }] } as const;

/** An output schema made ready. */
export interface PreparedOutput<T> {
  /** The strict JSON Schema that is sent. */
  readonly wire: JsonValue;
  /**
   * Reads a final answer. Properties that are null only because the strict form made them so are absent again.
   * Rejects only when the schema itself fails: a validator that throws, or a JSON Schema that ajv refuses.
   */
  readonly parse: (text: string | null) => Promise<SchemaResult<T>>;
}

/** A tool's parameters made ready. */
export interface PreparedArguments<T> {
  /** The JSON Schema that is sent, as the user gave it. */
  readonly inputSchema: JsonValue;
  /** Checks the arguments of a call. Rejects only when the schema itself fails. */
  readonly validate: (value: unknown) => Promise<SchemaResult<T>>;
}

/**
 * Makes an output schema ready. The model is asked for what the schema takes (its input side): defaults, transforms and
 * codecs are applied to the answer. A plain JSON Schema is checked when the optional peer `ajv` is installed.
 *
 * @param where - what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError for what is not a schema, is not well-formed or has no strict form, see `toJsonSchema`,
 * `toWellFormedSchema` and `toStrictJsonSchema`.
 */
export function prepareOutput<S extends Schema>(
  schema: S,
  where: string,
  load?: AjvLoader,
): PreparedOutput<InferOutput<S>>;
export function prepareOutput(schema: Schema, where: string, load: AjvLoader = loadAjv): PreparedOutput<unknown> {
  const json = schemaOf(schema, where);
  const strict = toStrictJsonSchema(json, where);
  const validate = validatorOf(schema, json, where, load);
  return {
    wire: strict.schema,
    async parse(text) {
      if (text === null) return { ok: false, issues: [{ message: "there is no answer", path: [] }] };
      let answer: unknown;
      try {
        answer = JSON.parse(text);
      } catch {
        // The parser's own message quotes the answer, which is not for logs.
        return { ok: false, issues: [{ message: "the answer is not JSON, or not JSON alone", path: [] }] };
      }
      if (isDeeperThan(MAX_READ_LEVELS, answer)) return TOO_DEEP;
      return validate(dropAddedNulls(answer, strict));
    },
  };
}

/**
 * Makes a tool's parameters ready. The schema is sent as it is, without `$schema` and with `nullable` in the words of
 * JSON Schema.
 *
 * @throws UsageError for what is not a schema or is not well-formed (see `toJsonSchema` and `toWellFormedSchema`), and
 * when the root is not of type object.
 */
export function prepareArguments<S extends Schema>(
  schema: S,
  where: string,
  load?: AjvLoader,
): PreparedArguments<InferOutput<S>>;
export function prepareArguments(schema: Schema, where: string, load: AjvLoader = loadAjv): PreparedArguments<unknown> {
  const json = schemaOf(schema, where);
  if (json["type"] !== "object") {
    throw new UsageError(
      `${where} must describe an object: the model calls a tool with named arguments. Give the schema's root the type "object".`,
    );
  }
  const { $schema: _, ...inputSchema } = json;
  return { inputSchema, validate: validatorOf(schema, json, where, load) };
}

/** What a library gives is well-formed; its patterns are checked by itself, in its own dialect. */
function schemaOf(schema: Schema, where: string): JsonObject {
  const json = toJsonSchema(schema, { io: "input", where });
  return isStandardSchema(schema) ? json : toWellFormedSchema(json, where);
}

type Validate = (value: unknown) => Promise<SchemaResult<unknown>>;

function validatorOf(schema: Schema, json: JsonObject, where: string, load: AjvLoader): Validate {
  const validate = isStandardSchema(schema) ? standardValidator(schema) : jsonSchemaValidator(json, where, load);
  return async (value) => {
    if (isDeeperThan(MAX_READ_LEVELS, value)) return TOO_DEEP;
    try {
      return await validate(value);
    } catch (error) {
      // A validator takes more of the stack for each level than the reader of the value does.
      if (error instanceof RangeError && isDeeperThan(ORDINARY_LEVELS, value)) return TOO_DEEP;
      throw error;
    }
  };
}

function standardValidator(schema: StandardSchemaV1): Validate {
  return async (value) => {
    const result = await schema["~standard"].validate(value);
    if (result.issues === undefined) return { ok: true, value: result.value };
    return { ok: false, issues: Array.from(result.issues, toIssue) };
  };
}

function jsonSchemaValidator(json: JsonObject, where: string, load: AjvLoader): Validate {
  let check: Promise<Check | null> | undefined;
  return async (value) => {
    check ??= compileCheck(json, where, load);
    const issues = (await check)?.(value) ?? [];
    return issues.length === 0 ? { ok: true, value } : { ok: false, issues };
  };
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

function toIssue(issue: StandardSchemaV1.Issue): SchemaIssue {
  // Libraries give lists of classes of their own, whose map() would make another of those.
  const path = Array.from(issue.path ?? [], (segment) => {
    const key = typeof segment === "object" ? segment.key : segment;
    return typeof key === "symbol" ? String(key) : key;
  });
  return { message: issue.message, path };
}
