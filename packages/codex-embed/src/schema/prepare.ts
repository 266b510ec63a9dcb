import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { messageOf, UsageError } from "../errors/base.js";
import { OutputValidationError } from "../errors/turn.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import type { EndedTurn } from "../protocol/shapes.js";
import { isPlainObject, isRecord, MAX_READ_LEVELS } from "../util/json.js";
import type { InferOutput, JsonObject, Schema, SchemaIssue, SchemaResult } from "./types.js";
import { toWellFormedSchema } from "./wellFormed.js";

/** The type of `result.output` for an `outputSchema` of type `S`. */
export type OutputOf<S extends Schema | undefined> = S extends Schema ? InferOutput<S> : undefined;

/** What is sent for an `outputSchema`, and how the answer is read. */
export interface OutputPlan<O> {
  readonly wire: JsonValue | undefined;
  /** Resolves with the validated answer. Rejects with `OutputValidationError` when the answer does not conform. */
  readonly parse: (turn: EndedTurn) => Promise<O>;
}

/** The plan of a turn without an `outputSchema`. */
export const NO_OUTPUT: OutputPlan<undefined> = { wire: undefined, parse: () => Promise.resolve(undefined) };

/** Prepares the `outputSchema` of a turn. Rejects with `UsageError` for one that has no strict form. */
export async function planTurnOutput<S extends Schema | undefined>(
  schema: S | undefined,
): Promise<OutputPlan<OutputOf<S>>>;
export async function planTurnOutput(schema: Schema | undefined): Promise<OutputPlan<unknown>> {
  if (schema === undefined) return NO_OUTPUT;
  const prepared = await prepareOutput(schema, "outputSchema");
  return {
    wire: prepared.wire,
    async parse(turn) {
      if (turn.status === "interrupted") {
        throw new OutputValidationError([{ message: "the turn was interrupted", path: [] }], turn.finalResponse ?? "");
      }
      const result = await prepared.parse(turn.finalResponse);
      if (!result.ok) throw new OutputValidationError(result.issues, turn.finalResponse ?? "");
      return result.value;
    },
  };
}

/** The prompt that asks the model to correct an answer that does not conform. */
export function repairRequest(error: OutputValidationError): string {
  const issues = error.issues.map(({ message, path }) => `- ${path.join(".") || "(the whole answer)"}: ${message}`);
  return [
    "Your last answer does not conform to the required JSON schema:",
    ...issues,
    "Answer again with the corrected JSON only.",
  ].join("\n");
}

/** An output schema, ready for use. */
export interface PreparedOutput<T> {
  /** The strict JSON Schema that is sent. */
  readonly wire: JsonValue;
  /**
   * Reads a final answer. Properties that are null only because the strict form made them so are absent again.
   * Rejects only when the schema itself fails: a validator that throws, or a JSON Schema that the validator refuses.
   */
  readonly parse: (text: string | null) => Promise<SchemaResult<T>>;
}

/**
 * Prepares an output schema. The model is asked for what the schema accepts (its input side); defaults, transforms and
 * codecs are applied to the answer. Loads the conversion to the strict form on the first call.
 *
 * @param where - what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError (as a rejection) for what is not a schema, is not well-formed or has no strict form: see
 * `toJsonSchema`, `toWellFormedSchema` and `toStrictJsonSchema`.
 */
export async function prepareOutput<S extends Schema>(
  schema: S,
  where: string,
): Promise<PreparedOutput<InferOutput<S>>>;
export async function prepareOutput(schema: Schema, where: string): Promise<PreparedOutput<unknown>> {
  const json = readSchema(schema, where);
  const { toStrictJsonSchema } = await import("./strict.js");
  const strict = toStrictJsonSchema(json, where);
  const validate = validatorOf(schema, json, where);
  return {
    wire: strict.wire,
    async parse(text) {
      if (text === null) return refused("there is no answer");
      let answer: unknown;
      try {
        answer = JSON.parse(text);
      } catch {
        // The parser's own message quotes the answer, which must not reach a log.
        return refused("the answer is not JSON, or not JSON alone");
      }
      if (isDeeperThan(MAX_READ_LEVELS, answer)) return refused(TOO_DEEP);
      return validate(strict.restore(answer));
    },
  };
}

/** The parameters of a tool, ready for use. */
export interface PreparedArguments<T> {
  /** The JSON Schema that is sent: the user's own. */
  readonly inputSchema: JsonValue;
  /** Checks the arguments of a call. Rejects only when the schema itself fails. */
  readonly validate: (value: unknown) => Promise<SchemaResult<T>>;
}

/**
 * Prepares the parameters of a tool. The schema is sent as it is, without `$schema`, and with OpenAPI's `nullable`
 * written in JSON Schema.
 *
 * @param where - what the schema is for, in the words of the caller, for example `The parameters of the tool x`.
 * @throws UsageError for what is not a schema or is not well-formed (see `toJsonSchema` and `toWellFormedSchema`), and
 * for a schema whose root is not of type object.
 */
export function prepareArguments<S extends Schema>(schema: S, where: string): PreparedArguments<InferOutput<S>>;
export function prepareArguments(schema: Schema, where: string): PreparedArguments<unknown> {
  const json = readSchema(schema, where);
  if (json["type"] !== "object") {
    throw new UsageError(
      `${where} must describe an object: the model calls a tool with named arguments. Give the schema's root the type "object".`,
    );
  }
  const { $schema: _, ...inputSchema } = json;
  return { inputSchema, validate: validatorOf(schema, json, where) };
}

/** A schema of a library is well-formed, and the library checks its patterns in a dialect of its own. */
export function readSchema(schema: Schema, where: string): JsonObject {
  const json = toJsonSchema(schema, { io: "input", where });
  return isStandardSchema(schema) ? json : toWellFormedSchema(json, where);
}

type Validate = (value: unknown) => Promise<SchemaResult<unknown>>;

/** Every validator has stack for this many levels. */
const ORDINARY_LEVELS = 100;

const TOO_DEEP = "is nested too deep";

function validatorOf(schema: Schema, json: JsonObject, where: string): Validate {
  const validate = isStandardSchema(schema) ? standardValidator(schema) : jsonSchemaValidator(json, where);
  return async (value) => {
    if (isDeeperThan(MAX_READ_LEVELS, value)) return refused(TOO_DEEP);
    try {
      return await validate(value);
    } catch (error) {
      // A validator takes more of the stack for each level than the reader of the value does.
      if (error instanceof RangeError && isDeeperThan(ORDINARY_LEVELS, value)) return refused(TOO_DEEP);
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

/** Loads the validator with the first value. */
function jsonSchemaValidator(json: JsonObject, where: string): Validate {
  const compile = async () => (await import("./validate.js")).compileCheck(json, where);
  let check: ReturnType<typeof compile> | undefined;
  return async (value) => {
    check ??= compile();
    const issues = (await check)(value);
    return issues.length === 0 ? { ok: true, value } : { ok: false, issues };
  };
}

function toIssue(issue: StandardSchemaV1.Issue): SchemaIssue {
  // Some libraries return lists of their own class, whose map() would make another of those.
  const path = Array.from(issue.path ?? [], (segment) => {
    const key = typeof segment === "object" ? segment.key : segment;
    return typeof key === "symbol" ? String(key) : key;
  });
  return { message: issue.message, path };
}

function refused(message: string): SchemaResult<never> {
  return { ok: false, issues: [{ message, path: [] }] };
}

export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

/** The dialects to ask for, in order: every library of the standard knows one of them. */
const TARGETS = ["draft-2020-12", "draft-07"] as const;

/** Tells whether a schema can check values by itself. */
export function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  const standard = standardOf(schema);
  return standard !== undefined && "validate" in standard && typeof standard.validate === "function";
}

/**
 * Converts a schema to a plain JSON Schema: a copy without members that are not JSON.
 *
 * @param options - `io`: for a schema that transforms, whether to describe the values before (`input`) or after it
 * (`output`); `where`: what the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError for a validator that cannot be converted, with the way to convert it, and for anything else that is
 * not a schema.
 */
export function toJsonSchema(schema: Schema, options: { io: "input" | "output"; where: string }): JsonObject {
  const { io, where } = options;
  const standard = standardOf(schema);
  if (standard === undefined) {
    // A class instance is a validator of a library that follows no standard.
    if (!isPlainObject(schema)) {
      throw new UsageError(
        `${where} is not a schema. Pass one of a Standard Schema library (zod, valibot, arktype, …) or a JSON Schema object.`,
      );
    }
    return toJson(schema, where);
  }
  if (!hasConverter(standard)) {
    throw new UsageError(
      `${where} is a ${vendorOf(standard)} schema that cannot be converted to JSON Schema. ${hint(schema, standard)}`,
    );
  }
  return toJson(convert(standard, io, where), where);
}

function convert(standard: StandardJSONSchemaV1.Props, io: "input" | "output", where: string): unknown {
  let first: unknown;
  for (const target of TARGETS) {
    try {
      return standard.jsonSchema[io]({ target });
    } catch (error) {
      first ??= error;
    }
  }
  throw new UsageError(`${where} cannot be expressed as JSON Schema: ${standard.vendor} says "${messageOf(first)}".`, {
    cause: first,
  });
}

function toJson(schema: unknown, where: string): JsonObject {
  let copy: JsonValue;
  try {
    copy = JSON.parse(JSON.stringify(schema));
  } catch (cause) {
    throw new UsageError(
      `${where} is not JSON: it contains itself, or is nested too deep. Write a recursive schema with $ref.`,
      { cause },
    );
  }
  if (!isRecord(copy)) throw new UsageError(`${where} did not convert to an object. Pass a JSON Schema object.`);
  return copy;
}

function standardOf(schema: unknown): object | undefined {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) return undefined;
  if (!("~standard" in schema)) return undefined;
  const standard = schema["~standard"];
  return typeof standard === "object" && standard !== null ? standard : undefined;
}

function hasConverter(standard: object): standard is StandardJSONSchemaV1.Props {
  return "jsonSchema" in standard && typeof standard.jsonSchema === "object" && standard.jsonSchema !== null;
}

function vendorOf(standard: object): string {
  return "vendor" in standard && typeof standard.vendor === "string" ? standard.vendor : "Standard Schema";
}

function hint(schema: object, standard: object): string {
  switch (vendorOf(standard)) {
    case "zod":
      return "_zod" in schema
        ? 'Pass z.toJSONSchema(schema), with z from "zod", or write the schema with "zod" 4.2 or later instead of "zod/mini".'
        : "Upgrade to zod 4.2 or later.";
    case "valibot":
      return 'Pass toStandardJsonSchema(schema), from "@valibot/to-json-schema".';
    case "effect":
      return 'Pass JSONSchema.make(schema), with JSONSchema from "effect".';
    default:
      return "Pass it as a JSON Schema object, or upgrade the library to a version with Standard JSON Schema.";
  }
}
