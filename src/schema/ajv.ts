/** Owns the check of values against a plain JSON Schema, by ajv when it is installed. */

import { UsageError } from "../errors/index.js";
import { pointerNames } from "./pointer.js";
import type { JsonObject, SchemaIssue } from "./types.js";

/** The dialects of JSON Schema that ajv has a class each for. */
export type Dialect = "2020-12" | "draft-07";

/** What ajv says is wrong with a value. */
interface AjvError {
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: object;
}

/** What is used of a compiled schema. */
interface AjvValidate {
  (value: unknown): unknown;
  errors?: readonly AjvError[] | null | undefined;
}

/** What is used of ajv's classes. */
type AjvClass = new (options: {
  allErrors: boolean;
  strict: boolean;
  validateFormats: boolean;
  logger: false;
}) => { compile(schema: object): AjvValidate };

/** Gives ajv's class for a dialect, or null when ajv is not installed. */
export type AjvLoader = (dialect: Dialect) => Promise<AjvClass | null>;

/** Checks a value: the issues, none of them when it conforms. */
export type Check = (value: unknown) => readonly SchemaIssue[];

/** Loads the optional peer `ajv`. An older major version without these classes counts as not installed. */
export async function loadAjv(dialect: Dialect): Promise<AjvClass | null> {
  try {
    if (dialect === "draft-07") return (await import("ajv")).Ajv ?? null;
    return (await import("ajv/dist/2020.js")).Ajv2020 ?? null;
  } catch (error) {
    if (error instanceof Error && "code" in error && isMissing(error.code)) return null;
    throw error;
  }
}

function isMissing(code: unknown): boolean {
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}

/**
 * Compiles a schema to a check. Formats are not checked: that takes another package. Null when ajv is not installed.
 *
 * @throws UsageError when ajv refuses the schema.
 */
export async function compileCheck(schema: JsonObject, where: string, load: AjvLoader): Promise<Check | null> {
  const { $schema, ...body } = schema;
  const isOld = typeof $schema === "string" && /draft-0[4-7]/.test($schema);
  const Ajv = await load(isOld ? "draft-07" : "2020-12");
  if (Ajv === null) return null;
  let validate: AjvValidate;
  try {
    validate = new Ajv({ allErrors: true, strict: false, validateFormats: false, logger: false }).compile(body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${where} is not a valid JSON Schema: ${reason}.`, { cause });
  }
  return (value) => {
    if (validate(value) === true) return [];
    const issues = (validate.errors ?? []).map((error) => toIssue(error, value));
    return issues.length > 0 ? issues : [{ message: "does not conform to the schema", path: [] }];
  };
}

function toIssue(error: AjvError, value: unknown): SchemaIssue {
  return { message: `${error.message ?? "is not valid"}${detail(error.params)}`, path: toPath(error, value) };
}

function detail(params: object): string {
  if ("additionalProperty" in params) return `: ${JSON.stringify(params.additionalProperty)}`;
  if ("allowedValues" in params) return `: ${JSON.stringify(params.allowedValues)}`;
  if ("allowedValue" in params) return `: ${JSON.stringify(params.allowedValue)}`;
  return "";
}

/** An index is a number and a property's name is not, which only the value itself tells apart. */
function toPath(error: AjvError, value: unknown): (string | number)[] {
  let at: unknown = value;
  return (pointerNames(error.instancePath) ?? []).map((name) => {
    const isIndex = Array.isArray(at);
    at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
    return isIndex ? Number(name) : name;
  });
}
