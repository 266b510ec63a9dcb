import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { UsageError } from "../errors/base.js";
import { OutputValidationError } from "../errors/turn.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import type { EndedTurn } from "../protocol/shapes.js";
import { MAX_READ_LEVELS } from "../util/json.js";
import { dropAddedNulls } from "./nulls.js";
import { toStrictJsonSchema } from "./strict.js";
import {
  type InferOutput,
  isJsonObject,
  type JsonObject,
  type Schema,
  type SchemaIssue,
  type SchemaResult,
} from "./types.js";
import { type AjvLoader, type Check, compileCheck, loadAjv } from "./validate.js";
import { toWellFormedSchema } from "./wellFormed.js";

/** The dialects that are asked for, in order: every library of the standard knows one of them. */
const TARGETS = ["draft-2020-12", "draft-07"] as const;

/** Tells whether a schema can check values by itself. */
export function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  const standard = standardOf(schema);
  return standard !== undefined && "validate" in standard && typeof standard.validate === "function";
}

/**
 * Brings a schema to a plain JSON Schema: a copy of it, without members that are not JSON.
 *
 * @param options - `io`: for a schema that transforms, whether the values before (`input`) or after it; `where`: what
 * the schema is for, in the words of the caller, for example `outputSchema`.
 * @throws UsageError for a validator that does not give JSON Schema, with the way to get one, and for anything else
 * that is not a schema.
 */
export function toJsonSchema(schema: Schema, options: { io: "input" | "output"; where: string }): JsonObject {
  const { io, where } = options;
  const standard = standardOf(schema);
  if (standard === undefined) {
    if (!isPlainObject(schema)) {
      throw new UsageError(
        `${where} is not a schema. Pass one of a Standard Schema library (zod, valibot, arktype, …) or a JSON Schema object.`,
      );
    }
    return toJson(schema, where);
  }
  if (!hasConverter(standard)) {
    throw new UsageError(
      `${where} is a ${vendorOf(standard)} schema that does not give JSON Schema. ${hint(schema, standard)}`,
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
  const reason = first instanceof Error ? first.message : String(first);
  throw new UsageError(`${where} cannot be expressed as JSON Schema: ${standard.vendor} says "${reason}".`, {
    cause: first,
  });
}

function toJson(schema: unknown, where: string): JsonObject {
  let copy: JsonValue;
  try {
    copy = JSON.parse(JSON.stringify(schema));
  } catch (cause) {
    throw new UsageError(`${where} is not JSON: it has a cycle other than by $ref, or is nested too deep.`, { cause });
  }
  if (!isJsonObject(copy)) throw new UsageError(`${where} did not give a JSON Schema object.`);
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

/** A plain object of any realm: class instances are validators of libraries that follow no standard. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
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

/** The type of `result.output` for an `outputSchema` of type `S`. */
export type OutputOf<S extends Schema | undefined> = S extends Schema ? InferOutput<S> : undefined;

/** What goes on the wire for an `outputSchema`, and how the answer is read. */
export interface OutputPlan<O> {
  readonly wire: JsonValue | undefined;
  /** Throws `OutputValidationError` when the answer does not conform. */
  readonly parse: (turn: EndedTurn) => Promise<O>;
}

/** Prepares an output schema; throws `UsageError` for one that has no strict form. */
export function outputParser<S extends Schema | undefined>(schema: S | undefined): OutputPlan<OutputOf<S>>;
export function outputParser(schema: Schema | undefined): OutputPlan<unknown> {
  if (schema === undefined) return { wire: undefined, parse: async () => undefined };
  const prepared = prepareOutput(schema, "outputSchema");
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

/** Asks the model for an answer that conforms. */
export function repairRequest(error: OutputValidationError): string {
  const issues = error.issues.map(({ message, path }) => `- ${path.join(".") || "(the whole answer)"}: ${message}`);
  return [
    "Your last answer does not conform to the required JSON schema:",
    ...issues,
    "Answer again with the corrected JSON alone.",
  ].join("\n");
}
