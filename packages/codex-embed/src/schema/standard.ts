/** Owns the way from a user's schema, of whatever library, to a JSON Schema. */

import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { UsageError } from "../errors/index.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isJsonObject, type JsonObject, type Schema } from "./types.js";

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
